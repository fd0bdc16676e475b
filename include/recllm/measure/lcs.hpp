// The longest common subsequence of a predicted and a target list, plain and weighted by the predicted rank.
//
//   value(p, t) = max over common subsequences  sum of w(i) over the ranks i of p that it uses
//   position_weighted_lcs = value / sum_{i=1}^{min(|p|,|t|)} w(i)
//
// A common subsequence takes pairs (i, j), strictly increasing in both, with p_i = t_j. The reward of
// RecLLM-R1, arXiv 2506.19235, section 4.2; recurrence of Wagner and Fischer, JACM 21 (1974). O(|p| |t|)
// time, O(|t|) memory.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// The weight 1 / log2(rank + 1) of ranks 1, 2, ...: 1, 0.63, 0.5, ... The discount of NDCG.
struct log2_discount {
  double operator()(std::size_t rank) const {
    static const auto table = [] {  // std::log2 would be most of the time of a ten-item list
      std::array<double, 65> weights{};
      for (std::size_t r = 1; r < weights.size(); ++r)
        weights[r] = 1.0 / std::log2(static_cast<double>(r) + 1.0);
      return weights;
    }();
    return rank < table.size() ? table[rank] : 1.0 / std::log2(static_cast<double>(rank) + 1.0);
  }
};

/// Weight 1 at every rank: the plain longest common subsequence.
struct uniform_weight {
  constexpr double operator()(std::size_t) const { return 1.0; }
};

/// The largest sum of `weight(rank)` over the predicted ranks that a common subsequence uses; 0 for an empty
/// list. `weight` takes ranks from 1 and is never negative. No allocation while the target has at most 64
/// items.
template <List Predicted, List Target, class Weight = log2_discount>
[[nodiscard]] constexpr double weighted_lcs(const Predicted& predicted, const Target& target,
                                            const Weight& weight = {}) {
  const auto width = static_cast<std::size_t>(std::ranges::size(target));
  std::array<double, 65> few{};
  std::vector<double> many(width < few.size() ? 0 : width + 1);
  // best[j]: the value for the predicted items so far and the first j of the target.
  const std::span<double> best = many.empty() ? std::span<double>(few) : std::span<double>(many);

  std::size_t rank = 0;
  for (const auto& item : predicted) {
    const double gain = weight(++rank);
    double diagonal = 0.0;
    std::size_t j = 0;
    for (const auto& wanted : target) {
      const double above = best[++j];
      best[j] = std::max(above, best[j - 1]);
      if (same_item(item, wanted)) best[j] = std::max(best[j], diagonal + gain);
      diagonal = above;
    }
  }
  return best[width];
}

/// The weighted LCS over the sum of the weights of ranks 1, ..., min(n, m): 1 where the shorter list is met
/// item by item from the first rank on, 0 for an empty list. In [0, 1] for weights that do not increase with
/// the rank.
template <List Predicted, List Target, class Weight = log2_discount>
[[nodiscard]] constexpr double position_weighted_lcs(const Predicted& predicted, const Target& target,
                                                     const Weight& weight = {}) {
  const auto most = std::min<std::size_t>(std::ranges::size(predicted), std::ranges::size(target));
  double best = 0.0;
  for (std::size_t rank = 1; rank <= most; ++rank) best += weight(rank);
  return best > 0.0 ? weighted_lcs(predicted, target, weight) / best : 0.0;
}

/// The number of items in the longest common subsequence.
template <List A, List B>
[[nodiscard]] constexpr std::size_t lcs_length(const A& a, const B& b) {
  return static_cast<std::size_t>(weighted_lcs(a, b, uniform_weight{}));
}

}  // namespace recllm::measure
