// The ids of words that were encoded lately.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recllm::detail {

/// A hash of bytes, eight at a time.
inline std::uint64_t hash_bytes(std::string_view text) {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
  std::uint64_t hash = text.size() * odd;
  const auto mix = [&](std::uint64_t bytes) { hash = std::rotl((hash ^ bytes) * odd, 29); };
  while (text.size() >= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data(), 8);
    mix(bytes);
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  for (const char c : text) rest = rest << 8U | static_cast<unsigned char>(c);
  mix(rest);
  return (hash ^ hash >> 32U) * odd;
}

/// Words and their ids in open addressing. Grows, and forgets all at a size that texts of a language do not
/// reach.
class word_cache {
 public:
  /// The place of a word: what find() could not find, insert() puts there.
  struct place {
    std::uint64_t hash = 0;
    std::size_t slot = 0;
  };

  /// Appends the word's ids and says nothing, or says where it would be.
  [[nodiscard]] std::optional<place> find(std::string_view word, std::vector<int>& ids) const {
    const std::uint64_t hash = hash_bytes(word);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].id_count != 0; at = (at + 1) & (slots_.size() - 1)) {
      const slot& one = slots_[at];
      if (one.hash != hash || one.length != word.size()) continue;
      if (std::memcmp(bytes_.data() + one.bytes, word.data(), word.size()) != 0) continue;
      const auto from = ids_.begin() + one.ids;
      if (one.id_count == 1)
        ids.push_back(*from);
      else
        ids.insert(ids.end(), from, from + one.id_count);
      return std::nullopt;
    }
    return place{hash, at};
  }

  /// Remembers a word that find() has just not found. What is long or has no ids is not kept.
  void insert(std::string_view word, std::span<const int> ids, place where) {
    if (word.size() > 128 || ids.empty()) return;
    if (count_ == slots_.size() / 2) {
      grow();
      where.slot = free_slot(where.hash);
    }
    slots_[where.slot] = {where.hash, static_cast<std::uint32_t>(bytes_.size()),
                          static_cast<std::uint32_t>(ids_.size()), static_cast<std::uint16_t>(word.size()),
                          static_cast<std::uint16_t>(ids.size())};
    bytes_ += word;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    ++count_;
  }

 private:
  struct slot {
    std::uint64_t hash = 0;
    std::uint32_t bytes = 0, ids = 0;  // where they begin
    std::uint16_t length = 0, id_count = 0;
  };

  [[nodiscard]] std::size_t free_slot(std::uint64_t hash) const {
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id_count != 0) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void grow() {
    if (slots_.size() == std::size_t{1} << 17U) {
      *this = {};
      return;
    }
    std::vector<slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const slot& one : old)
      if (one.id_count != 0) slots_[free_slot(one.hash)] = one;
  }

  std::vector<slot> slots_ = std::vector<slot>(std::size_t{1} << 10U);
  std::size_t count_ = 0;
  std::string bytes_;
  std::vector<int> ids_;
};

}  // namespace recllm::detail
