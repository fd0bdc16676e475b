// REINFORCE: the advantage times the log-prob, on completions of the policy itself.
//
//   loss = - sum over tokens of weight * A * log pi
//
// Williams 1992. With other advantages and averages it is RLOO (arXiv 2402.14740: {.advantage =
// advantage::leave_one_out}), ReMax (arXiv 2310.10505: advantage::greedy_baseline), OPO (arXiv 2505.23585:
// advantage::optimal_baseline), REINFORCE++ (arXiv 2501.03262: advantage::reinforce_plus_plus) and GPG (arXiv
// 2504.02546: {.average = normalisation::per_token, .advantage = advantage::gpg}). old_log_probs serve the
// metrics only and may be empty. leave_one_out comes with this header, the others with objective/baseline.hpp
// and objective/reinforce_plus_plus.hpp. ReMax is trained with train_options::greedy_baseline.
#pragma once

#include <concepts>
#include <optional>

#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>
#include <recllm/objective/settings.hpp>
#include <recllm/objective/surrogate.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// -A log pi.
struct log_prob_times_advantage {
  static constexpr bool through_ratio = false;

  [[nodiscard]] static ratio_bounds bounds() { return {}; }

  template <class X>
  [[nodiscard]] token_loss<X> operator()(X, X log_prob, X advantage) const {
    return {-(advantage * log_prob), -advantage};
  }
};

static_assert(Surrogate<log_prob_times_advantage>);

/// Settings and objective of REINFORCE.
struct reinforce {
  double kl_coef = 0.0;                                          ///< beta, >= 0; 0 needs no reference
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;  ///< of the divergence from the reference
  double entropy_coef = 0.0;                                     ///< of the entropy bonus
  normalisation average = normalisation::per_sequence_sum;
  std::optional<normalisation> entropy_average = std::nullopt;  ///< of the entropies; absent = average
  advantage_estimator advantage = recllm::advantage::group_relative;
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0
  deviation divisor = deviation::sample;
  lone_completion lone = lone_completion::zero;
  last_normalisation last = last_normalisation::per_sequence;  ///< read by advantage::gdpo
  double gamma = 1.0;                           ///< in [0, 1]; read by advantage::reinforce_plus_plus
  masked_tokens masked = masked_tokens::reset;  ///< the same

  /// Throws std::invalid_argument for settings out of range, for matrices of different shapes, and without a
  /// reference or entropies where they are needed.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    return detail::policy_loss_of(*this, b, log_prob_times_advantage{});
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

static_assert(GroupObjective<reinforce>);
static_assert(Objective<reinforce, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
