// Byte-pair encoding: of all neighbours that can merge, those of least rank do, the leftmost first, until
// none is left.
//
// Source: Sennrich, Haddow, Birch, Neural Machine Translation of Rare Words with Subword Units, 2016,
// arXiv 1508.07909, algorithm 1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <vector>

#include <recllm/text/tokenizer/merge_table.hpp>

namespace recllm::detail {

/// A part of a word and its merge with the next.
struct merge_symbol {
  int id = -1;
  merge with_next{};
  std::uint32_t previous = 0, next = 0;  // of long words only
};

/// A merge that was possible when it was found.
struct merge_candidate {
  std::uint32_t rank = 0, at = 0;
  int left = -1, right = -1, id = -1;
  friend bool operator>(const merge_candidate& a, const merge_candidate& b) {
    return std::tie(a.rank, a.at) > std::tie(b.rank, b.at);
  }
};

/// For short words, n^2 but without a queue: symbols lie side by side.
inline void merge_short(std::vector<merge_symbol>& symbols, const merge_table& merges) {
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
    symbols[i].with_next = merges(symbols[i].id, symbols[i + 1].id);
  symbols.back().with_next = {};
  while (symbols.size() > 1) {
    const auto best =
        std::ranges::min_element(symbols, {}, [](const merge_symbol& s) { return s.with_next.rank; });
    if (best->with_next.rank == merge::none) return;
    best->id = best->with_next.id;
    const auto next = symbols.erase(best + 1);
    best->with_next = next == symbols.end() ? merge{} : merges(best->id, next->id);
    if (best != symbols.begin()) (best - 1)->with_next = merges((best - 1)->id, best->id);
  }
}

/// For long ones, n log n: a linked list and a heap of candidates, of which the outdated are passed over.
inline void merge_long(std::vector<merge_symbol>& symbols, std::vector<merge_candidate>& heap,
                       const merge_table& merges) {
  const auto end = static_cast<std::uint32_t>(symbols.size());
  const auto add = [&](std::uint32_t at) {
    const int left = symbols[at].id, right = symbols[symbols[at].next].id;
    const merge found = merges(left, right);
    if (found.rank == merge::none) return;
    heap.push_back({found.rank, at, left, right, found.id});
    std::ranges::push_heap(heap, std::greater{});
  };
  heap.clear();
  for (std::uint32_t i = 0; i < end; ++i) {
    symbols[i].previous = i == 0 ? end : i - 1;
    symbols[i].next = i + 1;
  }
  for (std::uint32_t i = 0; i + 1 < end; ++i) add(i);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater{});
    const merge_candidate best = heap.back();
    heap.pop_back();
    merge_symbol& left = symbols[best.at];
    if (left.id != best.left || left.next == end || symbols[left.next].id != best.right) continue;
    merge_symbol& right = symbols[left.next];
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next != end) {
      symbols[left.next].previous = best.at;
      add(best.at);
    }
    if (left.previous != end) add(left.previous);
  }
  std::erase_if(symbols, [](const merge_symbol& s) { return s.id < 0; });
}

}  // namespace recllm::detail
