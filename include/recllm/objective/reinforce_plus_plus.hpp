// REINFORCE++: advantages whitened over the whole step, not within groups.
//
//   REINFORCE++            G_t = sum over l >= t of gamma^(l - t) r_l,   A = whitened G
//   REINFORCE++-baseline   A = whitened (r - mean of its group)
//
// Hu et al., arXiv 2501.03262. Whitening is over tokens: a long completion counts for more.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/baseline.hpp>
#include <recllm/objective/gae.hpp>

namespace recllm {

/// Advantages and returns of each token, B x T, 0 where the mask is 0. Reads gamma and masked. Whitening is
/// that of whiten(): exactly 0 where all returns are equal. Throws std::invalid_argument for shapes that
/// differ and gamma out of range.
[[nodiscard]] inline gae_estimate<double> reinforce_plus_plus(const token_view<double>& rewards,
                                                              const token_view<double>& mask,
                                                              const advantage_options& how = {}) {
  const token_matrix<double> no_critic = token_matrix<double>::Zero(mask.rows(), mask.cols());
  gae_estimate<double> e = gae(gae_batch<double>{rewards, no_critic, mask},
                               {.gamma = how.gamma, .lambda = 1.0, .masked = how.masked});
  e.advantages = whiten(e.returns, mask);
  return e;
}

/// A_i of each completion, B: r_i - mean of its group, whitened over the step's tokens (variance + 1e-8, n -
/// 1). A completion without tokens gets 0. Exactly 0 where nothing differs. Reads lone. Throws
/// std::invalid_argument where sizes differ.
[[nodiscard]] inline row_values<double> reinforce_plus_plus_baseline(const rewards_and_lengths& x,
                                                                     std::span<const std::size_t> groups,
                                                                     const advantage_options& how = {}) {
  require(x.lengths.size() == x.rewards.size(), "recllm: reinforce_plus_plus_baseline: got ",
          x.rewards.size(), " rewards but ", x.lengths.size(),
          " lengths; pass one of each for every completion");
  const row_values<double> centred = detail::within_groups(
      x.rewards, groups, how.lone, "reinforce_plus_plus_baseline",
      [](const row_values<double>& own, const auto&) -> row_values<double> { return own - own.mean(); });
  const double tokens = x.lengths.sum();
  const Eigen::Array<bool, Eigen::Dynamic, 1> counted = x.lengths > 0.0;
  const auto first = [&] {
    for (Eigen::Index i = 0; i < centred.size(); ++i)
      if (counted(i)) return centred(i);
    return 0.0;
  }();
  if (((centred - first == 0.0) || !counted).all()) return row_values<double>::Zero(centred.size());
  const double mean = (x.lengths * centred).sum() / tokens;
  const double variance = (x.lengths * (centred - mean).square()).sum() / (tokens - 1.0);
  return counted.select((centred - mean) / std::sqrt(variance + 1e-8), 0.0);
}

namespace advantage {

/// recllm::reinforce_plus_plus of the tokens' rewards, with each completion's reward at its last token.
[[nodiscard]] inline token_matrix<double> reinforce_plus_plus(const scored_step& step,
                                                              const advantage_options& how) {
  detail::check_step(step);
  token_matrix<double> rewards = token_matrix<double>::Zero(step.mask.rows(), step.mask.cols());
  if (step.token_rewards.size() != 0) rewards = step.token_rewards;
  for (Eigen::Index row = 0; row < rewards.rows(); ++row)
    for (Eigen::Index t = rewards.cols() - 1; t >= 0; --t)
      if (step.mask(row, t) != 0.0f) {
        rewards(row, t) += step.rewards(row);
        break;
      }
  const token_matrix<double> mask = step.mask.cast<double>();
  return recllm::reinforce_plus_plus(rewards, mask, how).advantages;
}

/// recllm::reinforce_plus_plus_baseline at each token.
[[nodiscard]] inline token_matrix<double> reinforce_plus_plus_baseline(const scored_step& step,
                                                                       const advantage_options& how) {
  const row_values<double> rewards = detail::total_rewards(step);
  const row_values<double> lengths = step.mask.cast<double>().rowwise().sum();
  return detail::over_tokens(step,
                             recllm::reinforce_plus_plus_baseline({rewards, lengths}, step.groups, how));
}

}  // namespace advantage

}  // namespace recllm
