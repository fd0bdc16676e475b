// Ranked lists from scores, by hand and against a stable sort.
#include <recllm/measure/top_k.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

using items = std::vector<std::size_t>;

TEST_CASE("top_k sorts by score and breaks ties by the smaller item") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  CHECK(top_k(scores, 3) == items{1, 3, 2});
  CHECK(top_k(scores, 9) == items{1, 3, 2, 0, 4});
  CHECK(top_k(scores, 0).empty());
  CHECK(top_k(std::vector<double>{}, 3).empty());
  CHECK(top_k(std::vector<float>(4, 0.5F), 2) == items{0, 1});
  CHECK(top_k(std::span(scores).first(1), 2) == items{0});
}

TEST_CASE("what is excluded is not ranked") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  const items seen{1, 4};
  CHECK(top_k(scores, 9, excluding(seen, 5)) == items{3, 2, 0});
  CHECK(top_k(scores, 2, [](std::size_t item) { return item > 1; }) == items{1, 0});
  CHECK_THROWS_WITH(excluding(seen, 4),
                    "recllm: excluding: item 4 is not in the catalogue of 4 items, numbered from 0");
}

TEST_CASE("a candidate pool is ranked alone") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  CHECK(top_k_of(items{4, 3, 1, 3}, scores, 9) == items{1, 3, 4});
  CHECK(top_k_of(items{4, 0}, scores, 1) == items{0});
  CHECK(top_k_of({}, scores, 5).empty());
  CHECK_THROWS_WITH(top_k_of(items{5}, scores, 1),
                    "recllm: top_k_of: item 5 of the pool has no score; there are 5, numbered from 0");
}

TEST_CASE("a score that is not a number is refused, infinities are ordered") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> odd{0, std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_WITH(top_k(odd, 1), "recllm: top_k: the score of item 1 is not a number");
  CHECK_THROWS_WITH(top_k_of(items{1}, odd, 1), "recllm: top_k_of: the score of item 1 is not a number");
  CHECK(top_k(odd, 1, excluding(items{1}, 2)) == items{0});
  CHECK(top_k(std::vector<double>{-inf, 0, inf}, 3) == items{2, 1, 0});
}

TEST_CASE("NaN is refused wherever it stands") {
  std::vector<float> scores(100, 1.0F);
  scores[90] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(top_k(scores, 3), "recllm: top_k: the score of item 90 is not a number");
  CHECK(top_k(scores, 2, [](std::size_t item) { return item == 90; }) == items{0, 1});
}

TEST_CASE("ranked lists equal a stable sort of what is not excluded") {
  const auto seed = GENERATE(5u, 6u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> scores(rng.below(60));
    for (double& score : scores) score = static_cast<double>(rng.below(1 + rng.below(60))) - 3.0;
    const std::size_t k = rng.below(13);
    const auto excluded = [&, odd = rng.below(7)](std::size_t item) { return item % 7 == odd; };
    items all(scores.size()), pool;
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (const std::size_t one : all)
      for (std::size_t times = rng.below(3); times > 0; --times) pool.push_back(one);
    const auto sorted = [&](items some) {
      some.erase(std::unique(some.begin(), some.end()), some.end());
      std::erase_if(some, excluded);
      std::ranges::stable_sort(some, std::greater<>{}, [&](std::size_t item) { return scores[item]; });
      some.resize(std::min(some.size(), k));
      return some;
    };
    REQUIRE(top_k(scores, k, excluded) == sorted(all));
    items shuffled;
    for (const std::size_t place : rng.permutation(pool.size())) shuffled.push_back(pool[place]);
    REQUIRE(top_k_of(shuffled, scores, k, excluded) == sorted(pool));
  }
}
