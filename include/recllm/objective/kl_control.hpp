// The divergence from the reference as part of the reward, and a coefficient that keeps it near a target.
//
// In the reward: Stiennon et al., arXiv 2009.01325, section 3.4. The controller: Ziegler et al., arXiv
// 1909.08593, section 2.2.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/divergence.hpp>

namespace recllm {

/// Settings of kl_in_reward().
struct kl_penalty {
  double coef = 0.05;  ///< >= 0
  kl_estimator estimator = kl_estimator::k1;
};

/// -coef * divergence at each token, B x T, 0 where the mask is 0: what is added to the tokens' rewards.
/// Throws std::invalid_argument for a coefficient out of range and for shapes that differ.
template <std::floating_point S>
[[nodiscard]] token_matrix<S> kl_in_reward(const token_view<S>& log_probs, const token_view<S>& ref_log_probs,
                                           const token_view<S>& mask, const kl_penalty& how = {}) {
  require(how.coef >= 0.0 && std::isfinite(how.coef), "recllm: kl_in_reward: coef must be 0 or more, but is ",
          how.coef);
  for (const token_view<S>* m : {&log_probs, &ref_log_probs})
    require(m->rows() == mask.rows() && m->cols() == mask.cols(),
            "recllm: kl_in_reward: log_probs and ref_log_probs must be ", mask.rows(), " x ", mask.cols(),
            " as the mask, but one is ", m->rows(), " x ", m->cols(),
            "; pass the reference's log-probs or set kl_coef to 0");
  const token_matrix<S> apart = divergence<S>(log_probs, ref_log_probs, how.estimator).value;
  return (mask != S(0)).select(apart * static_cast<S>(-how.coef), S(0));
}

/// A coefficient that grows while the divergence is above its target and shrinks while it is below.
struct adaptive_kl {
  double coef = 0.2;         ///< the coefficient in use, >= 0
  double target = 6.0;       ///< of the divergence, nats, in the unit that update() is told; > 0
  double horizon = 10000.0;  ///< steps in which it changes by up to a fifth; > 0

  /// coef *= 1 + clip(observed / target - 1, -0.2, 0.2) * steps / horizon; returns coef. `steps`: what was
  /// done since the last update, in completions as in the paper, or in steps. Throws std::invalid_argument
  /// for settings out of range and an observation that is not finite.
  double update(double observed_kl, double steps = 1.0) {
    require(target > 0.0 && horizon > 0.0 && coef >= 0.0,
            "recllm: adaptive_kl: target and horizon must be > 0 and coef 0 or more, but they are ", target,
            ", ", horizon, " and ", coef);
    require(std::isfinite(observed_kl) && steps >= 0.0,
            "recllm: adaptive_kl: expected a finite divergence and 0 or "
            "more steps, got ",
            observed_kl, " and ", steps);
    return coef *= 1.0 + std::clamp(observed_kl / target - 1.0, -0.2, 0.2) * steps / horizon;
  }
};

}  // namespace recllm
