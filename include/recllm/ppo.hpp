// Proximal Policy Optimization: a critic says what was to be expected at each token.
//
//   loss = - mean over tokens of min(ratio A, clip(ratio, 1 - range, 1 + range) A) + value_coef * value loss
//
// A: GAE over token rewards -kl_coef log(pi_old / ref), plus the completion's reward at its last token.
// Schulman et al., arXiv 1707.06347, equation 7; for language models: Stiennon et al., arXiv 2009.01325;
// Ouyang et al., arXiv 2203.02155.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/critic.hpp>
#include <recllm/objective/gae.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/terms.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Settings and objective of PPO.
struct ppo {
  std::optional<double> clip_range = 0.2;        ///< of the ratio, >= 0; absent = no clip
  std::optional<double> value_clip_range = 0.2;  ///< of the critic's change, >= 0; absent = no clip
  double value_coef = 0.1;                       ///< of the critic's loss, >= 0
  double gamma = 1.0;                            ///< discount a token, in [0, 1]
  double lambda = 0.95;                          ///< of GAE, in [0, 1]
  double kl_coef = 0.05;  ///< of the divergence from the reference in the rewards, >= 0
  std::optional<double> target_kl = std::nullopt;  ///< see past_target
  bool whiten_advantages = true;                   ///< to mean 0 and deviation 1 over the step's tokens
  normalisation average = normalisation::per_token;

  /// The policy's loss. Reads all but ref_log_probs, which serve the metrics only.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    const ratio_clip clip{clip_range, clip_range};
    evaluation<S> e = weighted_sum(clipped_surrogate(b, clip), b);
    static_cast<tally&>(e) = surrogate_tally(b, clip);
    return e;
  }

  /// The critic's loss: value_coef * value_loss.
  template <std::floating_point S>
  [[nodiscard]] value_evaluation<S> critic_loss(const value_batch<S>& b) const {
    require(value_coef >= 0.0, "recllm: ppo: value_coef must be 0 or more, but is ", value_coef);
    value_evaluation<S> e = value_loss(b, value_clip_range);
    e.loss *= value_coef;
    e.dloss_dvalues *= static_cast<S>(value_coef);
    return e;
  }

  /// Rewards of each token, B x T: -kl_coef * (log_probs - ref_log_probs), and the completion's reward added
  /// at its last token. A completion without tokens has nowhere to put its reward. Throws
  /// std::invalid_argument for a negative kl_coef and for shapes that differ.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> token_rewards(const experience<S>& x) const {
    require(kl_coef >= 0.0 && std::isfinite(kl_coef), "recllm: ppo: kl_coef must be 0 or more, but is ",
            kl_coef);
    require(x.rewards.size() == x.mask.rows(), "recllm: ppo: got ", x.rewards.size(), " rewards for ",
            x.mask.rows(), " completions; pass one a completion");
    const auto like_mask = [&](const token_view<S>& m) {
      return m.rows() == x.mask.rows() && m.cols() == x.mask.cols();
    };
    require(!needs_reference() || (like_mask(x.log_probs) && like_mask(x.ref_log_probs)),
            "recllm: ppo: log_probs and ref_log_probs must be ", x.mask.rows(), " x ", x.mask.cols(),
            " as the mask; pass the reference's log-probs or set kl_coef to 0");
    token_matrix<S> rewards = token_matrix<S>::Zero(x.mask.rows(), x.mask.cols());
    if (needs_reference())
      rewards = (x.mask != S(0)).select((x.log_probs - x.ref_log_probs) * static_cast<S>(-kl_coef), S(0));
    for (Eigen::Index row = 0; row < rewards.rows(); ++row)
      for (Eigen::Index t = rewards.cols() - 1; t >= 0; --t)
        if (x.mask(row, t) != S(0)) {
          rewards(row, t) += x.rewards(row);
          break;
        }
    return rewards;
  }

  /// Advantages (whitened or not) and returns of each token. All of a step at once: whitening is over the
  /// step.
  template <std::floating_point S>
  [[nodiscard]] gae_estimate<S> estimate(const experience<S>& x) const {
    const token_matrix<S> rewards = token_rewards(x);
    gae_estimate<S> e = gae(gae_batch<S>{rewards, x.values, x.mask}, {.gamma = gamma, .lambda = lambda});
    if (whiten_advantages) e.advantages = whiten(e.advantages, x.mask);
    return e;
  }

  /// Whether a pass over the step moved the policy more than target_kl (mean approx_kl, nats) from the one
  /// that sampled: then no further pass should follow. Never without target_kl.
  [[nodiscard]] bool past_target(const tally& pass) const {
    return target_kl && pass.tokens > 0.0 && pass.approx_kl > *target_kl * pass.tokens;
  }

  /// One weight per token of the step, B x T, for policy and critic.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    return token_weights(mask, average);
  }

  [[nodiscard]] bool needs_reference() const { return kl_coef != 0.0; }
};

static_assert(StepObjective<ppo>);
static_assert(Objective<ppo, double>);

}  // namespace recllm

#include <recllm/train/ppo_train.hpp>  // last: the trainer of this objective
