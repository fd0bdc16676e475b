// Group Relative Policy Optimization: completions of a prompt are compared with each other, so no critic is
// needed.
//
//   J = 1/B sum_k 1/|o_k| sum_t ( ratio_kt A_k - beta ( ref/pi - log(ref/pi) - 1 )_kt ),  ratio = pi /
//   pi_old, A_k = (r_k - mean of its group) / deviation of its group;   loss = -J
//
// This is equation 3.3 of RecLLM-R1, Xie et al., arXiv 2506.19235, after Shao et al., DeepSeekMath, arXiv
// 2402.03300, and the default. A clip range comes on top. Its kin are settings:
//
//   DAPO      arXiv 2503.14476   {.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0,
//                                 .average = normalisation::per_token}, trained with {.sampling_rounds = 10,
//                                 .mask_truncated = true} and + reward::overlong({...})
//   Dr. GRPO  arXiv 2503.20783   {.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0,
//                                 .average = normalisation::constant_length(n), .scale =
//                                 advantage_scale::none}
//   RLOO      arXiv 2402.14740   {.kl_coef = 0, .average = normalisation::per_sequence_sum,
//                                 .advantage = advantage::leave_one_out}
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

/// Settings and objective of GRPO: `train(policy, grpo{}, reward, prompts, {...}, &reference)`.
struct grpo {
  std::optional<double> clip_low = std::nullopt;   ///< ratios from 1 - clip_low on earn; absent = all
  std::optional<double> clip_high = std::nullopt;  ///< ratios up to 1 + clip_high earn; absent = all
  std::optional<double> dual_clip = std::nullopt;  ///< > 1: where A < 0 the loss is at most dual_clip |A|
  std::optional<double> delta = std::nullopt;      ///< > 0: ratios are capped here before the clip
  std::optional<double> log_ratio_limit = std::nullopt;  ///< > 0: log-ratios are clamped to this (verl: 20)
  double kl_coef = 0.04;                                 ///< beta, >= 0; 0 needs no reference
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
    const clipped_ratio surrogate{clip_low, clip_high, dual_clip, delta};
    surrogate.check("grpo");
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

static_assert(GroupObjective<grpo>);
static_assert(Objective<grpo, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
