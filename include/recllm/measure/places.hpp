// Where each item of a list stands, as bits: what the longest common subsequences look up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <recllm/measure/list.hpp>

namespace recllm::measure::detail {

/// What a list is a list of.
template <List L>
using item_of = std::remove_cvref_t<std::ranges::range_reference_t<const L>>;

/// `size` values, on the stack while they are at most `Few`. Not initialised.
template <class T, std::size_t Few>
class scratch {
 public:
  constexpr explicit scratch(std::size_t size)
      : many_(size > Few ? size : 0), values_(size > Few ? many_.data() : few_.data(), size) {}
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  [[nodiscard]] constexpr std::span<T> operator*() const { return values_; }

 private:
  std::array<T, Few> few_;  // NOLINT: what is read was written
  std::vector<T> many_;
  std::span<T> values_;
};

/// Equal items of both types have equal hashes.
template <class A, class B>
concept HashedAlike = (Integer<A> && Integer<B>) ||
                      (std::convertible_to<const A&, std::string_view> &&
                       std::convertible_to<const B&, std::string_view>) ||
                      (std::same_as<A, B> && requires(const A& a) { std::hash<A>{}(a); });

/// A hash of an A that equals that of the same B, its upper bits the best mixed; 0 of all items where the
/// types have none in common, and in constants where std::hash would be needed.
template <class A, class B>
constexpr std::uint64_t hash_of(const A& item) {
  std::uint64_t hash = 0;
  if constexpr (Integer<A> && Integer<B>) {
    hash = static_cast<std::uint64_t>(item);
  } else if constexpr (HashedAlike<A, B>) {
    if (std::is_constant_evaluated()) return 0;
    if constexpr (std::convertible_to<const A&, std::string_view>)
      hash = std::hash<std::string_view>{}(item);
    else
      hash = std::hash<A>{}(item);
  }
  return hash * 0x9E3779B97F4A7C15u;  // Knuth's multiplicative hash
}

/// std::popcount, which is a call where the processor is not known to have an instruction for it.
constexpr int bit_count(std::uint64_t bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
  return static_cast<int>((bits * 0x0101010101010101u) >> 56);
}

/// The places of one item among 64 neighbours of the list: bit b stands for place 64 * word() + b.
struct place_word {
  std::uint64_t bits;
  std::uint32_t place;  ///< any of them
  std::uint32_t next;   ///< the entry of the item's next word; 0 = none

  [[nodiscard]] constexpr std::size_t word() const { return place / 64; }
};

/// Which of an item's words comes first.
enum class words_from { front, back };

/// The places of all items of `list`, looked up by items of type Item in O(1), or in O(different items) where
/// the two types have no common hash. Borrows the list, of fewer than 2^32 items.
template <List L, class Item>
class places {
 public:
  constexpr places(const L& list, words_from order)
      : list_(list),
        size_(static_cast<std::size_t>(std::ranges::size(list))),
        shift_(64 - std::countr_zero(std::bit_ceil(4 * std::max<std::size_t>(size_, 1)))),
        slots_(std::size_t{1} << (64 - shift_)),
        words_(size_ + 1) {
    for (std::uint32_t& slot : *slots_) slot = 0;
    (*words_)[0] = {};
    for (std::size_t i = 0; i < size_; ++i) add(order == words_from::back ? i : size_ - 1 - i);
  }

  /// The entry of the item's first word; 0, which has no bits, where the item is not in the list.
  [[nodiscard]] constexpr std::uint32_t find(const Item& item) const {
    if constexpr (Integer<Item> && Integer<item_of<L>>) {
      if (size_ == 0) return 0;
      // Whether an item is in the list cannot be foretold, a collision can: asm keeps the compiler from
      // making two branches of one. Entry 0 is compared as if it were of place 0.
      const std::uint32_t found = (*slots_)[first_slot(item)];
      std::uint32_t unequal = same_item(at((*words_)[found].place), item) ? 0 : 1;
      if (!std::is_constant_evaluated()) asm("" : "+r"(unequal));
      if ((found & (0 - unequal)) == 0) return found;
    }
    return (*slots_)[slot_of(item)];
  }
  [[nodiscard]] constexpr const place_word& operator[](std::uint32_t found) const { return (*words_)[found]; }

 private:
  [[nodiscard]] constexpr const auto& at(std::size_t place) const {
    return std::ranges::begin(list_)[static_cast<std::ptrdiff_t>(place)];
  }

  template <class T>
  [[nodiscard]] constexpr std::size_t first_slot(const T& item) const {
    return hash_of<T, std::conditional_t<std::same_as<T, Item>, item_of<L>, Item>>(item) >> shift_;
  }

  template <class T>
  [[nodiscard]] constexpr std::size_t slot_of(const T& item) const {
    const std::span<const std::uint32_t> slots = *slots_;
    std::size_t slot = first_slot(item);
    while (slots[slot] != 0 && !same_item(at((*words_)[slots[slot]].place), item))
      slot = (slot + 1) & (slots.size() - 1);
    return slot;
  }

  constexpr void add(std::size_t place) {
    const std::span<place_word> words = *words_;
    std::uint32_t& slot = (*slots_)[slot_of(at(place))];
    const std::uint64_t bit = std::uint64_t{1} << (place % 64);
    if (slot != 0 && words[slot].word() == place / 64) {
      words[slot].bits |= bit;
    } else {
      words[++used_] = {bit, static_cast<std::uint32_t>(place), slot};
      slot = used_;
    }
  }

  const L& list_;
  std::size_t size_;
  int shift_;
  scratch<std::uint32_t, 1024> slots_;
  scratch<place_word, 257> words_;
  std::uint32_t used_ = 0;
};

}  // namespace recllm::measure::detail
