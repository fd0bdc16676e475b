// What is taken off for length, and which tokens are learned from: an overlong penalty and a top-entropy
// mask.
//
// Overlong: Yu et al., DAPO, arXiv 2503.14476, equation 13. Top entropy: Wang et al., arXiv 2506.01939,
// section 4.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// Settings of overlong_penalty().
struct overlong_options {
  std::size_t max_length = 0;  ///< tokens
  std::size_t buffer = 0;      ///< tokens before max_length over which the penalty grows; 0 = none before it
  double factor = 1.0;         ///< the penalty at max_length, >= 0
  bool floor = true;           ///< beyond max_length it stays -factor (DAPO, TRL), or goes on growing (verl)
};

/// What is added to the reward of a completion of `length` tokens: 0 up to max_length - buffer, then falling
/// linearly to -factor at max_length. Throws std::invalid_argument where the buffer is longer than
/// max_length.
[[nodiscard]] inline double overlong_penalty(std::size_t length, const overlong_options& how) {
  require(how.buffer <= how.max_length, "recllm: overlong_penalty: the buffer is ", how.buffer,
          " tokens, longer than max_length = ", how.max_length);
  const std::size_t free = how.max_length - how.buffer;
  if (length <= free) return 0.0;
  if (how.buffer == 0 || (how.floor && length > how.max_length)) return -how.factor;
  return -how.factor * static_cast<double>(length - free) / static_cast<double>(how.buffer);
}

/// 1 for the `share` of the counted tokens with the highest entropies, B x T, else 0; all of a step at once.
/// The threshold is the (1 - share) quantile, interpolated linearly as numpy and torch do, and tokens on it
/// are in: with ties there may be more. Throws std::invalid_argument for shapes that differ and a share not
/// in [0, 1].
template <std::floating_point S>
[[nodiscard]] token_matrix<S> top_entropy_mask(const token_view<S>& entropies, const token_view<S>& mask,
                                               double share) {
  require(entropies.rows() == mask.rows() && entropies.cols() == mask.cols(),
          "recllm: top_entropy_mask: entropies must be ", mask.rows(), " x ", mask.cols(),
          " as the mask, but are ", entropies.rows(), " x ", entropies.cols());
  require(share >= 0.0 && share <= 1.0, "recllm: top_entropy_mask: share must be in [0, 1], but is ", share);
  std::vector<S> counted;
  for (Eigen::Index row = 0; row < mask.rows(); ++row)
    for (Eigen::Index t = 0; t < mask.cols(); ++t)
      if (mask(row, t) != S(0)) {
        require(!std::isnan(entropies(row, t)), "recllm: top_entropy_mask: the entropy of row ", row,
                ", token ", t, " is NaN");
        counted.push_back(entropies(row, t));
      }
  token_matrix<S> top = token_matrix<S>::Zero(mask.rows(), mask.cols());
  if (counted.empty()) return top;
  const double rank = (1.0 - share) * static_cast<double>(counted.size() - 1);
  const auto at = counted.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(counted.begin(), at, counted.end());
  const S below = *at, part = static_cast<S>(rank - std::floor(rank));
  const S above = at + 1 == counted.end() ? below : *std::min_element(at + 1, counted.end());
  const S threshold = part == S(0) ? below : below + part * (above - below);
  return (mask != S(0)).select((entropies >= threshold).template cast<S>(), S(0));
}

}  // namespace recllm
