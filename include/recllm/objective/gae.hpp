// How good a token was compared with what a critic expected: generalised advantage estimation, and whitening.
//
// Schulman et al., arXiv 1506.02438, equation 16.
#pragma once

#include <cmath>
#include <concepts>
#include <type_traits>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage.hpp>

namespace recllm {

/// What gae() reads, borrowed: B x T each.
template <std::floating_point S>
struct gae_batch {
  token_view<S> rewards;  ///< of each token
  token_view<S> values;   ///< the critic's before each token
  token_view<S> mask;     ///< 1 = a token of the completion, else 0
};

/// Settings of gae().
struct gae_options {
  double gamma = 1.0;    ///< discount, in [0, 1]
  double lambda = 0.95;  ///< in [0, 1]: 0 trusts the critic, 1 the rewards
  masked_tokens masked = masked_tokens::carry;
};

/// Both B x T, 0 where the mask is 0.
template <std::floating_point S>
struct gae_estimate {
  token_matrix<S> advantages;
  token_matrix<S> returns;  ///< advantages + values: what the critic is to learn
};

/// A_t = sum over l of (gamma lambda)^l delta_(t+l), delta_t = r_t + gamma V_(t+1) - V_t; V is 0 after the
/// last token. What stands at tokens whose mask is 0 is not read: with masked_tokens::carry t counts the
/// others only, with zero they are steps of reward and value 0, with reset V and A are 0 from there on.
/// Throws std::invalid_argument for shapes that differ and for gamma or lambda out of range.
template <std::floating_point S>
[[nodiscard]] gae_estimate<S> gae(const gae_batch<S>& b, const gae_options& how = {}) {
  require(how.gamma >= 0.0 && how.gamma <= 1.0, "recllm: gae: gamma must be in [0, 1], but is ", how.gamma);
  require(how.lambda >= 0.0 && how.lambda <= 1.0, "recllm: gae: lambda must be in [0, 1], but is ",
          how.lambda);
  const auto like_mask = [&](const token_view<S>& m) {
    return m.rows() == b.mask.rows() && m.cols() == b.mask.cols();
  };
  require(like_mask(b.rewards) && like_mask(b.values), "recllm: gae: rewards (", b.rewards.rows(), " x ",
          b.rewards.cols(), "), values (", b.values.rows(), " x ", b.values.cols(), ") and mask (",
          b.mask.rows(), " x ", b.mask.cols(), ") must have one shape");
  gae_estimate<S> estimate{token_matrix<S>::Zero(b.mask.rows(), b.mask.cols()),
                           token_matrix<S>::Zero(b.mask.rows(), b.mask.cols())};
  for (Eigen::Index row = 0; row < b.mask.rows(); ++row) {
    double next_value = 0.0, advantage = 0.0;
    for (Eigen::Index t = b.mask.cols() - 1; t >= 0; --t) {
      if (b.mask(row, t) == S(0)) {
        if (how.masked == masked_tokens::carry) continue;
        advantage = how.masked == masked_tokens::zero
                        ? how.gamma * next_value + how.gamma * how.lambda * advantage
                        : 0.0;
        next_value = 0.0;
        continue;
      }
      const double value = b.values(row, t);
      advantage = b.rewards(row, t) + how.gamma * next_value - value + how.gamma * how.lambda * advantage;
      next_value = value;
      estimate.advantages(row, t) = static_cast<S>(advantage);
      estimate.returns(row, t) = static_cast<S>(advantage + value);
    }
  }
  return estimate;
}

/// (x - mean) / sqrt(variance + epsilon) over all entries whose mask is not 0, B x T; 0 elsewhere. The
/// variance divides by n - 1. Exactly 0 where all counted entries are equal, as a single one is. Throws
/// std::invalid_argument for shapes that differ and a negative epsilon.
template <std::floating_point S>
[[nodiscard]] token_matrix<S> whiten(const token_matrix<S>& x,
                                     const std::type_identity_t<token_view<S>>& mask, double epsilon = 1e-8) {
  require(epsilon >= 0.0, "recllm: whiten: epsilon must be 0 or more, but is ", epsilon);
  require(x.rows() == mask.rows() && x.cols() == mask.cols(), "recllm: whiten: the mask must be ", x.rows(),
          " x ", x.cols(), " as the values, but is ", mask.rows(), " x ", mask.cols());
  token_matrix<S> white = token_matrix<S>::Zero(x.rows(), x.cols());
  std::vector<double> counted;
  for (Eigen::Index i = 0; i < x.size(); ++i)
    if (mask(i / x.cols(), i % x.cols()) != S(0)) counted.push_back(x(i / x.cols(), i % x.cols()));
  if (counted.empty()) return white;
  const row_values<double> entries =
      Eigen::Map<const row_values<double>>(counted.data(), static_cast<Eigen::Index>(counted.size()));
  if (detail::all_equal(entries)) return white;
  const double spread = detail::spread(entries, deviation::sample);
  const double mean = entries.mean(), scale = 1.0 / std::sqrt(spread * spread + epsilon);
  return (mask != S(0)).select(((x.template cast<double>() - mean) * scale).template cast<S>(), S(0));
}

}  // namespace recllm
