#include <recllm/text/answer.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

using numbers = std::vector<std::size_t>;

/// "item_0" is 0, ..., "item_99" is 99.
std::unordered_map<std::string, std::size_t> hundred_items() {
  std::unordered_map<std::string, std::size_t> pool;
  for (std::size_t i = 0; i < 100; ++i) pool.emplace("item_" + std::to_string(i), i);
  return pool;
}

numbers items_in(std::string_view list) { return parse_answer(list, hundred_items()).items; }

std::vector<std::string> rejected_in(const parsed_answer& answer) {
  std::vector<std::string> texts;
  for (const rejected_part& part : answer.rejected) texts.push_back(part.text);
  return texts;
}

bool formed(std::string_view text) { return parse_answer(text, hundred_items()).well_formed; }

}  // namespace

TEST_CASE("an answer comes apart into reasoning and items") {
  const parsed_answer a = parse_answer(
      "<think> the user likes crime </think>\n<answer> item_50 item_7 item_0 </answer>\n", hundred_items());
  CHECK(a.reasoning == "the user likes crime");
  CHECK(a.items == numbers{50, 7, 0});
  CHECK(a.rejected.empty());
  CHECK(a.well_formed);
}

TEST_CASE("a list may be written in many ways") {
  const numbers expected{5, 6, 7};
  CHECK(items_in("item_5 item_6 item_7") == expected);
  CHECK(items_in("item_5,item_6, item_7.") == expected);
  CHECK(items_in("[item_5, item_6, item_7]") == expected);
  CHECK(items_in(R"(["item_5","item_6","item_7"])") == expected);
  CHECK(items_in("{'item_5'; 'item_6'; 'item_7'}") == expected);
  CHECK(items_in("1. item_5\r\n2. item_6\r\n3. item_7\r\n") == expected);
  CHECK(items_in("1) item_5\n2) item_6\n3) item_7") == expected);
  CHECK(items_in("(1) item_5 (2) item_6 (3) item_7") == expected);
  CHECK(items_in("1: item_5\n\n\n2: item_6\n3: item_7") == expected);
  CHECK(items_in("1.item_5 2.item_6 3.item_7") == expected);
  CHECK(items_in("- item_5\n* item_6\n\u2022 item_7") == expected);
  CHECK(items_in("**item_5** `item_6` _item_7_") == expected);
  CHECK(items_in("item_5 > item_6 -> item_7") == expected);
  CHECK(items_in("(item_5) | (item_6) | <item_7>") == expected);
}

TEST_CASE("numbers as ids are told from list numbers") {
  const std::map<std::string, std::size_t> pool{{"1", 0}, {"2", 1}, {"50", 2}, {"60", 3}};
  CHECK(parse_answer("50, 1, 2, 60", pool).items == numbers{2, 0, 1, 3});
  CHECK(parse_answer("[50, 1, 2, 60]", pool).items == numbers{2, 0, 1, 3});
  CHECK(parse_answer("1. 50\n2. 1\n3. 2", pool).items == numbers{2, 0, 1});
  CHECK(parse_answer("1. 50 2. 60", pool).items == numbers{2, 3});
  CHECK(parse_answer("50 60.", pool).items == numbers{2, 3});
  const parsed_answer decimal = parse_answer("3.50", pool);
  CHECK(decimal.items.empty());
  CHECK(rejected_in(decimal) == std::vector<std::string>{"3.50"});
  CHECK(rejected_in(parse_answer("50, 99.", pool)) == std::vector<std::string>{"99."});
}

TEST_CASE("an id that has punctuation of its own is found as it is") {
  const std::map<std::string, std::size_t> pool{{"a:b.c", 0}, {"<x>", 1}, {"x", 2}, {"1.5", 3}, {"(7)", 4}};
  CHECK(parse_answer("a:b.c <x> x 1.5, (7)", pool).items == numbers{0, 1, 2, 3, 4});
}

TEST_CASE("what names no item is rejected with its line and a reason") {
  const parsed_answer a = parse_answer(
      "<think>x</think>\n<answer>item_1 sure!\n2. item_100, item_2\nItem_3</answer>", hundred_items());
  CHECK(a.items == numbers{1, 2});
  REQUIRE(a.rejected.size() == 3);
  CHECK(a.rejected[0].line == 2);
  CHECK(a.rejected[0].text == "sure!");
  CHECK(a.rejected[1].line == 3);
  CHECK(a.rejected[1].text == "item_100");
  CHECK(a.rejected[2].line == 4);
  CHECK(a.rejected[2].text == "Item_3");
  for (const rejected_part& part : a.rejected) CHECK(part.reason == "not the id of an item in the pool");
  CHECK(a.well_formed);
}

TEST_CASE("an item that is named twice is there twice") { CHECK(items_in("item_4 item_4") == numbers{4, 4}); }

