// How far the policy is from the reference at each token: estimators of KL(policy || reference).
//
// With d = log_probs - ref_log_probs:  k1 = d,  k2 = d^2 / 2,  k3 = exp(-d) - 1 + d.
// Schulman, "Approximating KL Divergence", joschu.net/blog/kl-approx.html, 2020; k3 is the one of
// DeepSeekMath, arXiv 2402.03300, equation 4.
#pragma once

#include <concepts>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/exponential.hpp>
#include <recllm/objective/lanes.hpp>
#include <recllm/objective/surrogate.hpp>
#include <recllm/objective/terms.hpp>

namespace recllm {

/// Which estimator, and with it which gradient.
enum class kl_estimator {
  k1,           ///< unbiased, may be negative
  k2,           ///< biased, never negative; its gradient is unbiased
  k3,           ///< unbiased, never negative; grows like reference / policy where the policy drops a token
  absolute,     ///< |d|, slope 0 at 0
  low_variance  ///< k3 of d clamped to [-20, 20], at most 10; slope 0 where a clamp holds (verl's low_var_kl)
};

namespace detail {

/// Value and slope with respect to log_prob, given d = log_prob - ref_log_prob.
template <class X>
[[nodiscard, gnu::always_inline]] inline token_loss<X> divergence_at(X d, kl_estimator how) {
  if (how == kl_estimator::k3) {
    const X k3 = exponential_of(-d).beyond_linear;
    return {k3, d - k3};  // 1 - exp(-d), which would cancel near 0
  }
  if (how == kl_estimator::k1) return {d, X(1.0)};
  if (how == kl_estimator::k2) return {X(0.5) * d * d, d};
  if (how == kl_estimator::absolute) return {abs(d), select(d > 0.0, X(1.0), select(d < 0.0, X(-1.0), d))};
  // Where d is held, k3 > 10: the second clamp's slope is the first's.
  const X held = limit(d, X(-20.0), X(20.0)), k3 = exponential_of(-held).beyond_linear;
  return {limit(k3, X(0.0), X(10.0)), drop_if(k3 > 10.0, held - k3)};
}

}  // namespace detail

/// The divergence at each token, B x T, and its slope with respect to log_probs. Throws std::invalid_argument
/// for shapes that differ.
template <std::floating_point S>
[[nodiscard]] token_term<S> divergence(const token_view<S>& log_probs, const token_view<S>& ref_log_probs,
                                       kl_estimator how) {
  require(log_probs.rows() == ref_log_probs.rows() && log_probs.cols() == ref_log_probs.cols(),
          "recllm: divergence: ref_log_probs must be ", log_probs.rows(), " x ", log_probs.cols(),
          " as log_probs, but is ", ref_log_probs.rows(), " x ", ref_log_probs.cols());
  token_term<S> term{token_matrix<S>(log_probs.rows(), log_probs.cols()),
                     token_matrix<S>(log_probs.rows(), log_probs.cols())};
  for (Eigen::Index row = 0; row < log_probs.rows(); ++row)
    detail::for_each_lanes<S>(log_probs.cols(), [&]<class X>(Eigen::Index t) {
      const X d = X::load(log_probs.data() + row * log_probs.outerStride() + t) -
                  X::load(ref_log_probs.data() + row * ref_log_probs.outerStride() + t);
      const token_loss<X> at = detail::divergence_at(d, how);
      at.value.store(&term.value(row, t));
      at.slope.store(&term.slope(row, t));
    });
  return term;
}

}  // namespace recllm
