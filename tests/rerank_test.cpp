// Maximal marginal relevance against its definition, worked out anew for every pick.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/rerank.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Contains;

namespace {

using places = std::vector<std::size_t>;

template <class Similarity>
places by_definition(const std::vector<double>& relevance, const Similarity& similarity, double lambda,
                     std::size_t length) {
  const double low = *std::ranges::min_element(relevance), high = *std::ranges::max_element(relevance);
  places picked;
  while (picked.size() < std::min(length, relevance.size())) {
    std::size_t best = relevance.size();
    double best_gain = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < relevance.size(); ++i) {
      if (std::ranges::find(picked, i) != picked.end()) continue;
      double nearest = 0.0;
      for (const std::size_t j : picked) nearest = std::max(nearest, similarity(i, j));
      const double gain = lambda * (relevance[i] - low) / (high - low) - (1 - lambda) * nearest;
      if (gain > best_gain) best = i, best_gain = gain;
    }
    picked.push_back(best);
  }
  return picked;
}

}  // namespace

TEST_CASE("each pick is the best by the definition") {
  random_stream rng(81);
  INFO("seed 81");
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<double> relevance(2 + rng.below(30)), position(relevance.size());
    for (double& x : relevance) x = rng.normal();
    for (double& x : position) x = rng.uniform();
    const auto alike = [&](std::size_t i, std::size_t j) {
      return 1.0 - std::abs(position[i] - position[j]);
    };
    const double lambda = rng.uniform();
    INFO("trial " << trial << ", lambda " << lambda);
    CHECK(maximal_marginal_relevance(relevance, alike, {.lambda = lambda, .length = 8}) ==
          by_definition(relevance, alike, lambda, 8));
  }
}

TEST_CASE("relevance alone, diversity alone, ties and ends by hand") {
  const std::vector<double> relevance{3, 2, 1, 0};
  const auto same_parity = [](std::size_t i, std::size_t j) { return i % 2 == j % 2 ? 1.0 : 0.0; };
  CHECK(maximal_marginal_relevance(relevance, same_parity, {.lambda = 1}) == places{0, 1, 2, 3});
  CHECK(maximal_marginal_relevance(relevance, same_parity, {.lambda = 0, .length = 3}) == places{0, 1, 2});
  CHECK(maximal_marginal_relevance(std::vector<double>{3, 0, 2, 1}, same_parity,
                                   {.lambda = 0.4, .length = 2}) == places{0, 3});
  CHECK(maximal_marginal_relevance(std::vector<double>{5, 5}, same_parity) == places{0, 1});
  CHECK(maximal_marginal_relevance({}, same_parity).empty());
  CHECK(maximal_marginal_relevance(relevance, same_parity, {.length = 0}).empty());
}

TEST_CASE("settings and scores out of range") {
  const auto none = [](std::size_t, std::size_t) { return 0.0; };
  CHECK_THROWS_WITH(maximal_marginal_relevance(std::vector<double>{1}, none, {.lambda = 1.5}),
                    "recllm: maximal marginal relevance: expected lambda in [0, 1], got 1.5");
  CHECK_THROWS_WITH(maximal_marginal_relevance(std::vector<double>{1, std::nan("")}, none),
                    Contains("the relevance of candidate 1 is nan"));
  CHECK_THROWS_WITH(next_marginally_relevant({}, {}, 0.5), Contains("at least one, got 0 and 0"));
  CHECK_THROWS_WITH(next_marginally_relevant(std::vector<double>{1}, {}, 0.5), Contains("got 0 and 1"));
}
