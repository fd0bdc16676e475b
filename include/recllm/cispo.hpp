// CISPO: REINFORCE weighted by a clipped ratio that is taken as a constant, so that no token's slope is lost.
//
//   loss = - sum over tokens of weight * stop(min(ratio, cap)) * A * log pi
//
// MiniMax-M1, arXiv 2506.13585, equations 4 and 5: there the bound is 1 + eps_high, without a lower one. TRL
// takes an absolute cap, verl the range [1 - eps_low, 1 + eps_high]; here each bound is set or not.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>
#include <recllm/objective/settings.hpp>
#include <recllm/objective/surrogate.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// -stop(clamp(ratio, low, high)) A log pi; the slope is with respect to log pi.
struct stopped_ratio {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();

  static constexpr bool through_ratio = false;

  [[nodiscard]] ratio_bounds bounds() const { return {low, high}; }

  template <class X>
  [[nodiscard]] token_loss<X> operator()(X ratio, X log_prob, X advantage) const {
    const X slope = -(limit(ratio, X(low), X(high)) * advantage);
    return {slope * log_prob, slope};
  }
};

static_assert(Surrogate<stopped_ratio>);

/// Settings and objective of CISPO.
struct cispo {
  std::optional<double> clip_low = std::nullopt;   ///< in [0, 1]: ratios are raised to 1 - clip_low
  std::optional<double> clip_high = std::nullopt;  ///< >= 0: ratios are lowered to 1 + clip_high
  std::optional<double> cap = 5.0;  ///< > 0: ratios are lowered to cap; absent = clip_high alone
  std::optional<double> log_ratio_limit = std::nullopt;  ///< > 0: log-ratios are clamped to this (verl: 20)
  double kl_coef = 0.0;                                  ///< beta, >= 0; 0 needs no reference
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;  ///< of the divergence from the reference
  double entropy_coef = 0.0;                                     ///< of the entropy bonus
  normalisation average = normalisation::per_token;
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
    require(!clip_low || (*clip_low >= 0.0 && *clip_low <= 1.0),
            "recllm: cispo: clip_low must be in [0, 1], but is ", clip_low.value_or(0.0));
    require(!clip_high || *clip_high >= 0.0, "recllm: cispo: clip_high must be 0 or more, but is ",
            clip_high.value_or(0.0));
    require(!cap || *cap > 0.0, "recllm: cispo: cap must be > 0, but is ", cap.value_or(0.0),
            "; it bounds the ratio itself, 5 is usual");
    stopped_ratio surrogate{.low = clip_low ? 1.0 - *clip_low : 0.0};
    if (clip_high) surrogate.high = 1.0 + *clip_high;
    if (cap) surrogate.high = std::min(surrogate.high, *cap);
    return detail::policy_loss_of(*this, b, surrogate);
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

  static constexpr bool is_tokenwise = true;
  [[nodiscard]] bool needs_reference() const { return kl_coef != 0.0; }
};

static_assert(GroupObjective<cispo>);
static_assert(Objective<cispo, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
