// CSV and TSV with columns named in the settings: RFC 4180 quoting, times, and every refusal.
#include <recllm/data/read_csv.hpp>

#include <fstream>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

struct folder : temporary_folder {
  dataset_files files{.events = path / "log.csv"};
  folder() { write("log.csv", "user_id,item_id,rating,timestamp\nu1,a,5,20\nu2,b,3.5,10\nu1,b,1,10\n"); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string file(const char* name) const { return (path / name).string(); }
};

}  // namespace

TEST_CASE("events alone: users and items in order of first appearance") {
  const folder shop;
  const dataset data = read_csv(shop.files);
  REQUIRE(data.users.size() == 2);
  REQUIRE(data.items.size() == 2);
  CHECK(data.users[0].id == "u1");
  CHECK(data.items[1].id == "b");
  CHECK(data.items[1].title.empty());
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{1, 0});
  CHECK(data.histories[0][1].value == 5);
  CHECK(data.histories[1][0].value == 3.5);
  CHECK(data.histories[1][0].user == 1);
  CHECK(data.histories[1][0].action == engagement::rating);
}

TEST_CASE("all three files, columns in any order, quotes, actions and ISO times") {
  folder shop;
  shop.files.items = shop.path / "items.csv";
  shop.files.users = shop.path / "users.csv";
  shop.write("log.csv",
             "\xEF\xBB\xBFwhat;when;who;which;how much;extra\r\n"
             "like;2024-02-29T23:59:58Z;7;\"x;1\";1;\r\n"
             "dwell;2024-02-29 23:59:50;7;y;31.5;\"\"\r\n"
             "\r\n"
             "view;2024-03-01;3;\"x;1\";1;end");
  shop.write("items.csv",
             "name;id;kinds;told;brand\r\n"
             "\"The \"\"best\"\"\r\nthing\";\"x;1\";a|b||a c;\"\";Acme\r\n"
             "\"\";y;;\"one\ntwo\";\"\"\"\"\r\n");
  shop.write("users.csv", "age;id\n30;3\n;7\n");
  const csv_settings settings{.delimiter = ";",
                              .user_id = "who",
                              .item_id = "which",
                              .value = "how much",
                              .time = "when",
                              .time_as = time_format::iso_8601,
                              .action = "what"};
  CHECK_THROWS_WITH(read_csv(shop.files, settings),
                    "recllm: read_csv: " + shop.file("users.csv") +
                        ":1: there is no column 'who'; found: age, id; name the columns in csv_settings");
  shop.write("users.csv", "age;who\n30;3\n;7\n");
  shop.write("items.csv",
             "name;which;kinds;told;brand\r\n"
             "\"The \"\"best\"\"\r\nthing\";\"x;1\";a|b||a c;\"\";Acme\r\n"
             "\"\";y;;\"one\ntwo\";\"\"\"\"\r\n");
  csv_settings columns = settings;
  columns.title = "name";
  columns.topics = "kinds";
  columns.description = "told";
  columns.item_attributes = {"brand"};
  columns.attributes = {"age"};
  const dataset data = read_csv(shop.files, columns);
  REQUIRE(data.items.size() == 2);
  CHECK(data.items[0].id == "x;1");
  CHECK(data.items[0].title == "The \"best\"\r\nthing");
  CHECK(data.items[0].topics == std::vector<std::string>{"a", "b", "a c"});
  CHECK(data.items[0].attributes.front().second == "Acme");
  CHECK(data.items[1].description == "one\ntwo");
  CHECK(data.items[1].title.empty());
  CHECK(data.items[1].topics.empty());
  CHECK(data.items[1].attributes.front().second == "\"");
  CHECK(data.users[0].attribute("age") == "30");
  REQUIRE(data.histories[1].size() == 2);
  CHECK(data.histories[1][0].action == engagement::dwell);
  CHECK(data.histories[1][0].value == 31.5);
  CHECK(data.histories[1][1].time == 1709251198);
  CHECK(data.histories[0][0].action == engagement::view);
  columns.topic_separator = '\0';
  CHECK(read_csv(shop.files, columns).items[0].topics == std::vector<std::string>{"a|b||a c"});
}

TEST_CASE("without a header columns are numbers; values and quotes may be left out") {
  const folder shop;
  shop.write("log.csv", "a\t\"5\tu\t9000\nb\t4\tu\t8999");
  csv_settings settings{.delimiter = "\t", .quoted = false, .header = false};
  settings.user_id = "2";
  settings.item_id = "1";
  settings.value = "";
  settings.time = "3";
  settings.time_as = time_format::milliseconds;
  const dataset data = read_csv(shop.files, settings);
  CHECK(data.items[0].id == "\"5");
  CHECK(data.histories[0][0].item == 1);
  CHECK(data.histories[0][0].time == 8);
  CHECK(data.histories[0][1].time == 9);
  CHECK(data.histories[0][1].value == 1);
  shop.write("log.csv", "a\tb\tu\t9\nb\t4\tu\n");
  CHECK_THROWS_WITH(read_csv(shop.files, settings),
                    Contains(":2: expected 4 fields parted by tabs, as in the first line, found 3"));
  settings.time = "4";
  CHECK_THROWS_WITH(read_csv(shop.files, settings),
                    Contains(":1: there is no column '4'; found: 0, 1, 2, 3;"));
  shop.write("log.csv", "");
  settings.time = "3";
  CHECK_THROWS_WITH(read_csv(shop.files, settings), Contains("log.csv is empty; expected rows"));
}

