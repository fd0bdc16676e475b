// Amazon's reviews, metadata of both years, and sequences; real sequences where they are there.
#include <recllm/data/read_amazon.hpp>

#include <fstream>

#include <recllm/data/leakage.hpp>

#include "support/catch.hpp"
#include "support/shared_files.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

using topics = std::vector<std::string>;
using attributes = std::vector<std::pair<std::string, std::string>>;

struct folder : temporary_folder {
  amazon_files files{.reviews = path / "reviews.json", .metadata = path / "meta.json"};
  folder() {
    write(
        "reviews.json",
        R"({"reviewerID": "A2S", "asin": "B1", "reviewerName": "J", "helpful": [2, 3], "reviewText": "I \"like\" it", )"
        R"("overall": 5.0, "summary": "Good", "unixReviewTime": 1252800000, "reviewTime": "09 13, 2009"})"
        "\n"
        R"({"overall": 2.0, "vote": "5", "verified": true, "reviewTime": "01 1, 2008", "reviewerID": "A2S", )"
        R"("asin": "B0", "style": {"Color:": " Red"}, "unixReviewTime": 1199145600})"
        "\n"
        R"({"overall": 4.0, "reviewerID": "AX", "asin": "B1", "unixReviewTime": 1})");
    write("meta.json", "{\"asin\": \"B1\"}\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
};

}  // namespace

TEST_CASE("reviews are ratings, metadata of 2014 and 2018 describe their items") {
  folder shop;
  shop.write(
      "meta.json",
      R"({"asin": "ZZ", "title": "never reviewed"})"
      "\n"
      R"({"asin": "B1", "title": "Tutu", "price": 3.17, "description": "For girls", "related": {"also_bought": ["B0"]}, )"
      R"("salesRank": {"Toys": 1}, "brand": "Coxlures", )"
      R"("categories": [["Sports", "Other Sports", "Dance"], ["Sports", "Ballet"]]})"
      "\n"
      R"({"asin": "B0", "title": "Lamp", "feature": [], "description": ["Bright.", "", "Small."], "price": "$7.04", )"
      R"("brand": null, "category": ["Home", "Lamps", "Home"]})"
      "\n"
      R"({"asin": "B0", "title": "again"})"
      "\n");
  const dataset data = read_amazon(shop.files);
  REQUIRE(data.users.size() == 2);
  REQUIRE(data.items.size() == 2);
  CHECK(data.items[0].title == "Tutu");
  CHECK(data.items[0].description == "For girls");
  CHECK(data.items[0].topics == topics{"Sports", "Other Sports", "Dance", "Ballet"});
  CHECK(data.items[0].attributes == attributes{{"brand", "Coxlures"}, {"price", "3.17"}});
  CHECK(data.items[1].title == "Lamp");
  CHECK(data.items[1].description == "Bright. Small.");
  CHECK(data.items[1].topics == topics{"Home", "Lamps"});
  CHECK(data.items[1].attributes == attributes{{"price", "$7.04"}});
  REQUIRE(data.histories[0].size() == 2);
  CHECK(data.histories[0][0].item == 1);
  CHECK(data.histories[0][0].value == 2);
  CHECK(data.histories[0][1].time == 1252800000);
  CHECK(data.histories[1][0].action == engagement::rating);
  shop.files.metadata.clear();
  CHECK(read_amazon(shop.files).items[0].title.empty());
}

TEST_CASE("files as they are published are refused with the way to mend them") {
  const folder shop;
  shop.write("meta.json", "{'asin': '0000031852', 'title': 'Tutu', 'price': 3.17}\n");
  CHECK_THROWS_WITH(read_amazon(shop.files),
                    "recllm: read_amazon: " + (shop.path / "meta.json").string() +
                        ":1: this is a Python literal, as the metadata of 2014 are published; expected JSON: "
                        "convert the file first, by json.dumps(ast.literal_eval(line)) of each line");
  shop.write("meta.json", "\x1F\x8B\x08\x08");
  CHECK_THROWS_WITH(read_amazon(shop.files), Contains("is compressed by gzip"));
  shop.write("reviews.json", "{\"overall\": 5, \"asin\": \"B\", \"unixReviewTime\": 1}\n");
  CHECK_THROWS_WITH(read_amazon(shop.files),
                    Contains("reviews.json:1: field 'reviewerID' is not there; expected an id"));
  shop.write("reviews.json", "{\"overall\": null, \"asin\": \"B\"}\n");
  CHECK_THROWS_WITH(read_amazon(shop.files),
                    Contains("field 'overall' is not there; expected a finite number"));
  shop.write("reviews.json", "");
  CHECK_THROWS_WITH(read_amazon(shop.files), Contains("there is no review"));
}

