// Recall and NDCG in which an item that is like a relevant one counts in part.
//
//   soft recall@k = max_a sum_i s(list_i, relevant_a(i)) / |relevant|
//   soft NDCG@k   = max_a sum_i s(list_i, relevant_a(i)) / log2(i + 1)  /  sum_{i <= min(k, |relevant|)} 1 /
//   log2(i + 1)
//
// over the assignments a of places i <= k to different relevant items: none counts twice. The similarity s is
// in [0, 1]; where it is 1 for the same item and else 0, they are recall_at() and ndcg_at(). The best
// one-to-one assignment, not a greedy one, after Luo, "On Coreference Resolution Performance Metrics",
// HLT-EMNLP 2005.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <ranges>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/assignment.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// The share of two items' attributes that both have, 1 - jaccard_distance(), and 1 of the same item; 0 where
/// either has none. `attributes(item)` is a set.
template <class Attributes>
[[nodiscard]] constexpr auto attribute_similarity(Attributes attributes) {
  return [=](const auto& one, const auto& other) -> double {
    if (same_item(one, other)) return 1.0;
    const auto& a = std::invoke(attributes, one);
    const auto& b = std::invoke(attributes, other);
    return std::ranges::empty(a) || std::ranges::empty(b) ? 0.0 : 1.0 - jaccard_distance(a, b);
  };
}

/// The cosine of two items' embeddings, at least 0, and 1 of the same item: `embedding(item)` is a range of
/// numbers, as long for every item. An embedding of length 0 is like no other item. Throws
/// std::invalid_argument where the lengths differ.
template <class Embedding>
[[nodiscard]] constexpr auto embedding_similarity(Embedding embedding) {
  return [=](const auto& one, const auto& other) -> double {
    if (same_item(one, other)) return 1.0;
    const auto& a = std::invoke(embedding, one);
    const auto& b = std::invoke(embedding, other);
    require(std::ranges::size(a) == std::ranges::size(b),
            "recllm: embedding_similarity: expected embeddings of one length, got ", std::ranges::size(a),
            " and ", std::ranges::size(b));
    double product = 0.0, of_a = 0.0, of_b = 0.0;
    for (auto x = std::ranges::begin(a), y = std::ranges::begin(b); x != std::ranges::end(a); ++x, ++y) {
      product += static_cast<double>(*x) * static_cast<double>(*y);
      of_a += static_cast<double>(*x) * static_cast<double>(*x);
      of_b += static_cast<double>(*y) * static_cast<double>(*y);
    }
    const double lengths = std::sqrt(of_a) * std::sqrt(of_b);
    return lengths > 0.0 ? std::clamp(product / lengths, 0.0, 1.0) : 0.0;
  };
}

namespace detail {

/// The largest sum of weight(rank) s(item, relevant item), and the number of relevant items.
struct soft_hits {
  double sum = 0.0;
  std::size_t relevant = 0;

  template <List Ranked, Items Relevant, class Similarity, class Weight>
  soft_hits(const Ranked& ranked, const Relevant& wanted, std::size_t k, const Similarity& similarity,
            const Weight& weight) {
    require(k > 0, "recllm: soft matches: expected k > 0, got 0; measure::whole_list looks at every place");
    std::vector<const std::ranges::range_value_t<const Relevant>*> targets;
    for (const auto& item : wanted)
      if (std::ranges::none_of(targets, [&](const auto* known) { return same_item(*known, item); }))
        targets.push_back(&item);
    relevant = targets.size();
    std::vector<double> worth;  // places x targets
    std::size_t place = 0, places = 0;
    for (const auto& item : ranked) {
      if (place == k) break;
      if (repeated_at(ranked, place++)) continue;
      ++places;
      for (const auto* target : targets) {
        const auto s = static_cast<double>(similarity(item, *target));
        require(s >= 0.0 && s <= 1.0, "recllm: soft matches: expected similarities in [0, 1], got ", s);
        worth.push_back(s * weight(place));
      }
    }
    const bool more_places = places > relevant;
    const auto at = [&](std::size_t row, std::size_t column) {
      return more_places ? worth[column * relevant + row] : worth[row * relevant + column];
    };
    const std::size_t rows = std::min(places, relevant), columns = std::max(places, relevant);
    const std::vector<std::size_t> column_of = best_assignment(rows, columns, at);
    for (std::size_t row = 0; row < rows; ++row) sum += at(row, column_of[row]);
  }
};

}  // namespace detail

/// In [0, 1]; 0 where nothing is ranked or relevant. `similarity(item, relevant item)` is in [0, 1]. An item
/// that stands in the list twice matches at its first place only. O(k |relevant| min(k, |relevant|)) time.
/// Throws std::invalid_argument for k = 0 and another similarity.
template <List Ranked, Items Relevant, class Similarity>
[[nodiscard]] double soft_recall_at(const Ranked& ranked, const Relevant& relevant, std::size_t k,
                                    const Similarity& similarity) {
  const detail::soft_hits hits(ranked, relevant, k, similarity, uniform_weight{});
  return hits.relevant > 0 ? std::min(1.0, hits.sum / static_cast<double>(hits.relevant)) : 0.0;
}

/// The same for NDCG, whose ideal list has min(k, |relevant|) full matches.
template <List Ranked, Items Relevant, class Similarity>
[[nodiscard]] double soft_ndcg_at(const Ranked& ranked, const Relevant& relevant, std::size_t k,
                                  const Similarity& similarity) {
  const detail::soft_hits hits(ranked, relevant, k, similarity, log2_discount{});
  double ideal = 0.0;
  for (std::size_t rank = 1; rank <= std::min(k, hits.relevant); ++rank) ideal += log2_discount{}(rank);
  return ideal > 0.0 ? std::min(1.0, hits.sum / ideal) : 0.0;
}

}  // namespace recllm::measure
