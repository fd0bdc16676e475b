// The diversity of a list by its items' attributes: the mean Jaccard distance of all pairs, on sets of 64
// bits.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <span>
#include <type_traits>

#include <recllm/measure/diversity.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/places.hpp>

namespace recllm::measure {

namespace detail {

template <class Attributes, class Item>
using attribute_of =
    std::ranges::range_value_t<std::remove_cvref_t<std::invoke_result_t<const Attributes&, const Item&>>>;

}  // namespace detail

/// intra_list_diversity() of jaccard_distance() between `attributes(item)`, ranges of anything with ==; the
/// same bits, but each attribute is compared once a place and not once a pair.
template <List L, class Attributes>
[[nodiscard]] double attribute_diversity(const L& list, const Attributes& attributes) {
  constexpr std::size_t few = 64;  // items, and different attributes, that the quick way can take
  const auto size = static_cast<std::size_t>(std::ranges::size(list));
  const auto all_pairs = [&] {
    return intra_list_diversity(list, [&](const auto& one, const auto& other) {
      return jaccard_distance(std::invoke(attributes, one), std::invoke(attributes, other));
    });
  };
  if (size > few) return all_pairs();

  using attribute = detail::attribute_of<Attributes, detail::item_of<L>>;
  detail::scratch<attribute, few> memory(few);
  const std::span<attribute> known = *memory;
  std::size_t different = 0;
  std::array<std::uint8_t, 2 * few> slots{};  // 1 + the place in `known`, by hash
  std::array<std::uint64_t, few> sets;
  std::array<int, few> sizes;
  std::size_t place = 0;
  for (const auto& item : list) {
    std::uint64_t set = 0;
    for (const attribute& one : std::invoke(attributes, item)) {
      std::size_t slot =
          detail::hash_of<attribute, attribute>(one) >> (64 - std::bit_width(slots.size() - 1));
      while (slots[slot] != 0 && !same_item(known[slots[slot] - 1u], one)) slot = (slot + 1) % slots.size();
      if (slots[slot] == 0) {
        if (different == few) return all_pairs();
        known[different++] = one;
        slots[slot] = static_cast<std::uint8_t>(different);
      }
      set |= std::uint64_t{1} << (slots[slot] - 1u);
    }
    sets[place] = set;
    sizes[place++] = detail::bit_count(set);
  }
  double sum = 0.0;
  for (std::size_t one = 0; one < size; ++one)
    for (std::size_t other = one + 1; other < size; ++other) {
      const int shared = detail::bit_count(sets[one] & sets[other]);
      const int together = sizes[one] + sizes[other] - shared;
      if (together > 0) sum += 1.0 - static_cast<double>(shared) / static_cast<double>(together);
    }
  return size > 1 ? sum / static_cast<double>(size * (size - 1) / 2) : 0.0;
}

}  // namespace recllm::measure
