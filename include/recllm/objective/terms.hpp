// Differentiable per-token terms: an objective is their sum, weighted by token_weights.
//
// Surrogates: Schulman et al., PPO, arXiv 1707.06347, equations 6 and 7. Divergences: Schulman,
// "Approximating KL Divergence", joschu.net/blog/kl-approx.html, 2020; k3 is the one of DeepSeekMath, arXiv
// 2402.03300, equation 4.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm {

/// A loss at each token and its derivative with respect to that token's log-prob, both B x T.
template <std::floating_point S>
struct token_term {
  token_matrix<S> value;
  token_matrix<S> slope;

  token_term& operator+=(const token_term& other) {
    value += other.value;
    slope += other.slope;
    return *this;
  }
  [[nodiscard]] friend token_term operator*(double factor, const token_term& term) {
    return {term.value * static_cast<S>(factor), term.slope * static_cast<S>(factor)};
  }
};

/// The ratios policy / old policy that still earn: [1 - low, 1 + high]; an absent side has no bound.
struct ratio_clip {
  std::optional<double> low = std::nullopt;   ///< in [0, 1]
  std::optional<double> high = std::nullopt;  ///< >= 0

  /// Whether the lower clip holds a token back. A ratio on the edge is inside.
  [[nodiscard]] bool holds_low(double ratio, double advantage) const {
    return low && advantage < 0.0 && ratio < 1.0 - *low;
  }
  /// Whether the upper clip holds a token back. A ratio on the edge is inside.
  [[nodiscard]] bool holds_high(double ratio, double advantage) const {
    return high && advantage > 0.0 && ratio > 1.0 + *high;
  }
};

/// -min(ratio * A, clip(ratio) * A) with ratio = exp(log_probs - old_log_probs). Where the clip holds a token
/// back the value is constant and the slope 0; on the edge the slope is the unclipped one, as automatic
/// differentiation of clamp has it. A range without bounds gives -ratio * A. Throws std::invalid_argument for
/// bounds out of range or matrices of different shapes.
template <std::floating_point S>
[[nodiscard]] token_term<S> clipped_surrogate(const token_batch<S>& b, const ratio_clip& clip) {
  require(!clip.low || (*clip.low >= 0.0 && *clip.low <= 1.0),
          "recllm: clipped_surrogate: clip_low must be in [0, 1], but is ", clip.low.value_or(0.0),
          "; 0.2 keeps ratios above 0.8, std::nullopt is no clip");
  require(!clip.high || *clip.high >= 0.0, "recllm: clipped_surrogate: clip_high must be 0 or more, but is ",
          clip.high.value_or(0.0), "; 0.2 keeps ratios below 1.2, std::nullopt is no clip");
  detail::require_shape(b, b.old_log_probs, "clipped_surrogate", "old_log_probs");
  detail::require_shape(b, b.advantages, "clipped_surrogate", "advantages");
  const token_matrix<S> ratio = (b.log_probs - b.old_log_probs).exp();
  token_term<S> term{-ratio * b.advantages, -ratio * b.advantages};
  for (Eigen::Index row = 0; row < ratio.rows(); ++row)
    for (Eigen::Index t = 0; t < ratio.cols(); ++t) {
      const double advantage = b.advantages(row, t);
      const bool low = clip.holds_low(ratio(row, t), advantage);
      if (!low && !clip.holds_high(ratio(row, t), advantage)) continue;
      term.value(row, t) = static_cast<S>(-(low ? 1.0 - *clip.low : 1.0 + *clip.high) * advantage);
      term.slope(row, t) = S(0);
    }
  return term;
}

/// -ratio * A, not clipped: the term of the paper's equation for GRPO.
template <std::floating_point S>
[[nodiscard]] token_term<S> surrogate(const token_batch<S>& b) {
  return clipped_surrogate(b, {});
}

