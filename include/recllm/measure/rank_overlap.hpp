// Rank-biased overlap: how alike two rankings are, the first ranks counting most.
//
//   RBO = (1 - p) sum_{d>=1} p^(d-1) A_d,   A_d = X_d / d,   X_d = |first d of one and first d of the other|
//
// Source: Webber, Moffat and Zobel, "A Similarity Measure for Indefinite Rankings", TOIS 28 (2010); the
// extrapolation is its equation (32). O(n m) time, no allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ranges>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// What lists that end are taken to be beyond their ends.
enum class overlap_tail {
  extrapolated,  ///< they go on agreeing as they did: equal lists are worth 1
  none,          ///< the sum stops at the shorter list's end: lists of n places reach at most 1 - p^n
};

/// Settings of rank_biased_overlap().
struct overlap_options {
  double p = 0.9;  ///< in (0, 1): the chance that a reader goes on to the next rank
  overlap_tail tail = overlap_tail::extrapolated;
};

namespace detail {

/// Whether place `at` of `list` holds an item new to it that is among the first `places` of `other`.
template <List A, List B>
constexpr bool joins(const A& list, std::size_t at, const B& other, std::size_t places) {
  if (at >= std::ranges::size(list) || repeated_at(list, at)) return false;
  const auto& item = std::ranges::begin(list)[static_cast<std::ptrdiff_t>(at)];
  const auto end = std::min<std::size_t>(places, std::ranges::size(other));
  for (std::size_t i = 0; i < end; ++i)
    if (same_item(std::ranges::begin(other)[static_cast<std::ptrdiff_t>(i)], item)) return true;
  return false;
}

}  // namespace detail

/// The rank-biased overlap of two rankings, in [0, 1], the same for both orders of them; 0 where one is
/// empty. An item that stands in a list twice counts at its first place only. Throws std::invalid_argument
/// for p out of (0, 1).
template <List A, List B>
[[nodiscard]] double rank_biased_overlap(const A& a, const B& b, const overlap_options& options = {}) {
  const double p = options.p;
  require(p > 0.0 && p < 1.0, "recllm: rank_biased_overlap: expected p in (0, 1), got ", p,
          "; 0.9 puts 86 % of the weight on the first ten ranks");
  const auto shorter = std::min<std::size_t>(std::ranges::size(a), std::ranges::size(b));
  const auto longer = std::max<std::size_t>(std::ranges::size(a), std::ranges::size(b));
  if (shorter == 0) return 0.0;
  const bool goes_on = options.tail == overlap_tail::extrapolated;

  double sum = 0.0, weight = 1.0 - p, beyond = 1.0;  // (1 - p) p^(d-1), p^d
  double overlap = 0.0, at_shorter = 0.0, agreement = 0.0;
  for (std::size_t d = 1; d <= (goes_on ? longer : shorter); ++d) {
    overlap += detail::joins(a, d - 1, b, d) ? 1.0 : 0.0;
    overlap += detail::joins(b, d - 1, a, d - 1) ? 1.0 : 0.0;
    if (d == shorter) at_shorter = overlap;
    // Past its end the shorter list is taken to go on meeting the longer one as it did.
    const double met =
        d > shorter ? at_shorter * (static_cast<double>(d) / static_cast<double>(shorter) - 1.0) : 0.0;
    agreement = (overlap + met) / static_cast<double>(d);
    sum += weight * agreement;
    weight *= p;
    beyond *= p;
  }
  return goes_on ? sum + beyond * agreement : sum;
}

}  // namespace recllm::measure
