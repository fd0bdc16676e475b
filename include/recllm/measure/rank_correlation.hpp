// Kendall's tau: do two rankings order the items that both hold alike?
//
//   tau = (concordant pairs - discordant pairs) / pairs,   over the items in both lists
//
// Source: Kendall, "A New Measure of Rank Correlation", Biometrika 30 (1938). O(n m + c^2) for c common
// items.
#pragma once

#include <cstddef>
#include <vector>

#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// In [-1, 1]: 1 for the same order, -1 for the reverse; 0 where fewer than two items are in both. An item
/// that stands in a list twice counts at its first place only.
template <List A, List B>
[[nodiscard]] double kendall_tau(const A& a, const B& b) {
  std::vector<std::size_t> places;  // in b, of a's items that b holds, in a's order
  for (std::size_t i = 0; i < std::ranges::size(a); ++i) {
    if (repeated_at(a, i)) continue;
    std::size_t j = 0;
    for (const auto& other : b) {
      if (same_item(other, std::ranges::begin(a)[static_cast<std::ptrdiff_t>(i)])) {
        places.push_back(j);
        break;
      }
      ++j;
    }
  }
  double agreeing = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < places.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      agreeing += places[j] < places[i] ? 1.0 : -1.0;
      pairs += 1.0;
    }
  return pairs > 0.0 ? agreeing / pairs : 0.0;
}

}  // namespace recllm::measure
