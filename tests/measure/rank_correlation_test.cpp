// Kendall's tau: by hand, and against concordant pairs counted from positions on random lists.
#include <recllm/measure/rank_correlation.hpp>

#include <algorithm>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using items = std::vector<int>;

TEST_CASE("tau of orders, of common items only, of lists with repeats") {
  CHECK(measure::kendall_tau(items{1, 2, 3}, items{1, 2, 3}) == 1.0);
  CHECK(measure::kendall_tau(items{3, 2, 1}, items{1, 2, 3}) == -1.0);
  CHECK(measure::kendall_tau(items{1, 3, 2}, items{1, 2, 3}) == Approx(1.0 / 3.0));
  CHECK(measure::kendall_tau(items{9, 1, 8, 2}, items{2, 7, 1}) == -1.0);
  CHECK(measure::kendall_tau(items{1, 2, 1}, items{1, 2, 2}) == 1.0);
  CHECK(measure::kendall_tau(items{1}, items{1, 2}) == 0.0);
  CHECK(measure::kendall_tau(items{}, items{}) == 0.0);
}

TEST_CASE("tau is symmetric and changes sign with one list's reversal") {
  const std::uint64_t seed = 3;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 200; ++round) {
    items a, b;
    for (const std::size_t i : rng.permutation(8)) a.push_back(static_cast<int>(i));
    for (const std::size_t i : rng.permutation(8)) b.push_back(static_cast<int>(i) + 2);
    double agreeing = 0.0, pairs = 0.0;
    for (int x = 2; x < 8; ++x)
      for (int y = 2; y < x; ++y) {
        const bool in_a = std::ranges::find(a, x) < std::ranges::find(a, y);
        const bool in_b = std::ranges::find(b, x) < std::ranges::find(b, y);
        agreeing += in_a == in_b ? 1.0 : -1.0;
        pairs += 1.0;
      }
    const double tau = measure::kendall_tau(a, b);
    CHECK(tau == Approx(agreeing / pairs));
    CHECK(measure::kendall_tau(b, a) == tau);
    std::ranges::reverse(b);
    CHECK(measure::kendall_tau(a, b) == -tau);
  }
}
