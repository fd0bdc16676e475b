// Advantages of several rewards: normalised after they are summed, or before (GDPO).
//
//   sum, then normalise   group_relative( sum_k w_k r_k )
//   normalise, then sum   whitened( sum_k w_k group_relative(r_k) )    Liu et al., GDPO, arXiv 2601.05242: no
//                         reward drowns the others by its scale
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>

namespace recllm {

/// The terms of B completions' rewards, borrowed.
struct reward_columns {
  token_view<double> values;          ///< B x k
  const row_values<double>& weights;  ///< k
  const row_values<double>& lengths;  ///< B, tokens; read by last_normalisation::per_token
};

namespace detail {

inline void check_columns(const reward_columns& x, const char* function) {
  require(x.weights.size() == x.values.cols(), "recllm: ", function, ": got ", x.values.cols(),
          " reward columns but ", x.weights.size(), " weights; pass one weight a column");
}

}  // namespace detail

/// group_relative of the weighted sum, B. Reads what group_relative reads; errors as there, and where the
/// number of weights is not that of the columns.
[[nodiscard]] inline row_values<double> sum_then_normalize(const reward_columns& x,
                                                           std::span<const std::size_t> groups,
                                                           const advantage_options& how = {}) {
  detail::check_columns(x, "sum_then_normalize");
  const row_values<double> sums = (x.values.rowwise() * x.weights.transpose()).rowwise().sum();
  return group_relative(sums, groups, how);
}

/// The weighted sum of each column's group_relative, then (x - mean) / (deviation + epsilon) over the step as
/// `last` says; B. Exactly 0 where all sums are equal. Errors as for sum_then_normalize, and where `last`
/// needs lengths.
[[nodiscard]] inline row_values<double> normalize_then_sum(const reward_columns& x,
                                                           std::span<const std::size_t> groups,
                                                           const advantage_options& how = {}) {
  detail::check_columns(x, "normalize_then_sum");
  row_values<double> sums = row_values<double>::Zero(x.values.rows());
  for (Eigen::Index k = 0; k < x.values.cols(); ++k)
    sums += x.weights(k) * group_relative(x.values.col(k), groups, how);
  if (how.last == last_normalisation::none || detail::all_equal(sums))
    return sums * (how.last == last_normalisation::none ? 1.0 : 0.0);
  const bool by_tokens = how.last == last_normalisation::per_token;
  require(!by_tokens || x.lengths.size() == sums.size(), "recllm: normalize_then_sum: got ", sums.size(),
          " completions but ", x.lengths.size(), " lengths; last_normalisation::per_token needs one each");
  const row_values<double> shares = by_tokens ? x.lengths : row_values<double>::Ones(sums.size());
  const double count = shares.sum();
  if (count == 0.0) return row_values<double>::Zero(sums.size());
  const double mean = (shares * sums).sum() / count;
  const double squares = (shares * (sums - mean).square()).sum();
  const double spread = std::sqrt(squares / (count - (how.divisor == deviation::sample ? 1.0 : 0.0)));
  return (sums - mean) / (spread + how.epsilon);
}

namespace advantage {

/// recllm::normalize_then_sum of the step's columns at each token.
[[nodiscard]] inline token_matrix<double> gdpo(const scored_step& step, const advantage_options& how) {
  require(step.columns.rows() == step.rewards.size(), "recllm: advantage::gdpo: got columns of ",
          step.columns.rows(), " completions for ", step.rewards.size(),
          " rewards; set scored_step::columns and column_weights");
  const row_values<double> lengths = step.mask.cast<double>().rowwise().sum();
  return detail::over_tokens(
      step, recllm::normalize_then_sum({step.columns, step.column_weights, lengths}, step.groups, how));
}

}  // namespace advantage

}  // namespace recllm
