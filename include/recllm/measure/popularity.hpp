// Popularity bias: how popular recommended items are, against a long tail and against users' histories.
//
//   average popularity = mean over users of the mean count of a list's items
//   popularity lift    = (that of the lists - that of the histories) / that of the histories
//
// Sources: Yin et al., arXiv 1205.6700; lift and groups of users: Abdollahpouri et al., arXiv 2008.09273;
// long tail: Abdollahpouri, Burke and Mobasher, arXiv 1901.07555.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/serendipity.hpp>
#include <recllm/measure/statistics.hpp>

namespace recllm::measure {

/// The mean of `count_of(item)`, an item's interactions in training or its share of them, in that unit; 0 for
/// an empty list.
template <Items R, class CountOf>
[[nodiscard]] double mean_popularity(const R& items, const CountOf& count_of) {
  double sum = 0.0, count = 0.0;
  for (const auto& item : items) {
    sum += static_cast<double>(std::invoke(count_of, item));
    count += 1.0;
  }
  return count > 0.0 ? sum / count : 0.0;
}

/// How much more popular than their histories the lists of a group of users are, from each user's two
/// mean_popularity(): 0 alike, 1 twice as popular, -1 never seen. Throws std::invalid_argument where the
/// lengths differ or are 0, or no history has an interaction.
[[nodiscard]] inline double popularity_lift(std::span<const double> of_lists,
                                            std::span<const double> of_histories) {
  require(of_lists.size() == of_histories.size(),
          "recllm: popularity_lift: expected a list and a history of each user, got ", of_lists.size(),
          " and ", of_histories.size());
  const double before = mean(of_histories);
  require(before > 0.0, "recllm: popularity_lift: the histories' mean popularity is ", before,
          "; expected above 0: count the items' interactions where the histories are from");
  return mean(of_lists) / before - 1.0;
}

/// Which items are the long tail.
enum class tail_rule {
  share_of_items,         ///< the least popular `size` of the items, rounded down, at least one; RecBole
  share_of_interactions,  ///< as many of the least popular as have at most `size` of all interactions
  at_most,                ///< those with at most `size` interactions
};

/// Settings of long_tail().
struct tail_options {
  tail_rule rule = tail_rule::share_of_items;
  double size = 0.2;  ///< in (0, 1] for the shares, >= 0 for at_most
};

/// The items of the long tail, from (item, count) pairs, one an item; ties are the smaller item's. Give items
/// of count 0 where those never seen belong to the tail; RecBole leaves them out. Throws
/// std::invalid_argument for a count or size out of range.
template <class Item>
[[nodiscard]] std::unordered_set<Item> long_tail(std::vector<std::pair<Item, double>> counts,
                                                 const tail_options& options = {}) {
  const bool share = options.rule != tail_rule::at_most;
  require(share ? options.size > 0.0 && options.size <= 1.0 : options.size >= 0.0,
          "recllm: long_tail: expected a size ", share ? "in (0, 1]" : ">= 0", ", got ", options.size);
  double total = 0.0;
  for (const auto& [item, count] : counts) {
    require(count >= 0.0 && std::isfinite(count), "recllm: long_tail: expected counts >= 0, got ", count);
    total += count;
  }
  std::ranges::sort(counts, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first < b.first;
  });
  const auto items = std::max(1.0, std::floor(static_cast<double>(counts.size()) * options.size));
  std::unordered_set<Item> tail;
  double sum = 0.0;
  for (const auto& [item, count] : counts) {
    sum += count;
    const bool within = options.rule == tail_rule::share_of_items ? static_cast<double>(tail.size()) < items
                        : options.rule == tail_rule::share_of_interactions ? sum <= options.size * total
                                                                           : count <= options.size;
    if (!within) break;
    tail.insert(item);
  }
  return tail;
}

/// The share of places whose item is in `tail`, in [0, 1]; 0 for an empty list. A repeated item counts at its
/// first place only.
template <List L, Items Tail>
[[nodiscard]] double tail_share(const L& list, const Tail& tail) {
  return detail::share_of_places(list, [&](const auto& item) { return holds(tail, item); });
}

}  // namespace recllm::measure
