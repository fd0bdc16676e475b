#include <recllm/data/interactions.hpp>

#include <limits>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

dataset small_data() {
  const std::vector<event> events{{0, 2, 5, 30}, {1, 0, 4, 10}, {0, 1, 3, 10}, {0, 0, 4, 30}, {0, 3, 5, 30}};
  return assemble({{"anna", {{"age", "24"}, {"gender", "F"}}}, {"ben", {}}, {"cleo", {}}},
                  {{"a", "A", "1995", {}}, {"b", "B", "1996", {}}, {"c", "C", "", {}}, {"d", "D", "V", {}}},
                  events);
}

}  // namespace

TEST_CASE("histories are in time order and equal times keep the file's order") {
  const dataset data = small_data();
  REQUIRE(data.histories.size() == 3);
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{1, 2, 0, 3});
  CHECK(item_sequence(std::span(data.histories[1])) == std::vector<std::size_t>{0});
  CHECK(data.histories[2].empty());
}

TEST_CASE("many equal times keep the file's order too") {
  std::vector<event> events;  // long enough that an unstable sort would mix them
  for (std::size_t i = 0; i < 200; ++i) events.push_back({0, i, 3, static_cast<std::int64_t>(i % 2)});
  const dataset data = assemble({{"u", {}}}, std::vector<item>(200), events);
  for (std::size_t i = 0; i < 100; ++i) {
    REQUIRE(data.histories[0][i].item == 2 * i);
    REQUIRE(data.histories[0][100 + i].item == 2 * i + 1);
  }
}

TEST_CASE("assemble refuses events of nobody, of nothing and without a rating") {
  const std::vector<event> nobody{{1, 0, 4, 0}}, nothing{{0, 7, 4, 0}};
  const std::vector<event> unrated{{0, 0, std::numeric_limits<double>::quiet_NaN(), 0}};
  CHECK_THROWS_WITH(
      assemble({{"u", {}}}, {{"i", "", "", {}}}, nobody),
      "recllm: assemble: event 0 names user 1 and item 0; there are 1 users and 1 items, numbered from 0");
  CHECK_THROWS_WITH(assemble({{"u", {}}}, {{"i", "", "", {}}}, nothing), Contains("names user 0 and item 7"));
  CHECK_THROWS_WITH(assemble({{"u", {}}}, {{"i", "", "", {}}}, unrated),
                    "recllm: assemble: event 0 of user 'u' has the value nan; expected a finite number");
}

TEST_CASE("no user, no item, no event is a dataset too") {
  const dataset data = assemble({}, {}, {});
  CHECK(data.users.empty());
  CHECK(data.histories.empty());
}

TEST_CASE("an attribute is found by name, an unknown one is an error that lists the known") {
  const dataset data = small_data();
  CHECK(data.users[0].attribute("gender") == "F");
  CHECK_THROWS_WITH(data.users[0].attribute("sex"),
                    "recllm: user::attribute: user 'anna' has no 'sex'; known: age, gender");
}

TEST_CASE("topics are listed by item") {
  const std::vector<item> items{{"a", "", "", {"X", "Y"}}, {"b", "", "", {}}};
  CHECK(topics_of(items) == std::vector<std::vector<std::string>>{{"X", "Y"}, {}});
}

TEST_CASE("strong engagement is a rating of 4 or more, or the rule given") {
  CHECK(strong({0, 0, 4, 0}));
  CHECK_FALSE(strong({0, 0, 3.9, 0}));
  const dataset data = small_data();
  const std::span<const event> history(data.histories[0]);
  CHECK(item_sequence(history, strong) == std::vector<std::size_t>{2, 0, 3});
  CHECK(item_sequence(history, rated_at_least{5}) == std::vector<std::size_t>{2, 3});
  CHECK(item_sequence(history, [](const event& e) { return e.value < 4; }) == std::vector<std::size_t>{1});
}

TEST_CASE("in a feed, what takes an effort is strong engagement; views and clicks are not") {
  const strong_engagement rule;
  const auto did = [](engagement what, double value = 1) { return event{0, 0, value, 0, what}; };
  CHECK(rule(did(engagement::share)));
  CHECK_FALSE(rule(did(engagement::view)));
  CHECK_FALSE(rule(did(engagement::click)));
  CHECK(rule(did(engagement::dwell, 30)));
  CHECK_FALSE(rule(did(engagement::dwell, 29)));
  CHECK(rule(did(engagement::rating, 4)));
  CHECK_FALSE(rule(did(engagement::rating, 3.5)));
  CHECK_FALSE(strong(did(engagement::dwell, 30)));
  CHECK_FALSE(strong_engagement{.actions = {engagement::save}}(did(engagement::like)));
  for (std::size_t i = 0; i < engagement_names.size(); ++i)
    CHECK(static_cast<std::size_t>(engagement_names[i].first) == i);
}

TEST_CASE("the label is the next different items with strong engagement") {
  const std::vector<event> future{{0, 5, 4, 0}, {0, 6, 2, 1}, {0, 5, 5, 2}, {0, 7, 5, 3}, {0, 8, 4, 4}};
  CHECK(next_strong_items(std::span(future), 2) == std::vector<std::size_t>{5, 7});
  CHECK(next_strong_items(std::span(future), 9) == std::vector<std::size_t>{5, 7, 8});
  CHECK(next_strong_items(std::span(future), 9, any_event{}) == std::vector<std::size_t>{5, 6, 7, 8});
  CHECK(next_strong_items(std::span(future), 0).empty());
  CHECK(next_strong_items({}, 3).empty());
}
