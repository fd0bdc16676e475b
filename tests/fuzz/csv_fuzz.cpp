// CSV files, then filters and splits of what was read: events, items, users, and letters that choose
// settings.
#include <recllm/data.hpp>

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
  filter_and_split(*data.value);
  return 0;
}
