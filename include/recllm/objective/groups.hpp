// What advantage estimators share: groups of completions, exact zeros, and the way back to tokens.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage_options.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm::detail {

/// The rows of each group, in their order: rows of equal number are a group, wherever they stand.
inline std::vector<std::vector<Eigen::Index>> rows_by_group(Eigen::Index rewards,
                                                            std::span<const std::size_t> groups,
                                                            const char* function) {
  require(static_cast<std::size_t>(rewards) == groups.size(), "recllm: ", function, ": got ", rewards,
          " rewards but ", groups.size(), " group numbers; pass one of each for every completion");
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return groups[a] < groups[b]; });
  std::vector<std::vector<Eigen::Index>> rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || groups[order[i]] != groups[order[i - 1]]) rows.emplace_back();
    rows.back().push_back(static_cast<Eigen::Index>(order[i]));
  }
  return rows;
}

// Plain loops: Eigen's expressions in functions that are no templates would cost every file that includes
// this header a third of a second.

/// Whether there is nothing to compare. Exact: a mean of equal numbers may round to another one, and its
/// residue divided by itself would be an advantage of 1. False for NaN and infinity, so that they show.
inline bool all_equal(const row_values<double>& x) {
  for (Eigen::Index i = 0; i < x.size(); ++i)
    if (!(x(i) - x(0) == 0.0)) return false;
  return true;
}

inline double mean_of(const row_values<double>& x) {
  return std::accumulate(x.data(), x.data() + x.size(), 0.0) / static_cast<double>(x.size());
}

inline double spread(const row_values<double>& x, deviation divisor) {
  const double mean = mean_of(x);
  double squares = 0.0;
  for (Eigen::Index i = 0; i < x.size(); ++i) squares += (x(i) - mean) * (x(i) - mean);
  return std::sqrt(squares / (static_cast<double>(x.size()) - (divisor == deviation::sample ? 1.0 : 0.0)));
}

/// (x - subtracted) * factor / divisor.
inline row_values<double> shifted(row_values<double> x, double subtracted, double factor, double divisor) {
  for (Eigen::Index i = 0; i < x.size(); ++i) x(i) = (x(i) - subtracted) * factor / divisor;
  return x;
}

/// The entries of some rows.
inline row_values<double> gathered(const row_values<double>& x, const std::vector<Eigen::Index>& rows) {
  row_values<double> own(static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) own(static_cast<Eigen::Index>(i)) = x(rows[i]);
  return own;
}

/// compare(rewards of a group, its rows) for each group, B. Exactly 0 where all rewards are equal.
template <class Compare>
[[nodiscard]] row_values<double> within_groups(const row_values<double>& rewards,
                                               std::span<const std::size_t> groups, lone_completion lone,
                                               const char* function, Compare&& compare) {
  row_values<double> advantages(rewards.size());
  for (const std::vector<Eigen::Index>& rows : rows_by_group(rewards.size(), groups, function)) {
    row_values<double> own = gathered(rewards, rows);
    const bool kept = own.size() == 1 && lone == lone_completion::keeps_reward;
    const bool equal = !kept && all_equal(own);
    if (!kept && !equal) own = compare(own, rows);
    for (std::size_t i = 0; i < rows.size(); ++i)
      advantages(rows[i]) = equal ? 0.0 : own(static_cast<Eigen::Index>(i));
  }
  return advantages;
}

/// A completion's advantage at each of its tokens, B x T.
[[nodiscard]] inline token_matrix<double> over_tokens(const scored_step& step,
                                                      const row_values<double>& advantages) {
  token_matrix<double> all(step.mask.rows(), step.mask.cols());
  for (Eigen::Index row = 0; row < all.rows(); ++row)
    for (Eigen::Index t = 0; t < all.cols(); ++t)
      all(row, t) = step.mask(row, t) != 0.0f ? advantages(row) : 0.0;
  return all;
}

/// Throws std::invalid_argument where rewards, token_rewards and mask do not fit.
inline void check_step(const scored_step& step) {
  const token_view<double>& tokens = step.token_rewards;
  require(step.mask.rows() == step.rewards.size(), "recllm: advantages: got ", step.rewards.size(),
          " rewards but a mask of ", step.mask.rows(), " completions");
  require(tokens.size() == 0 || (tokens.rows() == step.mask.rows() && tokens.cols() == step.mask.cols()),
          "recllm: advantages: token_rewards must be ", step.mask.rows(), " x ", step.mask.cols(),
          " as the mask, but is ", tokens.rows(), " x ", tokens.cols());
}

/// The completions' rewards with their tokens', B.
[[nodiscard]] inline row_values<double> total_rewards(const scored_step& step) {
  check_step(step);
  row_values<double> rewards = step.rewards;
  if (step.token_rewards.size() == 0) return rewards;
  for (Eigen::Index row = 0; row < rewards.size(); ++row)
    for (Eigen::Index t = 0; t < step.mask.cols(); ++t)
      if (step.mask(row, t) != 0.0f) rewards(row) += step.token_rewards(row, t);
  return rewards;
}

}  // namespace recllm::detail
