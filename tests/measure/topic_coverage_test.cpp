// Topic coverage by hand and against set algebra.
#include <recllm/measure/topic_coverage.hpp>

#include <set>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

using topics = std::vector<std::string>;

TEST_CASE("the topics of a universe that a list reaches") {
  const std::vector<topics> of{{"war", "drama"}, {"war"}, {}, {"noir"}};
  const auto at = [&](std::size_t item) -> const topics& { return of[item]; };
  using items = std::vector<std::size_t>;
  const topics all{"war", "drama", "comedy", "sf"};
  CHECK(topic_coverage(items{0, 1}, at, all) == 0.5);
  CHECK(topic_coverage(items{1}, at, all) == 0.25);
  CHECK(topic_coverage(items{2, 3}, at, all) == 0.0);  // noir is not of the universe
  CHECK(topic_coverage(items{0}, at, topics{"war", "war", "drama"}) == 1.0);
  CHECK(topic_coverage(items{}, at, all) == 0.0);
  CHECK(topic_coverage(items{0}, at, topics{}) == 0.0);
  CHECK(topic_coverage(items{0}, at, std::set<std::string>{"war", "sf"}) == 0.5);
  CHECK(topic_coverage(
            items{3}, [&](std::size_t item) { return of[item]; }, topics{"noir"}) == 1.0);
}

TEST_CASE("topic coverage is that of sets") {
  constexpr std::uint64_t seed = 51;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<std::vector<int>> of(1 + rng.below(6));
    std::set<int> reached, universe;
    for (std::vector<int>& item : of)
      for (std::size_t i = rng.below(4); i > 0; --i) item.push_back(static_cast<int>(rng.below(10)));
    for (std::size_t i = 1 + rng.below(9); i > 0; --i) universe.insert(static_cast<int>(rng.below(10)));
    std::vector<std::size_t> list;
    for (std::size_t i = rng.below(5); i > 0; --i) list.push_back(rng.below(of.size()));
    for (const std::size_t item : list)
      for (const int topic : of[item])
        if (universe.contains(topic)) reached.insert(topic);
    CHECK(topic_coverage(
              list, [&](std::size_t item) { return of[item]; }, universe) ==
          static_cast<double>(reached.size()) / static_cast<double>(universe.size()));
  }
}
