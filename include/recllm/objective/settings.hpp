// From an objective's settings to what its loop and its trainer ask for: the same few lines for all of them.
#pragma once

#include <concepts>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_loss.hpp>

namespace recllm::detail {

/// policy_loss() with the settings that `o` has.
template <std::floating_point S, Surrogate T, class O>
[[nodiscard]] evaluation<S> policy_loss_of(const O& o, const token_batch<S>& b, const T& surrogate,
                                           ratio_level level = ratio_level::token) {
  policy_loss_options how{
      .level = level, .kl_coef = o.kl_coef, .kl_estimator = o.kl_estimator, .entropy_coef = o.entropy_coef};
  if constexpr (requires { o.log_ratio_limit; }) how.log_ratio_limit = o.log_ratio_limit;
  if constexpr (requires { o.counting; }) how.counting = o.counting;
  require(
      o.entropy_coef == 0.0 || !o.entropy_average || b.entropy_weights.size() != 0 || b.log_probs.size() == 0,
      "recllm: policy_loss: entropy_average is set, but entropy_weights is empty; pass the objective's "
      "entropy_weights(mask) of the whole step, these rows of it");
  return policy_loss(b, surrogate, how);
}

/// The advantages of a step by the estimator and the settings that `o` has.
template <class O>
[[nodiscard]] token_matrix<double> advantages_of(const O& o, const scored_step& step) {
  advantage_options how{.scale = o.scale, .epsilon = o.epsilon, .divisor = o.divisor, .lone = o.lone};
  if constexpr (requires { o.gamma; }) how.gamma = o.gamma;
  if constexpr (requires { o.masked; }) how.masked = o.masked;
  if constexpr (requires { o.last; }) how.last = o.last;
  return o.advantage(step, how);
}

}  // namespace recllm::detail
