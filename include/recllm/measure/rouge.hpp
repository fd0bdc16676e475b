// ROUGE-L and ROUGE-W: how much of a target list a predicted list holds in order, and the reverse, as one
// figure.
//
//   R = LCS / |target|,  P = LCS / |predicted|,  F = (1 + beta^2) R P / (R + beta^2 P)
//   ROUGE-W: runs of k neighbours in both count k^weight, and R = (WLCS / |target|^weight)^(1 / weight), P
//   alike
//
// Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004,
// sections 3.1, 3.3.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

namespace detail {

inline double f_measure(double recall, double precision, double beta) {
  if (beta == std::numeric_limits<double>::infinity() || recall == 0.0) return recall;
  return (1.0 + beta * beta) * recall * precision / (recall + beta * beta * precision);
}

}  // namespace detail

/// The F measure of the longest common subsequence, in [0, 1]: 1 for equal lists, 0 where they have nothing
/// in common or one is empty. `beta` > 0 is how many times recall counts what precision does; infinite:
/// recall alone. Throws std::invalid_argument for another beta.
template <List Predicted, List Target>
[[nodiscard]] double rouge_l(const Predicted& predicted, const Target& target, double beta = 1.0) {
  require(beta > 0.0, "recllm: rouge_l: expected beta > 0, got ", beta, "; 1 weighs both sides alike");
  const auto common = static_cast<double>(lcs_length(predicted, target));
  if (common == 0.0) return 0.0;
  return detail::f_measure(common / static_cast<double>(std::ranges::size(target)),
                           common / static_cast<double>(std::ranges::size(predicted)), beta);
}

/// The same of the weighted longest common subsequence, which prefers runs without gaps. `weight` >= 1: 1 is
/// rouge_l; 1.2 is usual. O(n m) time and memory. Throws std::invalid_argument for beta or weight out of
/// range.
template <List Predicted, List Target>
[[nodiscard]] double rouge_w(const Predicted& predicted, const Target& target, double weight = 1.2,
                             double beta = 1.0) {
  require(beta > 0.0, "recllm: rouge_w: expected beta > 0, got ", beta, "; 1 weighs both sides alike");
  require(weight >= 1.0 && std::isfinite(weight), "recllm: rouge_w: expected weight >= 1, got ", weight);
  const auto columns = static_cast<std::size_t>(std::ranges::size(target));
  const auto f = [&](double run) { return std::pow(run, weight); };
  std::vector<double> best(columns + 1), run(columns + 1);
  for (const auto& item : predicted) {
    double best_diagonal = 0.0, run_diagonal = 0.0;
    std::size_t j = 0;
    for (const auto& wanted : target) {
      ++j;
      const double best_above = best[j], run_above = run[j];
      if (same_item(item, wanted)) {
        best[j] = best_diagonal + f(run_diagonal + 1.0) - f(run_diagonal);
        run[j] = run_diagonal + 1.0;
      } else {
        best[j] = std::max(best_above, best[j - 1]);
        run[j] = 0.0;
      }
      best_diagonal = best_above;
      run_diagonal = run_above;
    }
  }
  if (best[columns] == 0.0) return 0.0;
  const auto share = [&](double length) { return std::pow(best[columns] / f(length), 1.0 / weight); };
  return detail::f_measure(share(static_cast<double>(columns)),
                           share(static_cast<double>(std::ranges::size(predicted))), beta);
}

}  // namespace recllm::measure
