// New and emerging items' shares, by hand and at the windows' edges.
#include <recllm/measure/newness.hpp>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;

using items = std::vector<int>;

TEST_CASE("an item is new for a stated time") {
  const std::map<int, std::int64_t> seen{{1, 100}, {2, 90}, {3, 89}, {4, 130}};
  const auto first_seen = [&](int item) { return seen.at(item); };
  const newness_options ten{.now = 100, .within = 10};
  CHECK(new_items_share(items{1, 2, 3}, first_seen, ten) == Approx(2.0 / 3.0));  // 10 old is new, 11 is not
  CHECK(new_items_share(items{4}, first_seen, ten) == 1.0);
  CHECK(new_items_share(items{1, 1}, first_seen, ten) == 0.5);
  CHECK(new_items_share(items{3}, first_seen, ten) == 0.0);
  CHECK(new_items_share(items{}, first_seen, ten) == 0.0);
  CHECK(new_items_share(items{1, 2}, first_seen, {.now = 100}) == 0.5);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(new_items_share(items{1, 3}, first_seen, {.now = -5, .within = most}) == 1.0);
  CHECK(new_items_share(items{1, 3}, first_seen, {.now = most, .within = most}) == 1.0);
  CHECK_THROWS_WITH(new_items_share(items{1}, first_seen, {.now = 100, .within = -1}),
                    "recllm: new_items_share: expected within >= 0, got -1");
}

TEST_CASE("growth is the ratio of two windows, smoothed") {
  item_growth<std::string> growth({.now = 100, .window = 10, .least_growth = 2, .least_recent = 3});
  for (const std::int64_t time : {100, 95, 91, 90, 81, 80, 101})
    growth.add("Heat", time);  // 3, then 2 before
  for (const std::int64_t time : {99, 98, 97}) growth.add("Alien", time);
  for (const std::int64_t time : {99, 98}) growth.add("Up", time);
  for (const std::int64_t time : {100, 99, 98, 97, 96, 95, 90, 89}) growth.add("Big", time);
  CHECK(growth("Heat") == Approx(4.0 / 3.0));
  CHECK(growth("Alien") == 4.0);
  CHECK(growth("Up") == 3.0);
  CHECK(growth("Big") == Approx(7.0 / 3.0));
  CHECK(growth("Jaws") == 1.0);
  CHECK_FALSE(growth.emerging("Heat"));  // too slow
  CHECK(growth.emerging("Alien"));
  CHECK_FALSE(growth.emerging("Up"));  // too few
  CHECK(growth.emerging("Big"));
  using films = std::vector<std::string>;
  CHECK(emerging_share(films{"Heat", "Alien", "Big", "Jaws"}, growth) == 0.5);
  CHECK(emerging_share(films{"Big", "Big"}, growth) == 0.5);
  CHECK(emerging_share(films{}, growth) == 0.0);
}

TEST_CASE("windows hold at the ends of time") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                         most = std::numeric_limits<std::int64_t>::max();
  item_growth<int> growth({.now = most, .window = most, .least_recent = 1});
  growth.add(1, 1);
  growth.add(1, 0);      // the first of the window before
  growth.add(1, least);  // before both
  CHECK(growth(1) == 1.0);
  item_growth<int> early({.now = least, .window = 5});
  early.add(1, least);
  early.add(1, most);
  CHECK(early(1) == 2.0);
}

TEST_CASE("settings out of range are refused") {
  CHECK_THROWS_WITH(item_growth<int>({.window = 0}), "recllm: item_growth: expected a window > 0, got 0");
  CHECK_THROWS_WITH(item_growth<int>({.smoothing = 0}), Contains("expected smoothing > 0, got 0"));
  CHECK_THROWS_WITH(item_growth<int>({.least_growth = 0}), Contains("expected least_growth > 0, got 0"));
}
