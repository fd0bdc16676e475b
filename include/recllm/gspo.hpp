// Group Sequence Policy Optimization: GRPO whose ratio is the completion's, not the token's.
//
//   s_k = exp( mean over t of log(pi / pi_old)_kt ),   loss = - mean over k of min(s_k A_k, clip(s_k) A_k)
//
// Zheng et al., arXiv 2507.18071, equations 5 to 7; its token variant (section 4.3) has the same value but
// lets each token's slope flow to that token alone, so that advantages may differ within a completion:
// equation 13.
#pragma once

#include <concepts>
#include <optional>

#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/clipped_ratio.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>
#include <recllm/objective/settings.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Settings and objective of GSPO; its clip range is that of the paper's section 5.1.
struct gspo {
  std::optional<double> clip_low = 3e-4;                 ///< ratios from 1 - clip_low on earn; absent = all
  std::optional<double> clip_high = 4e-4;                ///< ratios up to 1 + clip_high earn; absent = all
  bool per_token = false;                                ///< the token variant
  std::optional<double> log_ratio_limit = std::nullopt;  ///< > 0: log s_k is at most this (verl: 10)
  double kl_coef = 0.0;                                  ///< beta, >= 0; 0 needs no reference
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;  ///< of the divergence from the reference
  double entropy_coef = 0.0;                                     ///< of the entropy bonus
  normalisation average = normalisation::per_sequence;
  std::optional<normalisation> entropy_average = std::nullopt;  ///< of the entropies; absent = average
  clip_counting counting = clip_counting::held_back;            ///< what clip fractions count
  advantage_estimator advantage = recllm::advantage::group_relative;
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0
  deviation divisor = deviation::sample;
  lone_completion lone = lone_completion::zero;

  /// Throws std::invalid_argument for settings out of range, for matrices of different shapes, and without a
  /// reference or entropies where they are needed.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    const clipped_ratio surrogate{clip_low, clip_high};
    surrogate.check("gspo");
    return detail::policy_loss_of(*this, b, surrogate,
                                  per_token ? ratio_level::sequence_token : ratio_level::sequence);
  }

  /// One advantage per token of the step, B x T, 0 where the mask is 0.
  [[nodiscard]] token_matrix<double> advantages(const scored_step& step) const {
    return detail::advantages_of(*this, step);
  }

  /// One weight per token of the step, B x T.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    return token_weights(mask, average);
  }

  /// One weight per entropy of the step, B x T: token_batch::entropy_weights where entropy_average is set.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> entropy_weights(const token_matrix<S>& mask) const {
    return token_weights(mask, entropy_average.value_or(average));
  }

  [[nodiscard]] bool needs_reference() const { return kl_coef != 0.0; }
};

static_assert(GroupObjective<gspo>);
static_assert(Objective<gspo, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
