// Proximal Policy Optimization: a critic says what was to be expected at each token.
//
//   loss = - mean over tokens of min(ratio A, clip(ratio, 1 - range, 1 + range) A) + value_coef * value loss
//
// A: GAE over token rewards -kl_coef log(pi_old / ref), plus the completion's reward at its last token; or
// with the divergence in the loss, as GRPO has it. No clip and one token are importance-weighted REINFORCE.
// Schulman et al., arXiv 1707.06347, equation 7; for language models: Stiennon et al., arXiv 2009.01325;
// Ouyang et al., arXiv 2203.02155.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/clipped_ratio.hpp>
#include <recllm/objective/critic.hpp>
#include <recllm/objective/gae.hpp>
#include <recllm/objective/kl_control.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Where the divergence from the reference is subtracted.
enum class kl_place { reward, loss };

/// Settings and objective of PPO.
struct ppo {
  std::optional<double> clip_low = 0.2;            ///< ratios from 1 - clip_low on earn; absent = all
  std::optional<double> clip_high = 0.2;           ///< ratios up to 1 + clip_high earn; absent = all
  std::optional<double> dual_clip = std::nullopt;  ///< > 1: where A < 0 the loss is at most dual_clip |A|
  std::optional<double> delta = std::nullopt;      ///< > 0: ratios are capped here before the clip
  std::optional<double> log_ratio_limit = std::nullopt;  ///< > 0: log-ratios are clamped to this (verl: 20)
  std::optional<double> value_clip_range = 0.2;          ///< of the critic's change, >= 0; absent = no clip
  double value_coef = 0.1;                               ///< of the critic's loss, >= 0
  double gamma = 1.0;                                    ///< discount a token, in [0, 1]
  double lambda = 0.95;                                  ///< of GAE, in [0, 1]
  masked_tokens masked = masked_tokens::carry;           ///< how GAE goes by tokens that the mask leaves out
  double kl_coef = 0.05;              ///< of the divergence from the reference, >= 0; 0 needs none
  kl_place kl_in = kl_place::reward;  ///< where it is subtracted
  std::optional<recllm::kl_estimator> kl_estimator =
      std::nullopt;                                ///< absent = k1 in the reward, k3 in the loss
  double entropy_coef = 0.0;                       ///< of the entropy bonus
  std::optional<double> target_kl = std::nullopt;  ///< see past_target
  bool whiten_advantages = true;                   ///< to mean 0 and deviation 1 over the step's tokens
  normalisation average = normalisation::per_token;
  std::optional<normalisation> entropy_average = std::nullopt;  ///< of the entropies; absent = average
  std::optional<normalisation> value_average = std::nullopt;    ///< of the critic's loss; absent = average
  clip_counting counting = clip_counting::held_back;            ///< what clip fractions count

  /// The policy's loss. Throws std::invalid_argument for settings out of range, for matrices of different
  /// shapes, and without a reference or entropies where they are needed.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    const clipped_ratio surrogate{clip_low, clip_high, dual_clip, delta};
    surrogate.check("ppo");
    require(
        entropy_coef == 0.0 || !entropy_average || b.entropy_weights.size() != 0 || b.log_probs.size() == 0,
        "recllm: ppo: entropy_average is set, but entropy_weights is empty; pass entropy_weights(mask) of "
        "the "
        "whole step, these rows of it");
    return policy_loss(b, surrogate,
                       {.log_ratio_limit = log_ratio_limit,
                        .kl_coef = kl_in == kl_place::loss ? kl_coef : 0.0,
                        .kl_estimator = kl_estimator.value_or(recllm::kl_estimator::k3),
                        .entropy_coef = entropy_coef,
                        .counting = counting});
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

  /// Rewards of each token, B x T: -kl_coef * the divergence from the reference, unless that is in the loss,
  /// and the completion's reward added at its last token. A completion without tokens has nowhere to put its
  /// reward. Throws std::invalid_argument for a negative kl_coef and for shapes that differ.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> token_rewards(const experience<S>& x) const {
    require(kl_coef >= 0.0 && std::isfinite(kl_coef), "recllm: ppo: kl_coef must be 0 or more, but is ",
            kl_coef);
    require(x.rewards.size() == x.mask.rows(), "recllm: ppo: got ", x.rewards.size(), " rewards for ",
            x.mask.rows(), " completions; pass one a completion");
    token_matrix<S> rewards = token_matrix<S>::Zero(x.mask.rows(), x.mask.cols());
    if (kl_coef != 0.0 && kl_in == kl_place::reward)
      rewards = kl_in_reward<S>(x.log_probs, x.ref_log_probs, x.mask,
                                {kl_coef, kl_estimator.value_or(recllm::kl_estimator::k1)});
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
    gae_estimate<S> e =
        gae(gae_batch<S>{rewards, x.values, x.mask}, {.gamma = gamma, .lambda = lambda, .masked = masked});
    if (whiten_advantages) e.advantages = whiten(e.advantages, x.mask);
    return e;
  }

  /// Whether a pass over the step moved the policy more than target_kl (mean approx_kl, nats) from the one
  /// that sampled: then no further pass should follow. Never without target_kl.
  [[nodiscard]] bool past_target(const tally& pass) const {
    return target_kl && pass.tokens > 0.0 && pass.approx_kl > *target_kl * pass.tokens;
  }

  /// One weight per token of the step, B x T.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    return token_weights(mask, average);
  }

  /// The same for the critic's loss.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> value_weights(const token_matrix<S>& mask) const {
    return token_weights(mask, value_average.value_or(average));
  }

  /// One weight per entropy of the step, B x T: token_batch::entropy_weights where entropy_average is set.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> entropy_weights(const token_matrix<S>& mask) const {
    return token_weights(mask, entropy_average.value_or(average));
  }

  static constexpr bool is_tokenwise = true;
  [[nodiscard]] bool needs_reference() const { return kl_coef != 0.0; }
};

static_assert(StepObjective<ppo>);
static_assert(Objective<ppo, double>);

}  // namespace recllm

#include <recllm/train/ppo_train.hpp>  // last: the trainer of this objective