TEST_CASE("delimiters of several characters") {
  const folder shop;
  shop.write("log.csv", "user_id::item_id::rating::timestamp\n\"a::b\"::c:d::2::3\n");
  const dataset data = read_csv(shop.files, {.delimiter = "::"});
  CHECK(data.users[0].id == "a::b");
  CHECK(data.items[0].id == "c:d");
  for (const char* bad : {"", "\"", ",\n"})
    CHECK_THROWS_WITH(read_csv(shop.files, {.delimiter = bad}),
                      Contains("expected one or more characters other than quotes and line ends"));
}

TEST_CASE("what does not fit is named by file, line, column and value") {
  folder shop;
  const auto refused = [&](const std::string& rows, const std::string& why) {
    shop.write("log.csv", "user_id,item_id,rating,timestamp\n" + rows);
    CHECK_THROWS_WITH(read_csv(shop.files), "recllm: read_csv: " + shop.file("log.csv") + why);
  };
  refused("u,a,5,20\nu,a,good,20\n", ":3: column 'rating' holds 'good'; expected a finite number");
  refused("u,a,5,2024-01-01\n",
          ":2: column 'timestamp' holds '2024-01-01'; expected seconds since the epoch that fit 64 bits");
  refused("u,a,5\n", ":2: expected 4 fields parted by ',', as in the header, found 3");
  refused("u,a,5,20,\n", ":2: expected 4 fields parted by ',', as in the header, found 5");
  refused("u,a,5,20\n\"u,a,5,20\nu,a,5,20\n", ":3: the quote that opens field 1 is not closed");
  refused(
      "u,\"a\"b,5,20\n",
      ":2: field 2 goes on after its closing quote; expected ',' there, or a quote inside a field written "
      "twice");
  refused("u,\xE9,5,20\n", ":2: item id '\xE9' is not UTF-8; convert the file first, for example by iconv");
  refused(",a,5,20\n", ":2: user id is empty; without one, events of many would be taken for one's");
  refused("u,,5,20\n", ":2: item id is empty; without one, events of many would be taken for one's");
  refused("", ":1: there is no interaction; expected at least one row");
  csv_settings settings{.action = "rating"};
  shop.write("log.csv", "user_id,item_id,rating,timestamp\nu,a,5,20\n");
  CHECK_THROWS_WITH(
      read_csv(shop.files, settings),
      Contains(":2: column 'rating' holds '5'; expected one of rating, view, dwell, click, like"));
  shop.files.items = shop.path / "items.csv";
  shop.write("items.csv", "item_id,title\nb,B\nb,C\n");
  CHECK_THROWS_WITH(read_csv(shop.files),
                    Contains("items.csv:3: item id 'b' is there twice; expected one row"));
  shop.write("items.csv", "item_id,title\n,B\n");
  CHECK_THROWS_WITH(read_csv(shop.files),
                    Contains("items.csv:2: item id is empty; expected an id in every row"));
  shop.write("items.csv", "item_id,title\nb,B\n");
  CHECK_THROWS_WITH(read_csv(shop.files),
                    Contains("log.csv:2: item 'a' has no row in " + shop.file("items.csv")));
  shop.write("items.csv", "item_id,title\nb,\xE9\n");
  CHECK_THROWS_WITH(read_csv(shop.files),
                    Contains("items.csv:2: column 'title' holds '\xE9', which is not UTF-8"));
  CHECK_THROWS_WITH(
      read_csv({.events = "no.csv"}),
      "recllm: read_csv: cannot open no.csv; expected a readable CSV file there: check dataset_files");
  shop.write("items.csv", "");
  CHECK_THROWS_WITH(read_csv(shop.files),
                    Contains("items.csv is empty; expected a header with names of columns"));
}

TEST_CASE("whatever text is quoted comes back") {
  constexpr std::uint64_t seed = 71;
  INFO("seed " << seed);
  random_stream rng(seed);
  folder shop;
  shop.files.items = shop.path / "items.csv";
  std::vector<std::string> titles;
  std::string text = "item_id,title\r\n";
  for (int i = 0; i < 2000; ++i) {
    std::string title, quoted;
    for (std::size_t n = rng.below(12); n > 0; --n) {
      const char c = "\",\n\r ax"[rng.below(7)];
      title += c;
      quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    titles.push_back(title);
    text += std::to_string(i) + ",\"" + quoted + (i % 2 == 0 ? "\"\r\n" : "\"\n");
  }
  shop.write("items.csv", text);
  shop.write("log.csv", "user_id,item_id,rating,timestamp\nu,0,5,20\n");
  const dataset data = read_csv(shop.files);
  REQUIRE(data.items.size() == titles.size());
  for (std::size_t i = 0; i < titles.size(); ++i) REQUIRE(data.items[i].title == titles[i]);
}
