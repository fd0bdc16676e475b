// What the measures take: lists and sets of items of any type that has ==.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
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

/// The last bytes of at most 8 * Words integers, eight to a word: which of them may be one that is sought.
template <std::size_t Words>
class last_bytes {
 public:
  constexpr last_bytes() = default;

  template <List R>
  constexpr explicit last_bytes(const R& integers) {
    const auto value = std::ranges::begin(integers);
    const auto size = static_cast<std::size_t>(std::ranges::size(integers));
    for (std::size_t word = 0; 8 * word < size; ++word) {
      const std::size_t count = std::min<std::size_t>(8, size - 8 * word);
      std::uint64_t bytes = 0;
      for (std::size_t i = 0; i < count; ++i)
        bytes |= std::uint64_t{static_cast<std::uint8_t>(value[static_cast<std::ptrdiff_t>(8 * word + i)])}
                 << (8 * i);
      bytes_[word] = bytes;
      there_[word] = 0x8080808080808080 >> (64 - 8 * count);
    }
  }

  /// 0x80 in each byte of a word that equals those of `sought`, a repeated_byte(), 0 elsewhere. Warren,
  /// "Hacker's Delight", 2nd ed., section 6-1.
  [[nodiscard]] constexpr std::uint64_t equal(std::size_t word, std::uint64_t sought) const {
    constexpr std::uint64_t low = 0x7F7F7F7F7F7F7F7F;
    const std::uint64_t differs = bytes_[word] ^ sought;
    return ~(((differs & low) + low) | differs | low) & there_[word];
  }

 private:
  std::array<std::uint64_t, Words> bytes_{}, there_{};
};

}  // namespace detail

/// The items of a range, to be asked for many: contains() is holds(), but integers among at most 64 are
/// looked for by their last bytes first, eight at a time. Borrows the range.
template <Items R>
class members {
  using item_type = std::ranges::range_value_t<R>;

 public:
  constexpr explicit members(const R& range) : items_(range) {
    if constexpr (List<R> && detail::Integer<item_type>)
      if (std::ranges::size(range) <= most) {
        bytes_ = detail::last_bytes<most / 8>(range);
        words_ = (std::ranges::size(range) + 7) / 8;
      }
  }

  template <class Item>
  [[nodiscard]] constexpr bool contains(const Item& item) const {
    if constexpr (List<R> && detail::Integer<item_type> && detail::Integer<Item>)
      if (std::ranges::size(items_) <= most) {
        const std::uint64_t sought = detail::repeated_byte(item);
        for (std::size_t word = 0; word < words_; ++word)
          for (std::uint64_t equal = bytes_.equal(word, sought); equal != 0; equal &= equal - 1) {
            const std::size_t place = 8 * word + static_cast<std::size_t>(std::countr_zero(equal)) / 8;
            if (same_item(std::ranges::begin(items_)[static_cast<std::ptrdiff_t>(place)], item)) return true;
          }
        return false;
      }
    return holds(items_, item);
  }

 private:
  static constexpr std::size_t most = 64;

  const R& items_;
  detail::last_bytes<most / 8> bytes_;
  std::size_t words_ = 0;
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