TEST_CASE("well-formed is one think block, then one answer block, and nothing else") {
  CHECK(formed("<think>a</think><answer>item_1</answer>"));
  CHECK(formed(" \n<think></think>\n\t<answer></answer> \n"));
  CHECK_FALSE(formed(""));
  CHECK_FALSE(formed("item_1"));
  CHECK_FALSE(formed("<answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a</think>"));
  CHECK_FALSE(formed("a</think><answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a<answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a</think><answer>item_1"));
  CHECK_FALSE(formed("<think>a</think>item_1</answer>"));
  CHECK_FALSE(formed("Sure: <think>a</think><answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a</think> so <answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a</think><answer>item_1</answer> done"));
  CHECK_FALSE(formed("<answer>item_1</answer><think>a</think>"));
  CHECK_FALSE(formed("<think><answer>item_1</think></answer>"));
  CHECK_FALSE(formed("<think>a<answer>item_1</answer></think>"));
  CHECK_FALSE(formed("<think>a</think><think>b</think><answer>item_1</answer>"));
  CHECK_FALSE(formed("<think><think>a</think><answer>item_1</answer>"));
  CHECK_FALSE(formed("<think>a</think><answer>item_1</answer><answer>item_2</answer>"));
  CHECK_FALSE(formed("<think>a</think><answer>item_1</answer></answer>"));
  CHECK_FALSE(formed("<THINK>a</THINK><ANSWER>item_1</ANSWER>"));
}

TEST_CASE("a malformed answer gives what can be had") {
  const auto pool = hundred_items();
  const parsed_answer cut = parse_answer("<think>a</think><answer>item_1 item_2", pool);
  CHECK(cut.items == numbers{1, 2});
  const parsed_answer prompted = parse_answer("reasons </think><answer>item_1</answer>", pool);
  CHECK(prompted.reasoning == "reasons");
  CHECK(prompted.items == numbers{1});
  const parsed_answer endless = parse_answer("<think> item_1 and so on", pool);
  CHECK(endless.reasoning == "item_1 and so on");
  CHECK(endless.items.empty());
  const parsed_answer unclosed = parse_answer("<think> hm <answer>item_1</answer>", pool);
  CHECK(unclosed.reasoning == "hm");
  CHECK(unclosed.items == numbers{1});
  const parsed_answer bare = parse_answer("<think>a</think> item_1", pool);
  CHECK(bare.items == numbers{1});
  CHECK(parse_answer("item_9, item_8", pool).items == numbers{9, 8});
  CHECK(parse_answer("<think>use <answer>item_3</think><answer>item_1</answer>", pool).items == numbers{1});
  CHECK(parse_answer("<answer>item_1</answer> no: <answer>item_2</answer>", pool).items == numbers{2});
  CHECK(parse_answer("item_4</answer>", pool).items == numbers{4});
  const parsed_answer nothing = parse_answer("", pool);
  CHECK((nothing.items.empty() && nothing.rejected.empty() && nothing.reasoning.empty() &&
         !nothing.well_formed));
}

TEST_CASE("the pool may be a callable") {
  const auto even = [](std::string_view name) -> std::optional<std::size_t> {
    return name.size() % 2 == 0 ? std::optional(name.size()) : std::nullopt;
  };
  const parsed_answer a = parse_answer("ab abc abcd", even);
  CHECK(a.items == numbers{2, 4});
  CHECK(rejected_in(a) == std::vector<std::string>{"abc"});
}

TEST_CASE("titles are found in a pool, without regard to case") {
  const title_pool pool({"Heat", "Usual Suspects, The (1995)", "2001: A Space Odyssey", "12 Angry Men",
                         "Se7en", "(500) Days of Summer", "Crouching Tiger, Hidden Dragon, Part; Two",
                         "Caf\u00e9 Society"});
  const auto items = [&](std::string_view list) { return parse_answer(list, pool).items; };
  CHECK(items("heat\nSE7EN") == numbers{0, 4});
  CHECK(items("1. Heat\n2. Usual Suspects, The (1995)\n3. 2001: A Space  Odyssey\n4) 12 Angry Men") ==
        numbers{0, 1, 2, 3});
  CHECK(
      items("<think>x</think><answer>\n- \"Heat\",\n- **Se7en**.\n\u2022 (500) Days of Summer.\n</answer>") ==
      numbers{0, 4, 5});
  CHECK(items("Heat, Usual Suspects, The (1995), Se7en; 12 angry men | heat") == numbers{0, 1, 4, 3, 0});
  CHECK(items("[\"Heat\", \"Caf\u00e9 Society\"]") == numbers{0, 7});
  CHECK(items("Crouching Tiger, Hidden Dragon, Part; Two, Heat") == numbers{6, 0});
  const parsed_answer a = parse_answer("Heat, Suspicion\n\n3. Fargo", pool);
  CHECK(a.items == numbers{0});
  CHECK(rejected_in(a) == std::vector<std::string>{"Suspicion", "3. Fargo"});
  REQUIRE(a.rejected.size() == 2);
  CHECK(a.rejected[1].line == 3);
  CHECK(a.rejected[1].reason == "not the title of an item in the pool");
}

