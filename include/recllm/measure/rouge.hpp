// ROUGE-L: how much of a target list a predicted list holds in order, and the reverse, as one figure.
//
//   R = LCS / |target|,  P = LCS / |predicted|,  F = (1 + beta^2) R P / (R + beta^2 P)
//
// Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004, section 3.1.
#pragma once

#include <cstddef>
#include <limits>

#include <recllm/core/check.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// The F measure of the longest common subsequence, in [0, 1]: 1 for equal lists, 0 where they have nothing
/// in common or one is empty. `beta` > 0 is how many times recall counts what precision does; infinite:
/// recall alone. Throws std::invalid_argument for another beta.
template <List Predicted, List Target>
[[nodiscard]] double rouge_l(const Predicted& predicted, const Target& target, double beta = 1.0) {
  require(beta > 0.0, "recllm: rouge_l: expected beta > 0, got ", beta, "; 1 weighs both sides alike");
  const auto common = static_cast<double>(lcs_length(predicted, target));
  if (common == 0.0) return 0.0;
  const double recall = common / static_cast<double>(std::ranges::size(target));
  const double precision = common / static_cast<double>(std::ranges::size(predicted));
  if (beta == std::numeric_limits<double>::infinity()) return recall;
  return (1.0 + beta * beta) * recall * precision / (recall + beta * beta * precision);
}

}  // namespace recllm::measure
