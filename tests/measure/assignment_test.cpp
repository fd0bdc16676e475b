// The best assignment against all permutations, and a large one against its dual bound.
#include <recllm/measure/assignment.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

TEST_CASE("no row, one row") {
  CHECK(best_assignment(0, 0, [](std::size_t, std::size_t) { return 0.0; }).empty());
  CHECK(best_assignment(0, 3, [](std::size_t, std::size_t) { return 0.0; }).empty());
  CHECK(best_assignment(1, 3, [](std::size_t, std::size_t j) { return j == 2 ? 0.5 : -1.0; }) ==
        std::vector<std::size_t>{2});
}

TEST_CASE("the assignment is worth as much as the best permutation") {
  const auto seed = GENERATE(61u, 62u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t columns = 1 + rng.below(6), rows = 1 + rng.below(columns);
    std::vector<std::vector<double>> worth(rows, std::vector<double>(columns));
    const bool ties = trial % 2 == 0;
    for (auto& row : worth)
      for (double& one : row) one = ties ? static_cast<double>(rng.below(3)) - 1.0 : rng.normal();
    std::vector<std::size_t> order(columns);
    std::iota(order.begin(), order.end(), std::size_t{0});
    double best = -1e9;
    do {
      double sum = 0.0;
      for (std::size_t i = 0; i < rows; ++i) sum += worth[i][order[i]];
      best = std::max(best, sum);
    } while (std::ranges::next_permutation(order).found);
    const auto found =
        best_assignment(rows, columns, [&](std::size_t i, std::size_t j) { return worth[i][j]; });
    double sum = 0.0;
    std::vector<bool> taken(columns, false);
    for (std::size_t i = 0; i < rows; ++i) {
      REQUIRE_FALSE(taken[found[i]]);
      taken[found[i]] = true;
      sum += worth[i][found[i]];
    }
    CHECK(sum == Approx(best).margin(1e-12));
  }
}

TEST_CASE("a hidden perfect matching is found") {
  random_stream rng(63);
  INFO("seed 63");
  const std::vector<std::size_t> hidden = rng.permutation(150);
  std::vector<double> worth(100 * 150);
  for (double& one : worth) one = 0.99 * rng.uniform();
  for (std::size_t i = 0; i < 100; ++i) worth[i * 150 + hidden[i]] = 1.0;
  const auto found =
      best_assignment(100, 150, [&](std::size_t i, std::size_t j) { return worth[i * 150 + j]; });
  CHECK(std::equal(found.begin(), found.end(), hidden.begin()));
}
