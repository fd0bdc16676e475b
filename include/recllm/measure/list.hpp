// What the measures take: lists and sets of items of any type that has ==.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>

namespace recllm::measure {

/// Satisfied by ranges that are passed over more than once: vectors, spans, sets. Text is an item, not a
/// range of them.
template <class R>
concept Items = std::ranges::forward_range<const R> && !std::convertible_to<const R&, std::string_view>;

/// Satisfied by ordered items with places 0, ..., size - 1: vectors, spans, arrays. Rank = place + 1.
template <class R>
concept List = Items<R> && std::ranges::random_access_range<const R> && std::ranges::sized_range<const R>;

/// No cut: `k` where a measure looks at the whole list.
inline constexpr std::size_t whole_list = static_cast<std::size_t>(-1);

namespace detail {

// What std::cmp_equal takes.
template <class T>
concept Integer =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

}  // namespace detail

/// Equality of items; integers of different types compare by value.
template <class A, class B>
[[nodiscard]] constexpr bool same_item(const A& a, const B& b) {
  if constexpr (detail::Integer<A> && detail::Integer<B>)
    return std::cmp_equal(a, b);
  else
    return a == b;
}

/// Whether `item` is in `items`: by the range's own look-up where it has one for this type, else one by one.
template <Items R, class Item>
[[nodiscard]] constexpr bool holds(const R& items, const Item& item) {
  if constexpr (requires {
                  requires std::same_as<typename R::key_type, Item>;
                  items.contains(item);
                }) {
    return items.contains(item);
  } else {
    auto here = std::ranges::begin(items);
    const auto end = std::ranges::end(items);
    if constexpr (List<R> && detail::Integer<Item>)
      for (constexpr std::ptrdiff_t block = 16; end - here >= block; here += block) {  // vectorised
        bool found = false;
        for (std::ptrdiff_t i = 0; i < block; ++i) found |= same_item(here[i], item);
        if (found) return true;
      }
    for (; here != end; ++here)
      if (same_item(*here, item)) return true;
    return false;
  }
}

namespace detail {

/// Eight copies of an integer's last byte.
template <Integer T>
constexpr std::uint64_t repeated_byte(T value) {
  return 0x0101010101010101 * static_cast<std::uint64_t>(static_cast<std::uint8_t>(value));
}

/// 0x80 in each byte in which two words are equal, 0 elsewhere. Warren, "Hacker's Delight", 2nd ed., section
/// 6-1.
constexpr std::uint64_t equal_bytes(std::uint64_t one, std::uint64_t other) {
  constexpr std::uint64_t low = 0x7F7F7F7F7F7F7F7F;
  const std::uint64_t differs = one ^ other;
  return ~(((differs & low) + low) | differs | low);
}

}  // namespace detail

/// The items of a range, to be asked for many: contains() is holds(), but integers among at most 64 are
/// looked for by their last bytes first, eight at a time. Borrows the range.
template <Items R>
class members {
  using item_type = std::ranges::range_value_t<R>;

 public:
  constexpr explicit members(const R& range) : items_(range) {
    if constexpr (List<R> && detail::Integer<item_type>) {
      if (std::ranges::size(range) > 64) return;
      std::size_t place = 0;
      for (const item_type item : range) {
        const std::size_t word = place / 8, shift = 8 * (place % 8);
        bytes_[word] |= std::uint64_t{static_cast<std::uint8_t>(item)} << shift;
        there_[word] |= std::uint64_t{0x80} << shift;
        ++place;
      }
      words_ = (place + 7) / 8;
      few_ = true;
    }
  }

  template <class Item>
  [[nodiscard]] constexpr bool contains(const Item& item) const {
    if constexpr (detail::Integer<item_type> && detail::Integer<Item>)
      if (few_) {
        const std::uint64_t sought = detail::repeated_byte(item);
        std::uint64_t equal = 0;
        for (std::size_t w = 0; w < words_; ++w) equal |= detail::equal_bytes(bytes_[w], sought) & there_[w];
        if (equal == 0) return false;
      }
    return holds(items_, item);
  }

 private:
  const R& items_;
  std::array<std::uint64_t, 8> bytes_{}, there_{};
  std::size_t words_ = 0;
  bool few_ = false;
};

/// Whether `list[place]` already stands at an earlier place.
template <List L>
[[nodiscard]] constexpr bool repeated_at(const L& list, std::size_t place) {
  const auto first = std::ranges::begin(list);
  for (std::size_t i = 0; i < place; ++i)
    if (same_item(first[static_cast<std::ptrdiff_t>(i)], first[static_cast<std::ptrdiff_t>(place)]))
      return true;
  return false;
}

/// The number of different items. Pair by pair up to 64 items or where std::hash lacks, else by hashing.
template <Items R>
[[nodiscard]] constexpr std::size_t count_distinct(const R& items) {
  using item = std::remove_cvref_t<std::ranges::range_reference_t<const R>>;
  if constexpr (requires(const item& i) { std::hash<item>{}(i); })
    if (std::ranges::distance(items) > 64) {
      const std::unordered_set<item> seen(std::ranges::begin(items), std::ranges::end(items));
      return seen.size();
    }
  std::size_t count = 0;
  for (auto here = std::ranges::begin(items); here != std::ranges::end(items); ++here) {
    bool is_new = true;
    for (auto earlier = std::ranges::begin(items); is_new && earlier != here; ++earlier)
      is_new = !same_item(*earlier, *here);
    count += is_new ? 1 : 0;
  }
  return count;
}

}  // namespace recllm::measure
