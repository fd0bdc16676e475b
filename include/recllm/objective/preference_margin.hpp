// Losses of the margin between chosen and rejected: sigmoid (DPO), robust, ipo, hinge, exo, discopop.
//
//   m = log(pi / ref)(chosen) - log(pi / ref)(rejected),   x = beta m
//
// length_normalised divides each of the two log-ratios by its completion's number of tokens.
#pragma once

#include <cmath>

#include <recllm/core/check.hpp>
#include <recllm/objective/preference_pair.hpp>

namespace recllm {

/// -(1 - s) log sigmoid(x) - s log sigmoid(-x), s = label_smoothing. Rafailov et al., DPO, arXiv 2305.18290,
/// equation 7; with s conservative DPO: Mitchell, "A note on DPO with noisy preferences", 2023;
/// length_normalised: Lambert et al., Tulu 3, arXiv 2411.15124, section 4.3.
[[nodiscard]] inline pair_loss sigmoid_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const auto [value, slope] = detail::smoothed_logistic(how.beta * margin, how.label_smoothing);
    return {value, how.beta * slope};
  });
}

/// (-(1 - s) log sigmoid(x) + s log sigmoid(-x)) / (1 - 2 s), s = label_smoothing < 0.5: without bias where a
/// share s of the labels is flipped. Chowdhury et al., robust DPO, arXiv 2403.00409.
[[nodiscard]] inline pair_loss robust_loss(const pair_log_probs& p, const pair_options& how) {
  const double s = how.label_smoothing;
  require(s < 0.5, "recllm: robust_loss: label_smoothing must be below 0.5, but is ", s,
          "; labels that are wrong half of the time say nothing");
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double x = how.beta * margin;
    if (s == 0.0) return {detail::softplus(-x), -how.beta * detail::sigmoid(-x)};
    return {((1.0 - s) * detail::softplus(-x) - s * detail::softplus(x)) / (1.0 - 2.0 * s),
            -how.beta * ((1.0 - s) * detail::sigmoid(-x) + s * detail::sigmoid(x)) / (1.0 - 2.0 * s)};
  });
}

/// (m - 1 / (2 beta))^2. Azar et al., IPO, arXiv 2310.12036, equation 17. TRL sets length_normalised, which
/// the paper does not have.
[[nodiscard]] inline pair_loss ipo_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double miss = margin - 1.0 / (2.0 * how.beta);
    return {miss * miss, 2.0 * miss};
  });
}

/// max(0, 1 - x); slope 0 at the hinge. Zhao et al., SLiC-HF, arXiv 2305.10425, on DPO's log-ratios as in Liu
/// et al., RSO, arXiv 2309.06657.
[[nodiscard]] inline pair_loss hinge_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double miss = 1.0 - how.beta * margin;
    // Written so that NaN is not taken for a pair without loss.
    if (miss <= 0.0) return {0.0, 0.0};
    return {miss, -how.beta};
  });
}

/// KL((q, 1 - q) || (1 - s, s)), q = sigmoid(x): the reverse divergence. s = label_smoothing; 0 stands for
/// the paper's 1e-3, because at 0 the loss is infinite. Ji et al., EXO, arXiv 2402.00856, equation 16.
[[nodiscard]] inline pair_loss exo_loss(const pair_log_probs& p, const pair_options& how) {
  const double s = how.label_smoothing == 0.0 ? 1e-3 : how.label_smoothing;
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double x = how.beta * margin;
    const double q = detail::sigmoid(x), rest = detail::sigmoid(-x);
    return {q * (-detail::softplus(-x) - std::log1p(-s)) + rest * (-detail::softplus(x) - std::log(s)),
            how.beta * q * rest * (x - std::log1p(-s) + std::log(s))};
  });
}

/// (1 - g) (-log sigmoid(x)) + g exp(-x), g = sigmoid(x / tau): logistic where the pair is wrong, exponential
/// where it is right. Lu et al., DiscoPOP, arXiv 2406.08414, equation 5. Not monotonic: with tau =
/// 0.05 it rises for x in (-0.12, 0.07), so a policy that starts as a copy of its reference, x = 0, slides
/// back to x = -0.12. Start from one that tells the pairs apart already.
struct discopop_loss {
  double tau = 0.05;  ///< > 0: width of the crossing from one to the other, in units of x

  [[nodiscard]] pair_loss operator()(const pair_log_probs& p, const pair_options& how) const {
    require(tau > 0.0, "recllm: discopop_loss: tau must be > 0, but is ", tau, "; the paper has 0.05");
    return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
      const double x = how.beta * margin;
      const double g = detail::sigmoid(x / tau), rest = detail::sigmoid(-x / tau);
      const double logistic = detail::softplus(-x);
      // g exp(-x) as one exponential: the factors are 0 and infinity where x is far below 0.
      const double exponential = std::exp(-detail::softplus(-x / tau) - x);
      return {rest * logistic + exponential, how.beta * (rest / tau * (exponential - g * logistic) -
                                                         rest * detail::sigmoid(-x) - exponential)};
    });
  }
};

}  // namespace recllm
