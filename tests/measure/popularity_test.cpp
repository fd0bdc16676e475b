// Popularity of lists, its lift over histories and the long tail, by hand and against their definitions.
#include <recllm/measure/popularity.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;
using counts = std::vector<std::pair<int, double>>;
using items = std::vector<int>;

TEST_CASE("mean popularity is the mean count") {
  const std::map<std::string, double> seen{{"Heat", 9}, {"Alien", 3}};
  const auto count = [&](const std::string& film) { return seen.at(film); };
  CHECK(mean_popularity(std::vector<std::string>{"Heat", "Alien"}, count) == 6.0);
  CHECK(mean_popularity(std::vector<std::string>{}, count) == 0.0);
}

TEST_CASE("popularity lift compares the users' means") {
  CHECK(popularity_lift(std::vector<double>{6, 2}, std::vector<double>{1, 1}) == 3.0);
  CHECK(popularity_lift(std::vector<double>{1}, std::vector<double>{2}) == -0.5);
  CHECK(popularity_lift(std::vector<double>{2}, std::vector<double>{2}) == 0.0);
  CHECK_THROWS_WITH(popularity_lift(std::vector<double>{1}, std::vector<double>{}),
                    "recllm: popularity_lift: expected a list and a history of each user, got 1 and 0");
  CHECK_THROWS_WITH(popularity_lift(std::vector<double>{1}, std::vector<double>{0}),
                    Contains("the histories' mean popularity is 0; expected above 0"));
}

TEST_CASE("the long tail by hand") {
  const counts seen{{1, 5}, {2, 1}, {3, 1}, {4, 3}, {5, 0}};
  CHECK(long_tail(seen) == std::unordered_set<int>{5});
  CHECK(long_tail(seen, {.size = 0.5}) == std::unordered_set<int>{5, 2});  // a tie is the smaller item's
  CHECK(long_tail(seen, {.size = 0.01}) == std::unordered_set<int>{5});    // at least one
  CHECK(long_tail(seen, {.size = 1}).size() == 5);
  CHECK(long_tail(seen, {.rule = tail_rule::share_of_interactions, .size = 0.2}) ==
        std::unordered_set<int>{5, 2, 3});  // 2 of 10
  CHECK(long_tail(seen, {.rule = tail_rule::share_of_interactions, .size = 0.15}) ==
        std::unordered_set<int>{5, 2});
  CHECK(long_tail(seen, {.rule = tail_rule::at_most, .size = 1}) == std::unordered_set<int>{5, 2, 3});
  CHECK(long_tail(seen, {.rule = tail_rule::at_most, .size = 0}) == std::unordered_set<int>{5});
  CHECK(long_tail(counts{}).empty());
}

TEST_CASE("the long tail is the lower end of the sorted counts") {
  constexpr std::uint64_t seed = 32;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 100; ++trial) {
    counts seen;
    double total = 0.0;
    for (int item = 0; item < static_cast<int>(1 + rng.below(12)); ++item) {
      seen.emplace_back(item, static_cast<double>(rng.below(5)));
      total += seen.back().second;
    }
    const double size = 0.05 + 0.9 * rng.uniform();
    const auto tail = long_tail(seen, {.rule = tail_rule::share_of_interactions, .size = size});
    double within = 0.0, next = 1e9, most = 0.0;
    for (const auto& [item, count] : seen) {
      if (tail.contains(item)) {
        within += count;
        most = std::max(most, count);
      } else {
        next = std::min(next, count);
      }
    }
    CHECK(within <= size * total);
    if (tail.size() < seen.size()) CHECK(within + next > size * total);  // not one item more
    CHECK(most <= next);
  }
}

TEST_CASE("the tail's share of a list") {
  const std::set<int> tail{3, 4};
  CHECK(tail_share(items{1, 3, 4, 2}, tail) == 0.5);
  CHECK(tail_share(items{3, 3}, tail) == 0.5);
  CHECK(tail_share(items{}, tail) == 0.0);
}

TEST_CASE("counts and sizes out of range are refused") {
  CHECK_THROWS_WITH(long_tail(counts{{1, -1}}), "recllm: long_tail: expected counts >= 0, got -1");
  CHECK_THROWS_WITH(long_tail(counts{{1, 1}}, {.size = 0}),
                    "recllm: long_tail: expected a size in (0, 1], got 0");
  CHECK_THROWS_WITH(long_tail(counts{{1, 1}}, {.rule = tail_rule::at_most, .size = -1}),
                    "recllm: long_tail: expected a size >= 0, got -1");
}
