// Correction for completions that another program sampled: the sampler's log-probs differ from the trainer's.
//
//   w = min(pi_old / pi_rollout, cap)  (truncate),   or 0 where the ratio is out of range  (mask)
//
// Truncation: Yao et al., "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training", 2025;
// Espeholt et al., IMPALA, arXiv 1802.01561, section 4.1. Masking: IcePop, Ling team, arXiv 2510.18855.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// Whose ratio: of the token, or of its completion.
enum class importance_level { token, sequence };

/// What becomes of a ratio above the cap or below the floor: it is moved to the bound, or the token does not
/// count.
enum class importance_bound { truncate, mask };

/// How a completion's ratio follows from its tokens': their product (unbiased), or the geometric mean.
enum class sequence_ratio { product, geometric_mean };

/// Settings of importance_weights().
struct importance_options {
  importance_level level = importance_level::token;
  importance_bound bound = importance_bound::truncate;
  double cap = 2.0;    ///< > 0; a ratio equal to it is inside (TRL: 3)
  double floor = 0.0;  ///< >= 0
  sequence_ratio sequence = sequence_ratio::product;
  double log_ratio_limit = std::numeric_limits<double>::infinity();  ///< > 0; verl: 20
};

/// pi_old / pi_rollout at each token, B x T, 0 where the mask is 0: what token_batch::importance takes.
/// Throws std::invalid_argument for shapes that differ and settings out of range. NaN shows.
template <std::floating_point S>
[[nodiscard]] token_matrix<S> importance_weights(const token_view<S>& rollout_log_probs,
                                                 const token_view<S>& old_log_probs,
                                                 const token_view<S>& mask,
                                                 const importance_options& how = {}) {
  for (const token_view<S>* m : {&rollout_log_probs, &old_log_probs})
    require(m->rows() == mask.rows() && m->cols() == mask.cols(),
            "recllm: importance_weights: rollout_log_probs and old_log_probs must be ", mask.rows(), " x ",
            mask.cols(), " as the mask, but one is ", m->rows(), " x ", m->cols());
  require(how.cap > 0.0 && how.floor >= 0.0 && how.floor <= how.cap && how.log_ratio_limit > 0.0,
          "recllm: importance_weights: expected cap > 0, floor in [0, cap] and log_ratio_limit > 0, got ",
          how.cap, ", ", how.floor, " and ", how.log_ratio_limit);
  token_matrix<S> weights = (mask != S(0)).select(old_log_probs - rollout_log_probs, S(0));
  if (how.level == importance_level::sequence)
    for (Eigen::Index row = 0; row < weights.rows(); ++row) {
      const double tokens = static_cast<double>((mask.row(row) != S(0)).count());
      const double sum = weights.row(row).template cast<double>().sum();
      const bool mean = how.sequence == sequence_ratio::geometric_mean && tokens > 0.0;
      weights.row(row).setConstant(static_cast<S>(mean ? sum / tokens : sum));
    }
  const S cap = static_cast<S>(how.cap), floor = static_cast<S>(how.floor),
          limit = static_cast<S>(how.log_ratio_limit);
  for (S& w : weights.reshaped()) {
    w = std::exp(w > limit ? limit : w < -limit ? -limit : w);
    const bool cut = how.bound == importance_bound::mask;
    if (w > cap) w = cut ? S(0) : cap;
    if (w < floor) w = cut ? S(0) : floor;
  }
  return (mask != S(0)).select(weights, S(0));
}

}  // namespace recllm
