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
#include <limits>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// Settings of maximal_marginal_relevance().
struct mmr_options {
  double lambda = 0.7;      ///< in [0, 1]: 1 is relevance alone
  std::size_t length = 10;  ///< of the list, or all candidates if they are fewer
};

/// One pick: the place i of the largest lambda * relevance(i) - (1 - lambda) * nearest[i], of equal ones the
/// first. `nearest[i]`: the largest similarity of candidate i to what was picked before, 0 where nothing was,
/// infinite for one that was picked itself.
/// `relevance` is brought to [0, 1] over the candidates (all equal: 1), so that lambda means the same for
/// logits and for probabilities. For lists whose relevance changes from pick to pick; the whole list at once
/// is below. Throws std::invalid_argument for no candidate, unequal lengths, a lambda outside [0, 1] and a
/// relevance that is not finite.
[[nodiscard]] inline std::size_t next_marginally_relevant(std::span<const double> relevance,
                                                          std::span<const double> nearest, double lambda) {
  require(!relevance.empty() && relevance.size() == nearest.size(),
          "recllm: next_marginally_relevant: expected as many similarities as candidates, at least one, got ",
          nearest.size(), " and ", relevance.size());
  require(lambda >= 0.0 && lambda <= 1.0,
          "recllm: maximal marginal relevance: expected lambda in [0, 1], got ", lambda);
  double low = relevance[0], high = relevance[0];
  for (std::size_t i = 0; i < relevance.size(); ++i) {
    require(std::isfinite(relevance[i]), "recllm: maximal marginal relevance: the relevance of candidate ", i,
            " is ", relevance[i], "; expected a finite number");
    low = std::min(low, relevance[i]);
    high = std::max(high, relevance[i]);
  }
  std::size_t best = 0;
  double best_gain = 0.0;
  for (std::size_t i = 0; i < relevance.size(); ++i) {
    const double scaled = high > low ? (relevance[i] - low) / (high - low) : 1.0;
    const double gain = std::isinf(nearest[i]) ? -nearest[i] : lambda * scaled - (1.0 - lambda) * nearest[i];
    if (i == 0 || gain > best_gain) best = i, best_gain = gain;
  }
  return best;
}

/// The picked places of the candidates, best first. `relevance`: one finite number a candidate, scaled once,
/// over all of them. `similarity(i, j)`: of two candidates' places, in [0, 1]. O(candidates * length)
/// similarities. Throws std::invalid_argument for a lambda out of range and a relevance that is not finite.
template <class Similarity>
[[nodiscard]] std::vector<std::size_t> maximal_marginal_relevance(std::span<const double> relevance,
                                                                  const Similarity& similarity,
                                                                  const mmr_options& options = {}) {
  std::vector<std::size_t> picked;
  std::vector<double> nearest(relevance.size(), 0.0);
  while (picked.size() < std::min(options.length, relevance.size())) {
    const std::size_t best = next_marginally_relevant(relevance, nearest, options.lambda);
    picked.push_back(best);
    for (std::size_t i = 0; i < relevance.size(); ++i)
      nearest[i] = std::max(nearest[i], static_cast<double>(std::invoke(similarity, i, best)));
    nearest[best] = std::numeric_limits<double>::infinity();  // not again
  }
  return picked;
}

}  // namespace recllm
