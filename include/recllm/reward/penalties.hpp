// Penalties of recommended lists, values in [0, 1] to be subtracted: `... - 0.2 * reward::repeats()`.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <type_traits>

#include <recllm/measure/list.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

namespace detail {

// The share of the list's places at which `wrong(item, place)` holds; 0 for an empty list.
template <class L, class Wrong>
constexpr double share_of_places(const L& list, const Wrong& wrong) {
  std::size_t count = 0, place = 0;
  for (const auto& item : list) count += wrong(item, place++) ? 1 : 0;
  return place > 0 ? static_cast<double>(count) / static_cast<double>(place) : 0.0;
}

}  // namespace detail

/// "repeats", a penalty: the share of places whose item stands at an earlier place too; 0 for an empty list.
[[nodiscard]] constexpr auto repeats() {
  return term("repeats", [](const auto& completion) -> double {
    const auto& list = items_of(completion);
    return detail::share_of_places(
        list, [&](const auto&, std::size_t place) { return measure::repeated_at(list, place); });
  });
}

/// "out_of_pool", a penalty: the share of places whose item is not among the candidates; 0 for an empty list.
/// A line that parse_answer() could not read as an item is no place of the list: wrong_count() or
/// when(parsable()) tells of it.
template <class Pool>
[[nodiscard]] constexpr auto out_of_pool(Pool pool) {
  return term("out_of_pool", [=](const auto& prompt, const auto& completion) -> double {
    const auto& listed = list_of(pool, prompt);
    const measure::members candidates(listed);
    return detail::share_of_places(items_of(completion),
                                   [&](const auto& item, std::size_t) { return !candidates.contains(item); });
  });
}

/// "seen", a penalty: the share of places whose item is in the history; 0 for an empty list.
template <class History>
[[nodiscard]] constexpr auto seen(History history) {
  return term("seen", [=](const auto& prompt, const auto& completion) -> double {
    const auto& listed = list_of(history, prompt);
    const measure::members known(listed);
    return detail::share_of_places(items_of(completion),
                                   [&](const auto& item, std::size_t) { return known.contains(item); });
  });
}

/// "wrong_count", a penalty: min(1, |length - expected| / expected). `expected` is a number or a projection
/// of the prompt to one; where it is 0, an empty list costs 0 and any other 1.
template <class Expected>
[[nodiscard]] constexpr auto wrong_count(Expected expected) {
  return term("wrong_count", [=](const auto& prompt, const auto& completion) -> double {
    return detail::relative_distance(static_cast<double>(std::ranges::size(items_of(completion))),
                                     number_or_projection(expected, prompt));
  });
}

}  // namespace recllm::reward