TEST_CASE("lists deeper than the stack are refused like any other") {
  const folder shop;
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  for (const char* field : {"category", "description", "title"}) {
    shop.write("meta.json", "{\"asin\": \"B1\", \"" + std::string(field) + "\": " + deep + "}\n");
    CHECK_THROWS_WITH(read_amazon(shop.files), Contains("meta.json:1: field '" + std::string(field) +
                                                        "' holds array; expected text or a number"));
  }
  shop.write("reviews.json", "{\"overall\": " + deep + "}\n");
  CHECK_THROWS_WITH(read_amazon(shop.files),
                    Contains("reviews.json:1: field 'overall' is array; expected a finite number"));
}

TEST_CASE("sequences, with and without items") {
  const folder shop;
  CHECK_THROWS_WITH(read_amazon_sequences(shop.path),
                    Contains("holds neither sequences.tsv nor sequential_data.txt"));
  shop.write("sequential_data.txt", "1 10 20 10\n2 20\r\n");
  const dataset bare = read_amazon_sequences(shop.path);
  CHECK(bare.items[0].id == "10");
  CHECK(item_sequence(std::span(bare.histories[0])) == std::vector<std::size_t>{0, 1, 0});
  CHECK(bare.histories[0][2].time == 2);
  CHECK(bare.histories[0][2].action == engagement::purchase);

  shop.write("sequences.tsv", "user_id\titem_ids (oldest first)\n1\t20 10\n");
  shop.write("items.tsv",
             "item_id\tasin\ttitle\tbrand\tcategories\tkeywords\n"
             "10\tB1\tLamp \"S\"\t\tHome > Lamps & more\tlamp\n20\tB2\t\tAcme\t\t\n");
  const dataset data = read_amazon_sequences(shop.path);
  CHECK(data.items[0].title == "Lamp \"S\"");
  CHECK(data.items[0].topics == topics{"Home", "Lamps & more"});
  CHECK(data.items[0].attributes == attributes{{"asin", "B1"}, {"keywords", "lamp"}});
  CHECK(data.items[1].topics.empty());
  CHECK(data.items[1].attributes == attributes{{"asin", "B2"}, {"brand", "Acme"}});
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{1, 0});

  const auto refused = [&](const std::string& text, const std::string& why) {
    shop.write("sequences.tsv", text);
    CHECK_THROWS_WITH(read_amazon_sequences(shop.path), Contains("sequences.tsv" + why));
  };
  refused("1\t10\n2\t20\n", ":1: the header is '1\t10'; expected user_id and item_ids");
  refused("user_id\titem_ids\n1\t10\n1\t20\n", ":3: user '1' is there twice; expected one line each");
  refused("user_id\n1\t30\n", ":2: item '30' has no row in ");
  refused("user_id\n1\t\n", ":2: user '1' has no items");
  refused("user_id\n", ":1: there is no sequence");
  refused("", ": the file is empty; expected a header");
}

TEST_CASE("the published 5-core sets have their published sizes") {
  // Users, items and actions: Zhou et al., S3-Rec, arXiv:2008.07873, statistics of the data.
  const std::vector<std::pair<const char*, std::array<std::size_t, 3>>> sets{
      {"Beauty", {22'363, 12'101, 198'502}},
      {"Sports_and_Outdoors", {35'598, 18'357, 296'337}},
      {"Toys_and_Games", {19'412, 11'924, 167'597}}};
  for (const auto& [name, sizes] : sets) {
    const auto folder = shared_file(("data/amazon2014/" + std::string(name)).c_str());
    if (!folder) continue;
    const dataset data = read_amazon_sequences(*folder);
    std::size_t events = 0;
    for (const std::vector<event>& history : data.histories) {
      events += history.size();
      REQUIRE(history.size() >= 5);
    }
    CHECK(data.users.size() == sizes[0]);
    CHECK(data.items.size() == sizes[1]);
    CHECK(events == sizes[2]);
    const data_split split = leave_one_out(data);
    CHECK(split.test.size() == data.users.size());
    CHECK_NOTHROW(prove_no_leakage(data, split));
  }
}
