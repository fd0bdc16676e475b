// How good a completion was compared with others of its prompt: advantage estimators.
//
// Group-relative: Shao et al., DeepSeekMath, arXiv 2402.03300, section 4.1.2; without the deviation: Liu et
// al., Dr. GRPO, arXiv 2503.20783. Leave-one-out: Kool et al. 2019; Ahmadian et al., RLOO, arXiv 2402.14740.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// What group-relative advantages are divided by: the deviation of the rewards of the group, of all rewards
/// of the step, or nothing.
enum class advantage_scale { group_deviation, batch_deviation, none };

/// The divisor of a variance of n numbers: n - 1 or n.
enum class deviation { sample, population };

/// Settings of group_relative().
struct group_relative_options {
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0
  deviation divisor = deviation::sample;
};

namespace detail {

/// The rows of each group, in their order: rows of equal number are a group, wherever they stand.
inline std::vector<std::vector<Eigen::Index>> rows_by_group(const row_values<double>& rewards,
                                                            std::span<const std::size_t> groups,
                                                            const char* function) {
  require(static_cast<std::size_t>(rewards.size()) == groups.size(), "recllm: ", function, ": got ",
          rewards.size(), " rewards but ", groups.size(),
          " group numbers; pass one of each for every completion");
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t row) { return groups[row]; });
  std::vector<std::vector<Eigen::Index>> rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || groups[order[i]] != groups[order[i - 1]]) rows.emplace_back();
    rows.back().push_back(static_cast<Eigen::Index>(order[i]));
  }
  return rows;
}

/// Whether there is nothing to compare. Exact: a mean of equal numbers may round to another one, and its
/// residue divided by itself would be an advantage of 1. False for NaN and infinity, so that they show.
inline bool all_equal(const row_values<double>& x) { return (x - x(0) == 0.0).all(); }

inline double spread(const row_values<double>& x, deviation divisor) {
  const double count = static_cast<double>(x.size()) - (divisor == deviation::sample ? 1.0 : 0.0);
  return std::sqrt((x - x.mean()).square().sum() / count);
}

}  // namespace detail

/// A_i = (r_i - mean of its group) / (deviation + epsilon), B. `rewards`: B; `groups`: B, equal numbers are a
/// group, of any size. Advantages are exactly 0 in a group whose rewards are all equal, such as a group of
/// one. Empty input gives empty output. Throws std::invalid_argument where sizes differ or epsilon < 0.
[[nodiscard]] inline row_values<double> group_relative(const row_values<double>& rewards,
                                                       std::span<const std::size_t> groups,
                                                       const group_relative_options& how = {}) {
  require(how.epsilon >= 0.0, "recllm: group_relative: epsilon must be 0 or more, but is ", how.epsilon);
  row_values<double> advantages = row_values<double>::Zero(rewards.size());
  for (const std::vector<Eigen::Index>& rows : detail::rows_by_group(rewards, groups, "group_relative")) {
    const row_values<double> own = rewards(rows);
    if (detail::all_equal(own)) continue;
    double scale = 1.0;
    if (how.scale == advantage_scale::group_deviation) scale = detail::spread(own, how.divisor) + how.epsilon;
    if (how.scale == advantage_scale::batch_deviation)
      scale = detail::spread(rewards, how.divisor) + how.epsilon;
    advantages(rows) = (own - own.mean()) / scale;
  }
  return advantages;
}

/// A_i = r_i - mean of the others of its group, B (RLOO). Exactly 0 in a group of equal rewards and in a
/// group of one. Arguments and errors as for group_relative.
[[nodiscard]] inline row_values<double> leave_one_out(const row_values<double>& rewards,
                                                      std::span<const std::size_t> groups) {
  row_values<double> advantages = row_values<double>::Zero(rewards.size());
  for (const std::vector<Eigen::Index>& rows : detail::rows_by_group(rewards, groups, "leave_one_out")) {
    const row_values<double> own = rewards(rows);
    if (detail::all_equal(own)) continue;
    const double count = static_cast<double>(rows.size());
    advantages(rows) = (own - own.mean()) * (count / (count - 1.0));
  }
  return advantages;
}

}  // namespace recllm
