// How different the items of a list are from each other, and how much of a catalogue many lists reach.
#pragma once

#include <cmath>
#include <cstddef>
#include <ranges>
#include <unordered_set>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// 1 - |a and b| / |a or b| of two sets, in [0, 1]; repeats count once; two empty sets are alike: 0.
/// Source: Jaccard, Bulletin de la Societe Vaudoise des Sciences Naturelles 37 (1901).
template <Items A, Items B>
[[nodiscard]] constexpr double jaccard_distance(const A& a, const B& b) {
  std::size_t shared = 0;
  for (auto here = std::ranges::begin(a); here != std::ranges::end(a); ++here) {
    bool is_new = holds(b, *here);
    for (auto earlier = std::ranges::begin(a); is_new && earlier != here; ++earlier)
      is_new = !same_item(*earlier, *here);
    shared += is_new ? 1 : 0;
  }
  const std::size_t together = count_distinct(a) + count_distinct(b) - shared;
  return together > 0 ? 1.0 - static_cast<double>(shared) / static_cast<double>(together) : 0.0;
}

/// The mean of `distance(item, other)` over all pairs of places of the list; 0 for fewer than two items.
/// `distance` is symmetric. Source: Zhang and Hurley, RecSys 2008; 2 / (n (n - 1)) sum_{i<j} d(i, j).
template <List L, class Distance>
[[nodiscard]] constexpr double intra_list_diversity(const L& list, const Distance& distance) {
  double sum = 0.0;
  std::size_t pairs = 0;
  for (auto one = std::ranges::begin(list); one != std::ranges::end(list); ++one)
    for (auto other = std::ranges::next(one); other != std::ranges::end(list); ++other, ++pairs)
      sum += static_cast<double>(distance(*one, *other));
  return pairs > 0 ? sum / static_cast<double>(pairs) : 0.0;
}

/// Which items many lists contain: catalogue coverage. Needs std::hash<Item>.
template <class Item>
class coverage {
 public:
  template <Items R>
  void add(const R& items) {
    seen_.insert(std::ranges::begin(items), std::ranges::end(items));
  }

  /// The number of different items so far.
  [[nodiscard]] std::size_t distinct() const { return seen_.size(); }

  /// Their share of a catalogue, in [0, 1]. Throws std::invalid_argument where that is empty or smaller than
  /// what was seen.
  [[nodiscard]] double share(std::size_t catalogue_size) const {
    require(catalogue_size > 0 && catalogue_size >= distinct(),
            "recllm: coverage: expected a catalogue of at least ", distinct(),
            " items, the different ones that were added, got ", catalogue_size);
    return static_cast<double>(distinct()) / static_cast<double>(catalogue_size);
  }

 private:
  std::unordered_set<Item> seen_;
};

/// Shannon's entropy of the distribution proportional to `counts`, nats: between 0 and ln of how many are not
/// 0; 0 for none. Throws std::invalid_argument for a negative or NaN count.
template <Items Counts>
[[nodiscard]] double entropy(const Counts& counts) {
  double total = 0.0;
  for (const auto& count : counts) {
    const auto value = static_cast<double>(count);
    require(value >= 0.0, "recllm: entropy: expected counts >= 0, got ", value);
    total += value;
  }
  double sum = 0.0;
  for (const auto& count : counts)
    if (const double p = static_cast<double>(count) / total; p > 0.0) sum -= p * std::log(p);
  return sum;
}

}  // namespace recllm::measure
