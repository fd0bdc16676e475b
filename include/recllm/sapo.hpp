// Soft Adaptive Policy Optimization: a smooth gate instead of a clip.
//
//   loss = - sum over tokens of weight * f(ratio) A,   f(r) = 4 sigmoid(tau (r - 1)) / tau,
//   tau = temperature_pos where A > 0, else temperature_neg
//
// Gao et al., arXiv 2511.20347. f'(1) = 1: near the old policy it is the unclipped surrogate.
#pragma once

#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/exponential.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>
#include <recllm/objective/settings.hpp>
#include <recllm/objective/surrogate.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// The gate above times -A.
struct soft_gate {
  double temperature_pos = 1.0;
  double temperature_neg = 1.05;

  static constexpr bool through_ratio = true;

  [[nodiscard]] static ratio_bounds bounds() { return {}; }

  template <class X>
  [[nodiscard]] token_loss<X> operator()(X ratio, X, X advantage) const {
    const auto good = advantage > 0.0;
    const X tau = select(good, X(temperature_pos), X(temperature_neg));
    const X open = X(1.0) / (X(1.0) + exponential_of(tau * (X(1.0) - ratio)).value);
    const X gain = X(-4.0) * open * advantage;
    return {gain * select(good, X(1.0 / temperature_pos), X(1.0 / temperature_neg)),
            gain * (X(1.0) - open) * ratio};
  }
};

static_assert(Surrogate<soft_gate>);

/// Settings and objective of SAPO; the temperatures are those of the paper and of TRL.
struct sapo {
  double temperature_pos = 1.0;                          ///< > 0: the higher, the sooner the gate closes
  double temperature_neg = 1.05;                         ///< > 0
  std::optional<double> log_ratio_limit = std::nullopt;  ///< > 0: log-ratios are clamped to this (verl: 20)
  double kl_coef = 0.0;                                  ///< beta, >= 0; 0 needs no reference
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;  ///< of the divergence from the reference
  double entropy_coef = 0.0;                                     ///< of the entropy bonus
  normalisation average = normalisation::per_sequence;
  std::optional<normalisation> entropy_average = std::nullopt;  ///< of the entropies; absent = average
  advantage_estimator advantage = recllm::advantage::group_relative;
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0
  deviation divisor = deviation::sample;
  lone_completion lone = lone_completion::zero;

  /// Throws std::invalid_argument for settings out of range, for matrices of different shapes, and without a
  /// reference or entropies where they are needed.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    for (const double temperature : {temperature_pos, temperature_neg})
      require(temperature > 0.0, "recllm: sapo: temperatures must be > 0, but one is ", temperature);
    return detail::policy_loss_of(*this, b, soft_gate{temperature_pos, temperature_neg});
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

static_assert(GroupObjective<sapo>);
static_assert(Objective<sapo, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
