// Scores -> ranked lists: the k best of a catalogue or of a pool, without the items that are masked.
//
// Best first; equal scores: the smaller item number first. Full ranking is top_k(), candidate ranking
// top_k_of(). One pass over the scores, O(n + k log k) for scores in random order; no full sort.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm::measure {

/// A set of items as a predicate, for top_k(): an item that the user had before is not recommended again.
class excluding {
 public:
  /// `catalogue` is the number of items. Throws std::invalid_argument for an item out of it.
  excluding(std::span<const std::size_t> items, std::size_t catalogue) : member_(catalogue, false) {
    for (const std::size_t one : items) {
      require(one < catalogue, "recllm: excluding: item ", one, " is not in the catalogue of ", catalogue,
              " items, numbered from 0");
      member_[one] = true;
    }
  }
  [[nodiscard]] bool operator()(std::size_t item) const { return item < member_.size() && member_[item]; }

 private:
  std::vector<bool> member_;
};

/// The default of top_k(): every item may be recommended.
struct excluding_none {
  [[nodiscard]] constexpr bool operator()(std::size_t) const { return false; }
};

namespace detail {

/// The first k of `items`, ascending numbers, by score.
template <class Candidates, class Scores, class Excluded>
std::vector<std::size_t> best_first(const Candidates& items, const Scores& scores, std::size_t k,
                                    const Excluded& excluded, const char* who) {
  using scored = std::pair<std::ranges::range_value_t<Scores>, std::size_t>;
  const auto better = [](const scored& a, const scored& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  // The k best so far and, up to as many again, those that may replace them; `worst`: the k-th of them.
  std::vector<scored> best;
  bool full = false;
  typename scored::first_type worst{};
  const auto cut = [&] {
    std::ranges::nth_element(best, best.begin() + static_cast<std::ptrdiff_t>(k - 1), better);
    best.resize(k);
    worst = best.back().first;
    full = true;
  };
  for (const std::size_t one : items) {
    const auto score = scores[one];
    if (full && score <= worst) continue;  // a tie is the earlier item's; NaN goes on
    if (excluded(one)) continue;
    require(!std::isnan(static_cast<double>(score)), "recllm: ", who, ": the score of item ", one,
            " is not a number");
    if (k == 0) continue;
    best.emplace_back(score, one);
    if (best.size() / 2 >= k) cut();
  }
  if (best.size() > k) cut();
  std::ranges::sort(best, better);
  std::vector<std::size_t> ranked(best.size());
  std::ranges::transform(best, ranked.begin(), &scored::second);
  return ranked;
}

/// The different items of a pool, ascending.
inline std::vector<std::size_t> distinct_items(std::span<const std::size_t> pool) {
  std::vector<std::size_t> items(pool.begin(), pool.end());
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

/// 0, 1, ..., size - 1 without storing them.
struct every_item {
  struct iterator {
    std::size_t at;
    std::size_t operator*() const { return at; }
    iterator& operator++() { return ++at, *this; }
    bool operator==(const iterator&) const = default;
  };
  std::size_t size;
  [[nodiscard]] iterator begin() const { return {0}; }
  [[nodiscard]] iterator end() const { return {size}; }
};

}  // namespace detail

/// Full ranking: the k items of highest score for which `excluded(item)` does not hold. Fewer where fewer are
/// left. `scores` is a vector or span of one score an item; infinities are allowed, NaN throws
/// std::invalid_argument.
template <std::ranges::contiguous_range Scores, class Excluded = excluding_none>
[[nodiscard]] std::vector<std::size_t> top_k(const Scores& scores, std::size_t k,
                                             const Excluded& excluded = {}) {
  return detail::best_first(detail::every_item{std::ranges::size(scores)}, std::span(scores), k, excluded,
                            "top_k");
}

/// Candidate ranking: the same for the items of `pool` only; a repeat in the pool counts once. Throws
/// std::invalid_argument for an item without a score.
template <std::ranges::contiguous_range Scores, class Excluded = excluding_none>
[[nodiscard]] std::vector<std::size_t> top_k_of(std::span<const std::size_t> pool, const Scores& scores,
                                                std::size_t k, const Excluded& excluded = {}) {
  for (const std::size_t one : pool)
    require(one < std::ranges::size(scores), "recllm: top_k_of: item ", one,
            " of the pool has no score; there are ", std::ranges::size(scores), ", numbered from 0");
  return detail::best_first(detail::distinct_items(pool), std::span(scores), k, excluded, "top_k_of");
}

}  // namespace recllm::measure
