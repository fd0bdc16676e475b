// Group Relative Policy Optimization: completions of a prompt are compared with each other, so no critic is
// needed.
//
//   J = 1/B sum_k 1/|o_k| sum_t ( ratio_kt A_k - beta ( ref/pi - log(ref/pi) - 1 )_kt ),  ratio = pi /
//   pi_old, A_k = (r_k - mean of its group) / deviation of its group;   loss = -J
//
// This is equation 3.3 of RecLLM-R1, Xie et al., arXiv 2506.19235, after Shao et al., DeepSeekMath, arXiv
// 2402.03300, and the default. A clip range comes on top; DAPO (arXiv 2503.14476) is {.clip_low = 0.2,
// .clip_high = 0.28, .kl_coef = 0, .average = normalisation::per_token}; Dr. GRPO (arXiv 2503.20783) is
// {.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0, .average = normalisation::constant_length(n), .scale =
// advantage_scale::none}.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/terms.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Settings and objective of GRPO: `train(policy, grpo{}, reward, prompts, {...}, &reference)`.
struct grpo {
  std::optional<double> clip_low = std::nullopt;   ///< ratios from 1 - clip_low on earn; absent = all
  std::optional<double> clip_high = std::nullopt;  ///< ratios up to 1 + clip_high earn; absent = all
  double kl_coef = 0.04;                           ///< beta, >= 0; 0 needs no reference
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;  ///< of the divergence from the reference
  normalisation average = normalisation::per_sequence;
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0

  /// Reads all of the batch; ref_log_probs only if there is a reference. Throws std::invalid_argument for
  /// settings out of range or matrices of different shapes.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    require(kl_coef >= 0.0 && std::isfinite(kl_coef), "recllm: grpo: kl_coef must be 0 or more, but is ",
            kl_coef);
    const ratio_clip clip{clip_low, clip_high};
    token_term<S> term = clipped_surrogate(b, clip);
    if (needs_reference()) term += kl_coef * divergence(b, kl_estimator);
    evaluation<S> e = weighted_sum(term, b);
    static_cast<tally&>(e) = surrogate_tally(b, clip);
    return e;
  }

  /// One advantage per completion, B, from rewards (B) and group numbers (B).
  [[nodiscard]] row_values<double> advantages(const row_values<double>& rewards,
                                              std::span<const std::size_t> groups) const {
    return group_relative(rewards, groups, {.scale = scale, .epsilon = epsilon});
  }

  /// One weight per token of the step, B x T.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    return token_weights(mask, average);
  }

  [[nodiscard]] bool needs_reference() const { return kl_coef != 0.0; }
};

static_assert(GroupObjective<grpo>);
static_assert(Objective<grpo, double>);

}  // namespace recllm

#include <recllm/train/train.hpp>  // last: the trainer of this objective
