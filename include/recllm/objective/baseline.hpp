// Advantages against a baseline other than the group's mean: OPO, ReMax, GPG.
//
//   OPO    r - sum(length r) / sum(length) of its group      Hao et al., arXiv 2505.23585
//   ReMax  r - reward of the greedy completion               Li et al., arXiv 2310.10505
//   GPG    share (r - mean of its group)                     Chu et al., arXiv 2504.02546
#pragma once

#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>

namespace recllm {

/// A completion's reward and its length, B each.
struct rewards_and_lengths {
  const row_values<double>& rewards;
  const row_values<double>& lengths;  ///< tokens, >= 0
};

/// A_i = r_i - the length-weighted mean of its group, B: the baseline of least variance where the gradient's
/// size grows with the length. Exactly 0 in a group of equal rewards and in a group of one (see lone). A
/// group without tokens is compared with 0. Throws std::invalid_argument where sizes differ.
[[nodiscard]] inline row_values<double> optimal_baseline(const rewards_and_lengths& x,
                                                         std::span<const std::size_t> groups,
                                                         const advantage_options& how = {}) {
  require(x.lengths.size() == x.rewards.size(), "recllm: optimal_baseline: got ", x.rewards.size(),
          " rewards but ", x.lengths.size(), " lengths; pass one of each for every completion");
  return detail::within_groups(x.rewards, groups, how.lone, "optimal_baseline",
                               [&](const row_values<double>& own, const auto& rows) -> row_values<double> {
                                 const row_values<double> lengths = x.lengths(rows);
                                 const double all = lengths.sum();
                                 return own - (all == 0.0 ? 0.0 : (lengths * own).sum() / all);
                               });
}

/// A_i = r_i - baseline_i, B. Throws std::invalid_argument where sizes differ.
[[nodiscard]] inline row_values<double> greedy_baseline(const row_values<double>& rewards,
                                                        const row_values<double>& baselines) {
  require(baselines.size() == rewards.size(), "recllm: greedy_baseline: got ", rewards.size(),
          " rewards but ", baselines.size(),
          " baselines; pass the reward of the greedy completion of each one's prompt, as train() does with "
          "greedy_baseline = true");
  return rewards - baselines;
}

/// A_i = (r_i - mean of its group) B / B', where B' counts completions in groups whose rewards differ: the
/// others have no gradient and must not dilute it.
[[nodiscard]] inline row_values<double> gpg_relative(const row_values<double>& rewards,
                                                     std::span<const std::size_t> groups,
                                                     const advantage_options& how = {}) {
  double useful = 0.0;
  row_values<double> advantages =
      detail::within_groups(rewards, groups, how.lone, "gpg_relative",
                            [&](const row_values<double>& own, const auto&) -> row_values<double> {
                              useful += static_cast<double>(own.size());
                              return own - own.mean();
                            });
  if (useful > 0.0) advantages *= static_cast<double>(rewards.size()) / useful;
  return advantages;
}

namespace advantage {

/// recllm::optimal_baseline at each token.
[[nodiscard]] inline token_matrix<double> optimal_baseline(const scored_step& step,
                                                           const advantage_options& how) {
  const row_values<double> rewards = detail::total_rewards(step);
  const row_values<double> lengths = step.mask.cast<double>().rowwise().sum();
  return detail::over_tokens(step, recllm::optimal_baseline({rewards, lengths}, step.groups, how));
}

/// recllm::greedy_baseline at each token; with rewards of tokens, their sum from that token on.
[[nodiscard]] inline token_matrix<double> greedy_baseline(const scored_step& step, const advantage_options&) {
  detail::check_step(step);
  token_matrix<double> all = detail::over_tokens(step, recllm::greedy_baseline(step.rewards, step.baselines));
  if (step.token_rewards.size() == 0) return all;
  for (Eigen::Index row = 0; row < all.rows(); ++row) {
    double rest = 0.0;
    for (Eigen::Index t = all.cols() - 1; t >= 0; --t)
      if (step.mask(row, t) != 0.0f) all(row, t) += rest += step.token_rewards(row, t);
  }
  return all;
}

/// recllm::gpg_relative at each token.
[[nodiscard]] inline token_matrix<double> gpg(const scored_step& step, const advantage_options& how) {
  return detail::over_tokens(step, recllm::gpg_relative(detail::total_rewards(step), step.groups, how));
}

}  // namespace advantage

}  // namespace recllm