/// k1 = d with d = log_probs - ref_log_probs: unbiased for KL(policy || reference), may be negative.
template <std::floating_point S>
[[nodiscard]] token_term<S> k1_divergence(const token_view<S>& log_probs,
                                          const token_view<S>& ref_log_probs) {
  return {log_probs - ref_log_probs, token_matrix<S>::Ones(log_probs.rows(), log_probs.cols())};
}

/// k2 = d^2 / 2 with d as above: biased, never negative.
template <std::floating_point S>
[[nodiscard]] token_term<S> k2_divergence(const token_view<S>& log_probs,
                                          const token_view<S>& ref_log_probs) {
  token_term<S> term;
  term.slope = log_probs - ref_log_probs;
  term.value = term.slope.square() / S(2);
  return term;
}

/// k3 = exp(-d) + d - 1 with d as above: unbiased, never negative; grows like reference / policy where the
/// policy has all but dropped a token.
template <std::floating_point S>
[[nodiscard]] token_term<S> k3_divergence(const token_view<S>& log_probs,
                                          const token_view<S>& ref_log_probs) {
  token_term<S> term;
  // expm1, because exp(-d) - 1 + d would round to below 0 for small d.
  term.slope = -(ref_log_probs - log_probs).unaryExpr([](S x) { return std::expm1(x); });
  term.value = (log_probs - ref_log_probs) - term.slope;
  return term;
}

/// Which of the divergences above.
enum class kl_estimator { k1, k2, k3 };

/// The divergence of that name from the batch's reference. Throws std::invalid_argument where there is none.
template <std::floating_point S>
[[nodiscard]] token_term<S> divergence(const token_batch<S>& b, kl_estimator how) {
  require(b.ref_log_probs.size() != 0 || b.log_probs.size() == 0,
          "recllm: divergence: kl_coef is not 0, which needs the reference's log-probs, but ref_log_probs is "
          "empty; pass a "
          "reference policy or set kl_coef to 0");
  detail::require_shape(b, b.ref_log_probs, "divergence", "ref_log_probs");
  if (how == kl_estimator::k1) return k1_divergence(b.log_probs, b.ref_log_probs);
  if (how == kl_estimator::k2) return k2_divergence(b.log_probs, b.ref_log_probs);
  return k3_divergence(b.log_probs, b.ref_log_probs);
}

/// Loss = sum of weight * value, and its slope. A token of weight 0 adds exactly 0, whatever its log-probs.
template <std::floating_point S>
[[nodiscard]] evaluation<S> weighted_sum(const token_term<S>& term, const token_batch<S>& b) {
  detail::require_shape(b, b.weights, "weighted_sum", "weights");
  evaluation<S> e;
  e.loss = (b.weights != S(0)).select(b.weights * term.value, S(0)).template cast<double>().sum();
  e.dloss_dlogp = (b.weights != S(0)).select(b.weights * term.slope, S(0));
  return e;
}

/// The sums of a surrogate's metrics; `kl` stays 0 without a reference.
template <std::floating_point S>
[[nodiscard]] tally surrogate_tally(const token_batch<S>& b, const ratio_clip& clip) {
  tally sums;
  const token_matrix<S> ratios = (b.log_probs - b.old_log_probs).exp();
  for (Eigen::Index row = 0; row < b.weights.rows(); ++row)
    for (Eigen::Index t = 0; t < b.weights.cols(); ++t) {
      if (b.weights(row, t) == S(0)) continue;
      const double ratio = ratios(row, t);
      sums.tokens += 1.0;
      sums.ratio += ratio;
      sums.approx_kl +=
          1.0 / ratio - 1.0 + static_cast<double>(b.log_probs(row, t) - b.old_log_probs(row, t));
      sums.clipped_low += clip.holds_low(ratio, b.advantages(row, t));
      sums.clipped_high += clip.holds_high(ratio, b.advantages(row, t));
    }
  if (b.ref_log_probs.size() != 0)
    sums.kl = (b.weights != S(0))
                  .select(k3_divergence(b.log_probs, b.ref_log_probs).value, S(0))
                  .template cast<double>()
                  .sum();
  return sums;
}

}  // namespace recllm
