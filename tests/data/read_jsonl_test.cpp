// Engagement logs as JSON lines: fields by key and by pointer, kinds of values, and every refusal.
#include <recllm/data/read_jsonl.hpp>

#include <fstream>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

struct folder : temporary_folder {
  dataset_files files{.events = path / "log.jsonl"};
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string file(const char* name) const { return (path / name).string(); }
};

}  // namespace

TEST_CASE("events by key; a value is needed for ratings and dwells only") {
  const folder feed;
  feed.write(
      "log.jsonl",
      "\xEF\xBB\xBF{\"user_id\": 7, \"item_id\": \"p1\", \"action\": \"like\", \"timestamp\": 20, \"x\": "
      "[1]}\r\n"
      "  \r\n"
      "{\"user_id\": \"7\", \"item_id\": \"p2\", \"action\": \"dwell\", \"value\": \"31.5\", \"timestamp\": "
      "\"10\"}\n"
      "{\"user_id\": 8, \"item_id\": \"p1\", \"action\": \"rating\", \"value\": 4.5, \"timestamp\": 1.5e1}");
  const dataset data = read_jsonl(feed.files);
  REQUIRE(data.users.size() == 2);
  CHECK(data.users[0].id == "7");
  CHECK(data.items[1].id == "p2");
  REQUIRE(data.histories[0].size() == 2);
  CHECK(data.histories[0][0].action == engagement::dwell);
  CHECK(data.histories[0][0].value == 31.5);
  CHECK(data.histories[0][1].action == engagement::like);
  CHECK(data.histories[0][1].value == 1);
  CHECK(data.histories[1][0].value == 4.5);
  CHECK(data.histories[1][0].time == 15);
}

TEST_CASE("every kind of engagement by its name") {
  const folder feed;
  std::string text;
  for (const auto& [action, name] : engagement_names)
    text += R"({"user_id":"u","item_id":"i","action":")" + std::string(name) +
            R"(","value":2,"timestamp":1})"
            "\n";
  feed.write("log.jsonl", text);
  const dataset data = read_jsonl(feed.files);
  REQUIRE(data.histories[0].size() == engagement_names.size());
  for (std::size_t i = 0; i < engagement_names.size(); ++i)
    CHECK(data.histories[0][i].action == engagement_names[i].first);
}

TEST_CASE("nested fields, items and users, ISO times") {
  folder feed;
  feed.files.items = feed.path / "items.jsonl";
  feed.files.users = feed.path / "users.jsonl";
  feed.write("log.jsonl", R"({"who":{"id":3},"post":{"id":"a"},"at":"1970-01-02"})"
                          "\n");
  feed.write(
      "items.jsonl",
      R"({"post":{"id":"a"},"title":"Caf\u00e9","topics":["x","",null,"y"],"year":2024,"stats":{"likes":10}})"
      "\n"
      R"({"post":{"id":"b"},"topics":"z","description":null})"
      "\n");
  feed.write("users.jsonl", R"({"who":{"id":3},"age":24,"vip":true})"
                            "\n"
                            R"({"who":{"id":4}})"
                            "\n");
  const dataset data = read_jsonl(feed.files, {.user_id = "/who/id",
                                               .item_id = "/post/id",
                                               .action = "",
                                               .value = "",
                                               .time = "at",
                                               .time_as = time_format::iso_8601,
                                               .item_attributes = {"/stats/likes"},
                                               .attributes = {"age", "vip"}});
  CHECK(data.items[0].title == "Caf\xC3\xA9");
  CHECK(data.items[0].year == "2024");
  CHECK(data.items[0].topics == std::vector<std::string>{"x", "y"});
  CHECK(data.items[0].attributes == std::vector<std::pair<std::string, std::string>>{{"/stats/likes", "10"}});
  CHECK(data.items[1].topics == std::vector<std::string>{"z"});
  CHECK(data.items[1].attributes.front().second.empty());
  CHECK(data.users[0].attribute("age") == "24");
  CHECK(data.users[0].attribute("vip") == "true");
  CHECK(data.users[1].attribute("age").empty());
  CHECK(data.histories[0][0].time == 86'400);
  CHECK(data.histories[0][0].value == 1);
  CHECK(data.histories[1].empty());
}

TEST_CASE("what does not fit is named by file, line, field and value") {
  folder feed;
  const std::string good = R"({"user_id":"u","item_id":"i","action":"like","timestamp":1})"
                           "\n";
  const auto refused = [&](const std::string& line, const std::string& why) {
    feed.write("log.jsonl", good + line);
    CHECK_THROWS_WITH(read_jsonl(feed.files),
                      Contains("recllm: read_jsonl: " + feed.file("log.jsonl") + ":2: " + why));
    CHECK_THROWS_AS(read_jsonl(feed.files), std::invalid_argument);
  };
  refused("{\"user_id\": }", "expected a JSON object: ");
  refused("{\"user_id\": \"\xE9\"}", "expected a JSON object: ");
  refused("{\"user_id\": 1e999}", "expected a JSON object: ");
  refused("[1]", "expected a JSON object, found array");
  refused("{'user_id': 'u'}", "this is a Python literal");
  refused(R"({"user_id":1.5,"item_id":"i","action":"like","timestamp":1})",
          "field 'user_id' is 1.5; expected an id");
  refused(R"({"item_id":"i","action":"like","timestamp":1})",
          "field 'user_id' is not there; expected an id, a text or an integer; found: action, item_id, "
          "timestamp");
  refused(R"({"user_id":"u","item_id":{},"action":"like","timestamp":1})",
          "field 'item_id' is object; expected an id");
  refused(R"({"user_id":"u","item_id":"i","action":"lick","timestamp":1})",
          "field 'action' is 'lick'; expected one of rating, view, dwell");
  refused(R"({"user_id":"u","item_id":"i","action":["like"],"timestamp":1})",
          "field 'action' holds array; expected text or a number");
  refused(R"({"user_id":"u","item_id":"i","action":"dwell","timestamp":1})",
          "field 'value' is not there; expected a finite number");
  refused(R"({"user_id":"u","item_id":"i","action":"like","value":"much","timestamp":1})",
          "field 'value' is \"much\"; expected a finite number");
  refused(R"({"user_id":"u","item_id":"i","action":"like","timestamp":"noon"})",
          "field 'timestamp' is \"noon\"; expected seconds since the epoch");
  refused(R"({"user_id":"u","item_id":"i","action":"like","timestamp":true})",
          "field 'timestamp' is true; expected");
  feed.write("log.jsonl", "\n");
  CHECK_THROWS_WITH(read_jsonl(feed.files), Contains("there is no event; expected at least one line"));
  CHECK_THROWS_WITH(read_jsonl({.events = "no.jsonl"}), Contains("cannot open no.jsonl"));
  feed.write("log.jsonl", good);
  feed.files.items = feed.path / "items.jsonl";
  feed.write("items.jsonl", "{\"item_id\": \"j\"}\n{\"item_id\": \"j\"}\n");
  CHECK_THROWS_WITH(read_jsonl(feed.files), Contains("items.jsonl:2: item id 'j' is there twice"));
  feed.write("items.jsonl", "{\"item_id\": \"j\"}\n");
  CHECK_THROWS_WITH(read_jsonl(feed.files), Contains("log.jsonl:1: item 'i' has no row in"));
}
