// Losses of one preference pair, the DPO family: pure functions of four sequence log-probs. A new member is
// one more function of the same signature.
#pragma once

#include <algorithm>
#include <cmath>

#include <recllm/core/check.hpp>

namespace recllm {

/// Two completions of one prompt; log-probs are sums over a completion's tokens, nats.
struct pair_log_probs {
  double chosen = 0.0;           ///< under the policy
  double rejected = 0.0;         ///< under the policy
  double ref_chosen = 0.0;       ///< under the reference
  double ref_rejected = 0.0;     ///< under the reference
  double chosen_length = 1.0;    ///< tokens
  double rejected_length = 1.0;  ///< tokens
};

/// Settings of a pair loss.
struct pair_options {
  double beta = 0.1;               ///< > 0: how dear it is to leave the reference
  double label_smoothing = 0.0;    ///< in [0, 0.5]: share of labels taken to be wrong; read by sigmoid_loss
  bool length_normalised = false;  ///< divide each completion's log-ratio by its length
};

/// A loss and its slopes.
struct pair_loss {
  double value = 0.0;
  double dchosen = 0.0;    ///< with respect to pair_log_probs::chosen
  double drejected = 0.0;  ///< with respect to pair_log_probs::rejected
};

/// What dpo::loss holds.
using pair_loss_function = pair_loss (*)(const pair_log_probs&, const pair_options&);

namespace detail {

/// A function of the margin between the two log-ratios, pulled back to the log-probs. Throws
/// std::invalid_argument for settings out of range.
template <class Function>
pair_loss of_margin(const pair_log_probs& p, const pair_options& how, Function&& value_and_slope) {
  require(how.beta > 0.0 && std::isfinite(how.beta), "recllm: pair loss: beta must be > 0, but is ", how.beta,
          "; 0.1 is usual");
  require(how.label_smoothing >= 0.0 && how.label_smoothing <= 0.5,
          "recllm: pair loss: label_smoothing must be in [0, 0.5], but is ", how.label_smoothing,
          "; above 0.5 the labels are the wrong way round: swap chosen and rejected");
  const double chosen_share = how.length_normalised ? 1.0 / std::max(1.0, p.chosen_length) : 1.0;
  const double rejected_share = how.length_normalised ? 1.0 / std::max(1.0, p.rejected_length) : 1.0;
  const auto [value, slope] = value_and_slope((p.chosen - p.ref_chosen) * chosen_share -
                                              (p.rejected - p.ref_rejected) * rejected_share);
  return {value, slope * chosen_share, -slope * rejected_share};
}

struct value_and_slope {
  double value, slope;
};

/// log(1 + exp(x)) without overflow.
inline double softplus(double x) { return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

inline double sigmoid(double x) {
  return x > 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

}  // namespace detail

/// -(1 - s) log sigmoid(beta m) - s log sigmoid(-beta m), m = log(chosen / ref) - log(rejected / ref), s =
/// label_smoothing. Rafailov et al., DPO, arXiv 2305.18290, equation 7; with s: Mitchell, conservative DPO,
/// 2023.
[[nodiscard]] inline pair_loss sigmoid_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double x = how.beta * margin;
    return {(1.0 - how.label_smoothing) * detail::softplus(-x) + how.label_smoothing * detail::softplus(x),
            how.beta * (how.label_smoothing * detail::sigmoid(x) -
                        (1.0 - how.label_smoothing) * detail::sigmoid(-x))};
  });
}

/// (m - 1 / (2 beta))^2, m as above. Azar et al., IPO, arXiv 2310.12036, equation 17.
[[nodiscard]] inline pair_loss ipo_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double miss = margin - 1.0 / (2.0 * how.beta);
    return {miss * miss, 2.0 * miss};
  });
}

/// max(0, 1 - beta m), m as above; slope 0 at the hinge. Zhao et al., SLiC-HF, arXiv 2305.10425, on DPO's
/// log-ratios as in Liu et al., RSO, arXiv 2309.06657.
[[nodiscard]] inline pair_loss hinge_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_margin(p, how, [&](double margin) -> detail::value_and_slope {
    const double miss = 1.0 - how.beta * margin;
    // Written so that NaN is not taken for a pair without loss.
    if (miss <= 0.0) return {0.0, 0.0};
    return {miss, -how.beta};
  });
}

}  // namespace recllm
