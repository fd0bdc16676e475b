// How well the first k places of a ranked list meet a set of relevant items. Binary relevance.
//
// `ranked` is best first; `relevant` is a set, repeats in it count once. An item that stands in the ranked
// list twice is a hit at its first place only, so no value exceeds 1. `k` > 0; a list shorter than k misses
// at the places it lacks. No relevant item: every measure is 0. Definitions: Manning, Raghavan and Schuetze,
// Introduction to Information Retrieval, chapter 8; NDCG: Jarvelin and Kekalainen, TOIS 20 (2002).
#pragma once

#include <algorithm>
#include <cstddef>

#include <recllm/core/check.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

namespace detail {

/// Calls f(rank) for the rank of each hit in the first k places, ascending, until f returns false.
template <List Ranked, Items Relevant, class F>
void for_each_hit(const Ranked& ranked, const Relevant& relevant, std::size_t k, F&& f) {
  require(k > 0, "recllm: ranking measures: expected k > 0, got 0; measure::whole_list looks at every place");
  std::size_t place = 0;
  for (const auto& item : ranked) {
    if (place == k) return;
    if (holds(relevant, item) && !repeated_at(ranked, place) && !f(place + 1)) return;
    ++place;
  }
}

template <List Ranked, Items Relevant>
double hits(const Ranked& ranked, const Relevant& relevant, std::size_t k) {
  double count = 0.0;
  for_each_hit(ranked, relevant, k, [&](std::size_t) { return ++count, true; });
  return count;
}

}  // namespace detail

/// Hits in the first k over the number of relevant items.
template <List Ranked, Items Relevant>
[[nodiscard]] double recall_at(const Ranked& ranked, const Relevant& relevant, std::size_t k) {
  const std::size_t wanted = count_distinct(relevant);
  const double found = detail::hits(ranked, relevant, k);
  return wanted > 0 ? found / static_cast<double>(wanted) : 0.0;
}

/// Hits in the first k over k, also where the list is shorter; whole_list: over the list's length, 0 if it is
/// empty.
template <List Ranked, Items Relevant>
[[nodiscard]] double precision_at(const Ranked& ranked, const Relevant& relevant, std::size_t k) {
  const double found = detail::hits(ranked, relevant, k);
  const std::size_t places = k == whole_list ? static_cast<std::size_t>(std::ranges::size(ranked)) : k;
  return places > 0 ? found / static_cast<double>(places) : 0.0;
}

/// 1 if a relevant item is among the first k, else 0.
template <List Ranked, Items Relevant>
[[nodiscard]] double hit_at(const Ranked& ranked, const Relevant& relevant, std::size_t k) {
  double hit = 0.0;
  detail::for_each_hit(ranked, relevant, k, [&](std::size_t) { return hit = 1.0, false; });
  return hit;
}

/// 1 over the rank of the first relevant item among the first k, 0 if there is none.
template <List Ranked, Items Relevant>
[[nodiscard]] double reciprocal_rank(const Ranked& ranked, const Relevant& relevant,
                                     std::size_t k = whole_list) {
  double value = 0.0;
  detail::for_each_hit(ranked, relevant, k,
                       [&](std::size_t rank) { return value = 1.0 / static_cast<double>(rank), false; });
  return value;
}

/// How many hits the ideal list of NDCG has, from rank 1 on.
enum class ndcg_ideal {
  attainable,   ///< min(k, |relevant|): 1 can be reached, as RecBole and the TREC programs have it
  every_place,  ///< k, however few items are relevant: users with few count less
};

/// DCG = sum of 1 / log2(rank + 1) over the hits in the first k, over that of an ideal list. `every_place` of
/// whole_list: the places of the list.
template <List Ranked, Items Relevant>
[[nodiscard]] double ndcg_at(const Ranked& ranked, const Relevant& relevant, std::size_t k,
                             ndcg_ideal ideal_list = ndcg_ideal::attainable) {
  double gained = 0.0, ideal = 0.0;
  detail::for_each_hit(ranked, relevant, k,
                       [&](std::size_t rank) { return gained += log2_discount{}(rank), true; });
  const std::size_t wanted = count_distinct(relevant);
  const std::size_t places = k == whole_list ? static_cast<std::size_t>(std::ranges::size(ranked)) : k;
  const std::size_t best = ideal_list == ndcg_ideal::attainable ? std::min(k, wanted) : places;
  for (std::size_t rank = 1; rank <= best; ++rank) ideal += log2_discount{}(rank);
  return wanted > 0 && ideal > 0.0 ? gained / ideal : 0.0;
}

/// What average precision is divided by.
enum class precision_divisor {
  attainable,  ///< min(k, |relevant|): 1 can be reached, as RecBole's MAP
  relevant,    ///< |relevant|, however small k is, as TREC's map_cut
};

/// The mean over relevant items of the precision at each one's rank, 0 for those not in the first k. Its mean
/// over users is MAP.
template <List Ranked, Items Relevant>
[[nodiscard]] double average_precision(const Ranked& ranked, const Relevant& relevant,
                                       std::size_t k = whole_list,
                                       precision_divisor divisor = precision_divisor::attainable) {
  double sum = 0.0, found = 0.0;
  detail::for_each_hit(ranked, relevant, k, [&](std::size_t rank) {
    found += 1.0;
    sum += found / static_cast<double>(rank);
    return true;
  });
  const std::size_t all = count_distinct(relevant);
  const std::size_t wanted = divisor == precision_divisor::attainable ? std::min(k, all) : all;
  return wanted > 0 ? sum / static_cast<double>(wanted) : 0.0;
}

}  // namespace recllm::measure
