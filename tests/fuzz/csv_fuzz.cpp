// CSV files, then filters and splits of what was read: events, items, users, and letters that choose
// settings. What is read is read again from files in which every field is quoted.
#include <charconv>

#include <recllm/data.hpp>
#include <recllm/text/showable.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;
using fuzz::events_of;
using fuzz::expect;
using fuzz::expect_dataset;

namespace {

void filter_and_split(const dataset& read) {
  const dataset core = k_core(read, {2, 2});
  expect_dataset(core);
  for (const std::vector<event>& history : core.histories) expect(history.size() >= 2, "no core");
  expect_dataset(drop_exact_repeats(read));
  const dataset sessions = cut_sessions(read, 10);
  expect(events_of(sessions) == events_of(read), "sessions lose events");
  const dataset once = deduplicate(read);
  expect_dataset(once);
  expect(events_of(deduplicate(once)) == events_of(once), "an item is there twice");
  prove_no_leakage(read, leave_one_out(read));
  const std::int64_t half = time_at_share(read, 0.5);
  prove_no_leakage(read, temporal_split(read, half), half);
}

/// RFC 4180's quoting of every field, and its line ends.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      text += '"';
      for (const char c : row[i]) text += std::string(c == '"' ? 2 : 1, c);
      text += '"';
    }
    text += "\r\n";
  }
  return text;
}

std::string shown(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// Written with every field quoted, the dataset is read back.
void check_quoted(const dataset& data, const std::vector<std::string>& attributes) {
  std::vector<std::vector<std::string>> events{{"user_id", "item_id", "rating", "timestamp", "action"}};
  std::vector<std::vector<std::string>> items{{"item_id", "title", "topics"}}, users{{"user_id"}};
  for (const std::vector<event>& history : data.histories)
    for (const event& e : history)
      events.push_back({data.users[e.user].id, data.items[e.item].id, shown(e.value), std::to_string(e.time),
                        std::string(engagement_names[static_cast<std::size_t>(e.action)].second)});
  for (const item& one : data.items) items.push_back({one.id, one.title, join(one.topics, "|")});
  users[0].insert(users[0].end(), attributes.begin(), attributes.end());
  for (const user& one : data.users) {
    users.push_back({one.id});
    for (const auto& [name, value] : one.attributes) users.back().push_back(value);
  }
  const fuzz::file e("quoted.events"), i("quoted.items"), u("quoted.users");
  e.write(table(events));
  i.write(table(items));
  u.write(table(users));
  const csv_settings settings{.action = "action", .topics = "topics", .attributes = attributes};
  expect(fuzz::same(read_csv({e.path(), i.path(), u.path()}, settings), data),
         "quoted, it is another dataset");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 4);
  const auto has = [&](char letter) { return texts[3].find(letter) != std::string::npos; };
  const fuzz::file events("events"), items("items"), users("users");
  events.write(texts[0]);
  items.write(texts[1]);
  users.write(texts[2]);
  dataset_files files{.events = events.path()};
  if (has('i')) files.items = items.path();
  if (has('u')) files.users = users.path();
  csv_settings settings{.delimiter = has(';')   ? ";"
                                     : has(':') ? "::"
                                                : ",",
                        .quoted = !has('q'),
                        .header = !has('h'),
                        .time_as = has('t')   ? time_format::iso_8601
                                   : has('m') ? time_format::milliseconds
                                              : time_format::seconds};
  if (!settings.header) {
    settings.user_id = settings.title = "0";
    settings.item_id = "1";
    settings.value = has('v') ? "" : "2";
    settings.time = "3";
  }
  if (has('a')) settings.action = settings.header ? "action" : "4";
  if (has('p')) settings.topics = settings.header ? "topics" : "2";
  if (has('e')) settings.attributes = {settings.header ? "age" : "2"};
  const auto data = fuzz::attempt([&] { return read_csv(files, settings); });
  fuzz::expect_place_in(data.refusal, events.path().string(), texts[0]);
  fuzz::expect_place_in(data.refusal, items.path().string(), texts[1]);
  fuzz::expect_place_in(data.refusal, users.path().string(), texts[2]);
  if (!data.value) return 0;
  expect_dataset(*data.value);
  expect(events_of(*data.value) > 0, "no events");
  if (!has('u')) settings.attributes.clear();  // users of the events alone have none
  check_quoted(*data.value, settings.attributes);
  fuzz::expect_written(*data.value, {.action = "action", .attributes = settings.attributes});
  filter_and_split(*data.value);
  return 0;
}
