#include <recllm/text/item_text.hpp>

#include <string>

#include "support/catch.hpp"

using namespace recllm;

namespace {

const item post{"7",
                "Hot pot at home",
                "2024",
                {"food", "home", "winter"},
                "How to set the table, and what to buy",
                {{"likes", "120"}, {"shares", "1"}, {"brand", "Lao"}, {"comments", ""}}};

}  // namespace

TEST_CASE("an item is told by title, tags, description and statistics") {
  CHECK(item_text(post) ==
        "'Hot pot at home' (2024). Topics: food, home, winter. How to set the table, and what to buy. 120 "
        "likes, 1 "
        "share.");
  CHECK(item_text(post, {.topics = 2,
                         .description_letters = 21,
                         .statistics = {"shares", "views"},
                         .attributes = {"brand", "size"}}) ==
        "'Hot pot at home' (2024). Topics: food, home. How to set the table... brand: Lao. 1 share.");
  CHECK(item_text(post, {.topics = 0, .description_letters = 0, .statistics = {}}) ==
        "'Hot pot at home' (2024).");
}

TEST_CASE("what an item lacks is not told") {
  CHECK(item_text({"1", "Heat", "", {}}) == "'Heat'.");
  CHECK(item_text({"1", "", "1995", {""}}) == "(1995).");
  CHECK(item_text({"1", "", "", {"Crime"}}) == "Topics: Crime.");
  CHECK(item_text({"1", "", "", {}, "Is it?"}) == "Is it?");
  CHECK(item_text({"1", "", "", {}}).empty());
}

TEST_CASE("a text is cut between words, never inside a character") {
  CHECK(shortened("one two three", 13) == "one two three");
  CHECK(shortened("one two three", 12) == "one two...");
  CHECK(shortened("one two three", 7) == "one two...");
  CHECK(shortened("one, two", 5) == "one...");
  CHECK(shortened("one two", 3) == "one...");
  CHECK(shortened("\u00e9\u00e9\u00e9\u00e9", 3) == "\u00e9\u00e9\u00e9...");
  CHECK(shortened("abc", 0) == "...");
  CHECK(shortened("", 0).empty());
  CHECK(shortened("\xff\xff\xff", 2) == "\xff\xff...");
}
