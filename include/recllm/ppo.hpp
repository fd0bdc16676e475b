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
#include <recllm/objective/gae.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/terms.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// What a critic's loss reads, borrowed: B x T each.
template <std::floating_point S>
struct value_batch {
  token_view<S> values;      ///< of the critic that learns
  token_view<S> old_values;  ///< of the critic when the completions were sampled
  token_view<S> returns;     ///< gae_estimate::returns
  token_view<S> weights;     ///< 0 = not counted
};

/// A critic's loss and its slope.
template <std::floating_point S>
struct value_evaluation {
  double loss = 0.0;
  token_matrix<S> dloss_dvalues;  ///< B x T, 0 where the weight is 0
  double clipped = 0.0;           ///< tokens whose slope the clip made 0
};

/// Sum of weight * max((v - R)^2, (clip(v, v_old - range, v_old + range) - R)^2) / 2; no range, no clip. The
/// slope is 0 where the clipped error is the larger one. Throws std::invalid_argument for a negative range or
/// shapes that differ.
template <std::floating_point S>
[[nodiscard]] value_evaluation<S> value_loss(const value_batch<S>& b,
                                             std::optional<double> range = std::nullopt) {
  require(!range || *range >= 0.0, "recllm: value_loss: the clip range must be 0 or more, but is ",
          range.value_or(0.0), "; std::nullopt is no clip");
  for (const token_view<S>* m : {&b.old_values, &b.returns, &b.weights})
    require(m->rows() == b.values.rows() && m->cols() == b.values.cols(), "recllm: value_loss: values are ",
            b.values.rows(), " x ", b.values.cols(), ", but old_values, returns or weights are ", m->rows(),
            " x ", m->cols());
  value_evaluation<S> e;
  e.dloss_dvalues = token_matrix<S>::Zero(b.values.rows(), b.values.cols());
  for (Eigen::Index row = 0; row < b.values.rows(); ++row)
    for (Eigen::Index t = 0; t < b.values.cols(); ++t) {
      const double weight = b.weights(row, t), value = b.values(row, t), old = b.old_values(row, t);
      if (weight == 0.0) continue;
      const double error = value - b.returns(row, t);
      double limited = error;
      if (range && !(std::abs(value - old) <= *range))
        limited = old + (value < old ? -*range : *range) - b.returns(row, t);
      const bool clipped = !(limited * limited <= error * error);  // so that NaN is taken for the larger one
      e.loss += weight * 0.5 * (clipped ? limited * limited : error * error);
      e.dloss_dvalues(row, t) = clipped ? S(0) : static_cast<S>(weight * error);
      e.clipped += clipped;
    }
  return e;
}

/// Completions as PPO judges them, borrowed.
template <std::floating_point S>
struct experience {
  row_values<S> rewards;        ///< B, of whole completions
  token_view<S> log_probs;      ///< B x T, when they were sampled, nats
  token_view<S> ref_log_probs;  ///< B x T, read if kl_coef != 0
  token_view<S> values;         ///< B x T, of the critic
  token_view<S> mask;           ///< B x T, 1 = a token of the completion, else 0
};

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
    value_evaluation<S> e = value_loss(b, value_clip_range);
    e.loss *= value_coef;
    e.dloss_dvalues *= static_cast<S>(value_coef);
    return e;
  }

  /// Rewards of each token, B x T: -kl_coef * (log_probs - ref_log_probs), and the completion's reward added
  /// at its last token. A completion without tokens has nowhere to put its reward.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> token_rewards(const experience<S>& x) const {
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
