// Ids as texts -> positions 0, 1, ...: a compact table for tens of millions of look-ups a second.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/ascii.hpp>

namespace recllm::detail {

/// Positions by id, in order of first appearance. An id that is a small number (no leading zero, below 2^21)
/// is looked up in an array by it: neighbours share cache lines, which is what a look-up costs. Others are in
/// an open-addressing table, linear probing, at most half full, where an id of up to eight bytes is its own
/// key and a longer one is compared with its text.
class id_table {
 public:
  using position = std::uint32_t;
  static constexpr position none = std::numeric_limits<position>::max();

  [[nodiscard]] std::size_t size() const { return ends_.size(); }

  /// The position of `id`, or none.
  [[nodiscard]] position find(std::string_view id) const {
    if (const std::uint32_t number = small_number(id); number != none)
      return number < by_number_.size() ? by_number_[number] : none;
    return slots_.empty() ? none : slots_[slot_of(id, key_of(id))].at;
  }

  /// The position of `id`, which is size() - 1 afterwards if it is new.
  position find_or_add(std::string_view id) {
    if (const std::uint32_t number = small_number(id); number != none) {
      if (number >= by_number_.size()) by_number_.resize(std::bit_ceil(number + 1), none);
      if (by_number_[number] == none) by_number_[number] = append(id);
      return by_number_[number];
    }
    if (2 * (hashed_ + 1) > slots_.size()) grow();
    entry wanted = key_of(id);
    entry& slot = slots_[slot_of(id, wanted)];
    if (slot.at != none) return slot.at;
    wanted.at = append(id);
    slot = wanted;
    ++hashed_;
    return slot.at;
  }

  [[nodiscard]] std::string_view text(std::size_t at) const {
    const std::size_t from = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(texts_).substr(from, ends_[at] - from);
  }

 private:
  struct entry {
    std::uint64_t key = 0;
    position at = none;
    std::uint32_t length = 0;
  };

  /// The number that the id is, or none.
  static std::uint32_t small_number(std::string_view id) {
    if (id.empty() || id.size() > 7 || (id.front() == '0' && id.size() > 1)) return none;
    std::uint32_t number = 0;
    for (const char c : id) {
      if (!is_digit(c)) return none;
      number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return number < (1U << 21U) ? number : none;
  }

  /// A new id's position.
  position append(std::string_view id) {
    require(size() < none, "recllm: more than ", none, " different ids; expected fewer");
    texts_ += id;
    ends_.push_back(texts_.size());
    return static_cast<position>(size() - 1);
  }

  static entry key_of(std::string_view id) {
    entry made{0, none, static_cast<std::uint32_t>(id.size())};
    if (id.size() <= sizeof(made.key)) {
      for (std::size_t i = 0; i < id.size(); ++i)
        made.key = made.key << 8U | static_cast<unsigned char>(id[i]);
    } else {
      made.key = std::hash<std::string_view>{}(id);
    }
    return made;
  }

  /// Where `id` is, or the free slot where it belongs.
  [[nodiscard]] std::size_t slot_of(std::string_view id, const entry& wanted) const {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t mixed = wanted.key * 0x9E3779B97F4A7C15U;  // Knuth's multiplicative hash
    mixed ^= mixed >> 32U;
    for (std::size_t slot = mixed & mask;; slot = (slot + 1) & mask) {
      const entry& there = slots_[slot];
      if (there.at == none) return slot;
      if (there.key == wanted.key && there.length == wanted.length &&
          (id.size() <= sizeof(wanted.key) || text(there.at) == id))
        return slot;
    }
  }

  void grow() {
    const std::vector<entry> old =
        std::exchange(slots_, std::vector<entry>(slots_.empty() ? 64 : 2 * slots_.size()));
    for (const entry& one : old)
      if (one.at != none) slots_[slot_of(text(one.at), one)] = one;
  }

  std::vector<position> by_number_;  // of small numbers
  std::vector<entry> slots_;         // of all other ids; a power of two of them
  std::size_t hashed_ = 0;           // slots in use
  std::string texts_;                // all ids, one after another
  std::vector<std::size_t> ends_;    // of each id in texts_
};

}  // namespace recllm::detail
