// Pairs of tokens, the rank of their merge and what they become.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace recllm::detail {

/// What a pair becomes; the merge of least rank comes first.
struct merge {
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t rank = none;
  int id = -1;
};

/// A hash map in open addressing, half full at most.
class merge_table {
 public:
  merge_table() : slots_(2) {}
  explicit merge_table(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

  /// Of equal pairs the last counts. No more than the count given.
  void add(int left, int right, merge what) {
    slot& one = slots_[find(key(left, right))];
    one = {key(left, right), what};
  }

  /// Rank `none` if the pair does not merge.
  [[nodiscard]] merge operator()(int left, int right) const { return slots_[find(key(left, right))].what; }

 private:
  struct slot {
    std::uint64_t key = empty;
    merge what;
  };
  static constexpr std::uint64_t empty = std::numeric_limits<std::uint64_t>::max();

  static std::uint64_t key(int left, int right) {
    return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
  }

  [[nodiscard]] std::size_t find(std::uint64_t key) const {
    const std::uint64_t product = key * 0x9E3779B97F4A7C15U;
    std::size_t at = (product ^ product >> 32U) & (slots_.size() - 1);
    while (slots_[at].key != key && slots_[at].key != empty) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<slot> slots_;
};

}  // namespace recllm::detail
