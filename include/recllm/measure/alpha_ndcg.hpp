// alpha-NDCG: NDCG in which a topic that earlier places cover is worth less each time.
//
//   gain at rank r = sum over the topics of the item there of (1 - alpha)^(places above with that topic)
//   DCG = sum over the relevant items in the first k of gain / log2(r + 1),   over that of an ideal list
//
// Source: Clarke et al., "Novelty and Diversity in Information Retrieval Evaluation", SIGIR 2008. The ideal
// list is built greedily, as theirs: the exact one is NP-hard.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

namespace detail {

/// What topics are still worth, as items that have them are placed.
template <class Topic>
class topic_gains {
 public:
  explicit topic_gains(double kept) : kept_(kept) {}

  /// The gain of an item of these topics at the next place.
  template <Items Topics>
  [[nodiscard]] double of(const Topics& topics) const {
    double sum = 0.0;
    for (const auto& topic : topics) {
      double worth = 1.0;
      for (const auto& [known, left] : worth_)
        if (same_item(known, topic)) worth = left;
      sum += worth;
    }
    return sum;
  }

  template <Items Topics>
  void place(const Topics& topics) {
    for (const auto& topic : topics) {
      const auto at = std::find_if(worth_.begin(), worth_.end(),
                                   [&](const auto& known) { return same_item(known.first, topic); });
      if (at == worth_.end())
        worth_.emplace_back(topic, kept_);
      else
        at->second *= kept_;
    }
  }

 private:
  double kept_;
  std::vector<std::pair<Topic, double>> worth_;
};

}  // namespace detail

/// In [0, 1] but for the greedy ideal, which a list may beat; 0 where nothing is relevant or has a topic.
/// `topics(item)` is a set of topics; `alpha` in [0, 1]: 0 is NDCG with the number of topics as gain, 1
/// counts a topic once. Items that are not relevant or stand in the list twice gain nothing. Throws
/// std::invalid_argument for another alpha and k = 0.
template <List Ranked, Items Relevant, class Topics>
[[nodiscard]] double alpha_ndcg_at(const Ranked& ranked, const Relevant& relevant, const Topics& topics,
                                   std::size_t k, double alpha = 0.5) {
  require(alpha >= 0.0 && alpha <= 1.0, "recllm: alpha_ndcg: expected alpha in [0, 1], got ", alpha);
  require(k > 0, "recllm: alpha_ndcg: expected k > 0, got 0; measure::whole_list looks at every place");
  using item_type = std::ranges::range_value_t<const Relevant>;
  using topic_type =
      std::ranges::range_value_t<std::remove_cvref_t<std::invoke_result_t<const Topics&, const item_type&>>>;
  detail::topic_gains<topic_type> met(1.0 - alpha), best(1.0 - alpha);
  double gained = 0.0, ideal = 0.0;
  std::size_t place = 0;
  for (const auto& item : ranked) {
    if (place == k) break;
    if (holds(relevant, item) && !repeated_at(ranked, place)) {
      gained += met.of(std::invoke(topics, item)) * log2_discount{}(place + 1);
      met.place(std::invoke(topics, item));
    }
    ++place;
  }
  std::vector<item_type> left;
  for (const auto& item : relevant)
    if (!holds(left, item)) left.push_back(item);
  for (std::size_t rank = 1; rank <= k && !left.empty(); ++rank) {
    const auto next = std::max_element(left.begin(), left.end(), [&](const auto& one, const auto& other) {
      return best.of(std::invoke(topics, one)) < best.of(std::invoke(topics, other));
    });
    ideal += best.of(std::invoke(topics, *next)) * log2_discount{}(rank);
    best.place(std::invoke(topics, *next));
    left.erase(next);
  }
  return ideal > 0.0 ? gained / ideal : 0.0;
}

}  // namespace recllm::measure
