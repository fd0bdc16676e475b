// Maximal marginal relevance: a list picked item by item for its relevance and for being unlike those before.
//
//   next = argmax_i  lambda * relevance(i) - (1 - lambda) * max_{j picked} similarity(i, j)
//
// Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
// Producing Summaries", SIGIR 1998. The usual diversity module behind a ranker, and so the rival of a
// diversity term in the reward.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// Settings of maximal_marginal_relevance().
struct mmr_options {
  double lambda = 0.7;      ///< in [0, 1]: 1 is relevance alone
  std::size_t length = 10;  ///< of the list, or all candidates if they are fewer
};

/// The picked places of the candidates, best first. `relevance`: one finite number a candidate, here brought
/// to [0, 1] over the candidates (all equal: 1), so that lambda means the same for logits and for
/// probabilities. `similarity(i, j)`: of two candidates' places, in [0, 1]. Of equal gains the earlier
/// candidate's is picked. O(candidates * length) similarities. Throws std::invalid_argument for a lambda out
/// of range and a relevance that is not finite.
template <class Similarity>
[[nodiscard]] std::vector<std::size_t> maximal_marginal_relevance(std::span<const double> relevance,
                                                                  const Similarity& similarity,
                                                                  const mmr_options& options = {}) {
  require(options.lambda >= 0.0 && options.lambda <= 1.0,
          "recllm: maximal_marginal_relevance: expected lambda in [0, 1], got ", options.lambda);
  for (std::size_t i = 0; i < relevance.size(); ++i)
    require(std::isfinite(relevance[i]), "recllm: maximal_marginal_relevance: the relevance of candidate ", i,
            " is ", relevance[i], "; expected a finite number");
  std::vector<std::size_t> picked;
  if (relevance.empty()) return picked;
  const auto [low, high] = std::ranges::minmax(relevance);
  std::vector<double> nearest(relevance.size(), 0.0);
  std::vector<bool> taken(relevance.size(), false);
  while (picked.size() < std::min(options.length, relevance.size())) {
    std::size_t best = relevance.size();
    double best_gain = 0.0;
    for (std::size_t i = 0; i < relevance.size(); ++i) {
      if (taken[i]) continue;
      const double scaled = high > low ? (relevance[i] - low) / (high - low) : 1.0;
      const double gain = options.lambda * scaled - (1.0 - options.lambda) * nearest[i];
      if (best == relevance.size() || gain > best_gain) best = i, best_gain = gain;
    }
    taken[best] = true;
    picked.push_back(best);
    for (std::size_t i = 0; i < relevance.size(); ++i)
      if (!taken[i]) nearest[i] = std::max(nearest[i], static_cast<double>(std::invoke(similarity, i, best)));
  }
  return picked;
}

}  // namespace recllm
