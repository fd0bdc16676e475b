// Engagement logs in JSON lines. Input: events, items, users. What is read is read again as JSON that is
// written of it.
#include <nlohmann/json.hpp>

#include <recllm/data/read_jsonl.hpp>

#include "fuzz/dataset.hpp"

using namespace recllm;
using nlohmann::json;

namespace {

void check_written(const dataset& data, jsonl_settings settings) {
  std::string events, items, users;
  for (const std::vector<event>& history : data.histories)
    for (const event& e : history) {
      const json line{{"user_id", data.users[e.user].id},
                      {"item_id", data.items[e.item].id},
                      {"value", e.value},
                      {"timestamp", e.time},
                      {"action", engagement_names[static_cast<std::size_t>(e.action)].second}};
      events += line.dump() + "\n";
    }
  for (const item& one : data.items) {
    const json line{{"item_id", one.id},    {"title", one.title},
                    {"year", one.year},     {"description", one.description},
                    {"topics", one.topics}, {"stats", {{"likes", one.attributes.at(0).second}}}};
    items += line.dump() + "\r\n\n";
  }
  for (const user& one : data.users)
    users += json{{"user_id", one.id}, {"age", one.attributes.at(0).second}}.dump() + "\n \n";
  const fuzz::file e("written.events"), i("written.items"), u("written.users");
  e.write(events);
  i.write(items);
  u.write(users);
  settings.time_as = time_format::seconds;
  fuzz::expect(fuzz::same(read_jsonl({e.path(), i.path(), u.path()}, settings), data), "another dataset:\n",
               events, items, users);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 3);
  const fuzz::file files[] = {fuzz::file("events"), fuzz::file("items"), fuzz::file("users")};
  for (std::size_t i = 0; i < 3; ++i) files[i].write(texts[i]);
  const auto attempt = [&](const dataset_files& from, const jsonl_settings& settings) {
    auto data = fuzz::attempt([&] { return read_jsonl(from, settings); });
    for (std::size_t i = 0; i < 3; ++i)
      fuzz::expect_place_in(data.refusal, files[i].path().string(), texts[i]);
    if (data.value) fuzz::expect_dataset(*data.value);
    return data.value;
  };
  const jsonl_settings settings{
      .time_as = texts[0].find('T') == std::string::npos ? time_format::milliseconds : time_format::iso_8601,
      .item_attributes = {"/stats/likes"},
      .attributes = {"age"}};
  const auto data = attempt({files[0].path(), files[1].path(), files[2].path()}, settings);
  if (data) {
    check_written(*data, settings);
    fuzz::expect_written(*data, {.action = "action",
                                 .title = "title",
                                 .description = "about",
                                 .item_attributes = {"/stats/likes"},
                                 .attributes = {"age"}});
  }
  (void)attempt({files[0].path()}, {.item_id = "/item/0/id", .action = "", .value = ""});
  return 0;
}
