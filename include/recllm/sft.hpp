// Supervised fine-tuning: the policy imitates given completions.
//
//   loss = - sum over tokens of weight * log policy(token | prompt, tokens before)
//
// With the default average that is the mean cross-entropy over all tokens of the step. RecLLM-R1,
// Xie et al., arXiv 2506.19235, section 3.2.
#pragma once

#include <concepts>

#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/terms.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Settings and objective of supervised fine-tuning: `fit(policy, sft{}, examples)`.
struct sft {
  normalisation average = normalisation::per_token;  ///< over the step's tokens, not the micro-batch's

  /// Reads log_probs and weights only.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    const token_term<S> term{-b.log_probs,
                             token_matrix<S>::Constant(b.log_probs.rows(), b.log_probs.cols(), S(-1))};
    evaluation<S> e = weighted_sum(term, b);
    e.tokens = static_cast<double>((b.weights != S(0)).count());
    return e;
  }

  /// One weight per token of the step, B x T.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    return token_weights(mask, average);
  }

  static constexpr bool is_tokenwise = true;
  [[nodiscard]] static constexpr bool needs_reference() { return false; }
};

static_assert(StepObjective<sft>);
static_assert(Objective<sft, double>);

}  // namespace recllm

#include <recllm/train/fit.hpp>  // last: the trainer of this objective
