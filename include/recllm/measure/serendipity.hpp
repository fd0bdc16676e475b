// How much of a list a plain recommender would not have shown, and how much of that is relevant.
//
//   unexpectedness = |list - expected| / |list|,   serendipity = |(list - expected) and relevant| / |list|
//
// Source: Ge, Delgado-Battenfeld and Jannach, "Beyond Accuracy", RecSys 2010, after Murakami et al., 2008.
#pragma once

#include <cstddef>

#include <recllm/measure/list.hpp>

namespace recllm::measure {

namespace detail {

template <List L, class Counts>
double share_of_places(const L& list, Counts&& counts) {
  double count = 0.0;
  std::size_t place = 0;
  for (const auto& item : list) {
    count += counts(item) && !repeated_at(list, place) ? 1.0 : 0.0;
    ++place;
  }
  return place > 0 ? count / static_cast<double>(place) : 0.0;
}

}  // namespace detail

/// The share of places whose item is not expected, in [0, 1]; 0 for an empty list. `expected`: what a
/// primitive recommender shows, say the most popular items. A repeated item counts at its first place only.
template <List L, Items Expected>
[[nodiscard]] double unexpectedness(const L& list, const Expected& expected) {
  return detail::share_of_places(list, [&](const auto& item) { return !holds(expected, item); });
}

/// The share of places whose item is relevant and not expected, in [0, 1]; 0 for an empty list.
template <List L, Items Relevant, Items Expected>
[[nodiscard]] double serendipity(const L& list, const Relevant& relevant, const Expected& expected) {
  return detail::share_of_places(
      list, [&](const auto& item) { return holds(relevant, item) && !holds(expected, item); });
}

}  // namespace recllm::measure
