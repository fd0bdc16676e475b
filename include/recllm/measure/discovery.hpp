// How little known the items of a list are, where the first ranks and the relevant items count most: EPC and
// EFD.
//
//   EPC = sum_r d(r) rel(i_r) (1 - p(seen | i_r)) / sum_r d(r)       p(seen | i): share of users who had item
//   i EFD = sum_r d(r) rel(i_r) (-log2 p(i_r | seen)) / sum_r d(r)     p(i | seen): share of interactions
//   with i
//
// Source: Vargas and Castells, "Rank and Relevance in Novelty and Diversity Metrics for Recommender Systems",
// RecSys 2011. MIUF, the mean of -log2 p(seen | i), is mean_self_information() of shares of users.
#pragma once

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include <recllm/core/check.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/novelty.hpp>

namespace recllm::measure {

/// Each item's share of all users, counted. Needs std::hash<Item>.
template <class Item>
class user_shares {
 public:
  /// One user's items; repeats count once.
  template <Items R>
  void add_user(const R& items) {
    const std::unordered_set<Item> distinct(std::ranges::begin(items), std::ranges::end(items));
    for (const Item& item : distinct) ++counts_[item];
    ++users_;
  }

  /// In [0, 1]; 0 for an item that no user had.
  [[nodiscard]] double operator()(const Item& item) const {
    const auto found = counts_.find(item);
    return found == counts_.end() ? 0.0 : static_cast<double>(found->second) / static_cast<double>(users_);
  }

 private:
  std::unordered_map<Item, std::size_t> counts_;
  std::size_t users_ = 0;
};

/// Relevance 1 of every item: how known a list is, whoever reads it.
struct all_relevant {
  template <class Item>
  constexpr double operator()(const Item&) const {
    return 1.0;
  }
};

namespace detail {

template <List L, class Value, class Weight>
double discounted_mean(const L& list, const Value& value, const Weight& weight) {
  double sum = 0.0, total = 0.0;
  std::size_t rank = 0;
  for (const auto& item : list) {
    const double w = weight(++rank);
    sum += w * value(item);
    total += w;
  }
  return total > 0.0 ? sum / total : 0.0;
}

}  // namespace detail

/// Expected popularity complement, in [0, 1]; 0 for an empty list. `seen_by(item)`: share of users, in [0,
/// 1]; `relevance(item)` in [0, 1]; `weight` takes ranks from 1. Throws std::invalid_argument for a share out
/// of range.
template <List L, class SeenBy, class Relevance = all_relevant, class Weight = log2_discount>
[[nodiscard]] double expected_popularity_complement(const L& list, const SeenBy& seen_by,
                                                    const Relevance& relevance = {},
                                                    const Weight& weight = {}) {
  return detail::discounted_mean(
      list,
      [&](const auto& item) {
        const auto share = static_cast<double>(std::invoke(seen_by, item));
        require(share >= 0.0 && share <= 1.0,
                "recllm: expected_popularity_complement: expected a share of users in [0, 1], got ", share);
        return static_cast<double>(std::invoke(relevance, item)) * (1.0 - share);
      },
      weight);
}

/// Expected free discovery, bits; 0 for an empty list. `share_of(item)`: share of interactions, in [0, 1],
/// bounded from below by `floor`; the rest as above.
template <List L, class ShareOf, class Relevance = all_relevant, class Weight = log2_discount>
[[nodiscard]] double expected_free_discovery(const L& list, const ShareOf& share_of,
                                             const Relevance& relevance = {}, const Weight& weight = {},
                                             double floor = least_share) {
  return detail::discounted_mean(
      list,
      [&](const auto& item) {
        return static_cast<double>(std::invoke(relevance, item)) *
               self_information(static_cast<double>(std::invoke(share_of, item)), floor);
      },
      weight);
}

/// The mean of `value(item)`, first ranks first: clicks, conversions, price or margin that a list is worth,
/// in the value's unit; 0 for an empty list. `weight` takes ranks from 1, by default 1 / log2(rank + 1).
template <List L, class Value, class Weight = log2_discount>
[[nodiscard]] double discounted_utility(const L& list, const Value& value, const Weight& weight = {}) {
  return detail::discounted_mean(
      list, [&](const auto& item) { return static_cast<double>(std::invoke(value, item)); }, weight);
}

}  // namespace recllm::measure