TEST_CASE("titles are found as models write them") {
  const title_pool pool({"Usual Suspects, The (1995)", "Heat (1986)", "Heat (1995)",
                         "Schindler's List (1993)", "2001: A Space Odyssey (1968)",
                         "Good, the Bad and the Ugly, The (1966)",
                         "Star Wars: Episode IV - A New Hope (1977)", "Babe (1995)"});
  const auto items = [&](std::string_view list) { return parse_answer(list, pool).items; };
  CHECK(items("The Usual Suspects\n1. **Schindler\u2019s List**\n- 2. \u201c2001: A Space Odyssey\u201d") ==
        numbers{0, 3, 4});
  CHECK(items("\u2022 **The Usual Suspects (1995)** - a puzzle\n\u2013 *Babe*: a pig, too") == numbers{0, 7});
  CHECK(items("1) The Good, the Bad and the Ugly, Heat (1995); Babe 1995") == numbers{5, 2, 7});
  CHECK(items("Star Wars: Episode IV \u2013 A New Hope \u2013 the first") == numbers{6});
  CHECK(items("Schindlers Lisst; The Usual Suspect [1995]") == numbers{3, 0});
  const parsed_answer a = parse_answer("Heat\nHeat (2013)\nHeat (1986)\nHet", pool);
  CHECK(a.items == numbers{1});
  REQUIRE(a.rejected.size() == 3);
  CHECK(a.rejected[0].reason == "may be 'Heat (1986)' or 'Heat (1995)'");
  CHECK(a.rejected[1].reason == "the pool has this title of another year: 'Heat (1986)'");
  CHECK(a.rejected[2].reason == "not the title of an item in the pool");
  CHECK(a.rejected[2].line == 4);
}

TEST_CASE("a pool of titles: the first of equal ones, blank ones never, none at all") {
  title_pool pool({"Heat", "", "HEAT"});
  pool.add("Babe", 7);
  CHECK(pool("heat") == 0);
  CHECK(pool("babe") == 7);
  CHECK(pool("") == std::nullopt);
  CHECK(pool("  ") == std::nullopt);
  CHECK(parse_answer("Heat", title_pool{}).items.empty());
}

TEST_CASE("a list written by a random hand is read back") {
  const std::uint64_t seed = 99;
  INFO("seed " << seed);
  random_stream rng(seed);
  const auto pool = hundred_items();
  const std::vector<std::string> gaps{" ", "\n", ", ", ",", "; ", " | ", "\r\n", "\n- "};
  const std::vector<std::pair<std::string, std::string>> wraps{
      {"", ""}, {"\"", "\""}, {"[", "]"}, {"**", "**."}, {"<", ">"}};
  for (int round = 0; round < 500; ++round) {
    numbers expected;
    std::string list;
    for (std::size_t left = rng.below(8); left > 0; --left) {
      expected.push_back(rng.below(100));
      const auto& [before, after] = wraps[rng.below(wraps.size())];
      list += before + "item_" + std::to_string(expected.back()) + after + gaps[rng.below(gaps.size())];
    }
    CAPTURE(list);
    const parsed_answer a = parse_answer("<think>r</think>\n<answer>" + list + "</answer>", pool);
    REQUIRE(a.items == expected);
    REQUIRE(a.rejected.empty());
    REQUIRE(a.well_formed);
  }
}

TEST_CASE("nothing that a model writes throws") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  const auto ids = hundred_items();
  const title_pool titles({"Heat", "Usual Suspects, The", "1", "a"});
  const std::vector<std::string> bits{"<think>", "</think>", "<answer>", "</answer>", "item_1", "Heat",
                                      "1)",      "(",        ".",        ",",         " ",      "\n",
                                      "\xff",    "\xe2",     "9",        ""};
  for (int round = 0; round < 5000; ++round) {
    std::string text(rng.below(3), '\0');
    for (std::size_t left = rng.below(20); left > 0; --left) text += bits[rng.below(bits.size())];
    CAPTURE(text);
    const parsed_answer a = parse_answer(text, ids), b = parse_answer(text, titles);
    REQUIRE(a.well_formed == b.well_formed);
    for (const rejected_part& part : a.rejected)
      REQUIRE((!part.text.empty() && !part.reason.empty() && part.line > 0));
    for (const rejected_part& part : b.rejected)
      REQUIRE((!part.text.empty() && !part.reason.empty() && part.line > 0));
  }
  for (const char* bit : {"1)", "(", "<think>", "<answer>", ",", "\"a,", "99999999999999999999. "}) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += bit;
    CHECK_NOTHROW(parse_answer(text, ids));
    CHECK_NOTHROW(parse_answer(text, titles));
  }
}
