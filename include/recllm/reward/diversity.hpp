// Rewards of lists of many kinds of items: different from each other, of many topics, away from the history.
//
// `attributes`, `topics`: functions of an item to a set of them, or one; `history`: a projection of the
// prompt.
#pragma once

#include <cstddef>
#include <ranges>

#include <recllm/measure/attribute_diversity.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/history_distance.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/topic_coverage.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// "diversity": the share of places with an item that no earlier place has, distinct / length; 0 for an empty
/// list.
[[nodiscard]] constexpr auto diversity() {
  return term("diversity", [](const auto& completion) -> double {
    const auto& list = items_of(completion);
    const auto length = static_cast<double>(std::ranges::size(list));
    return length > 0.0 ? static_cast<double>(measure::count_distinct(list)) / length : 0.0;
  });
}

/// "diversity": the mean Jaccard distance between the attributes of all pairs of places; `attributes(item)`
/// is a set of them, or one. 0 for fewer than two items.
template <class Attributes>
[[nodiscard]] constexpr auto diversity(Attributes attributes) {
  return term("diversity", [=](const auto& completion) -> double {
    return measure::attribute_diversity(
        items_of(completion), [&](const auto& item) -> decltype(auto) { return list_of(attributes, item); });
  });
}

/// "topic_entropy": the entropy of the list's topics, by default in nats, from 0 to ln of their number;
/// `topics(item)` is a set of them, or one. See measure::topic_entropy. 0 for fewer than two topics.
template <class Topics>
[[nodiscard]] constexpr auto topic_entropy(Topics topics, measure::entropy_options options = {}) {
  return term("topic_entropy", [=](const auto& completion) -> double {
    return measure::topic_entropy(
        items_of(completion), [&](const auto& item) -> decltype(auto) { return list_of(topics, item); },
        options);
  });
}

/// "intra_list_distance": the mean of `distance(item, other)` over all pairs of places, in its unit:
/// embeddings, prices, anything symmetric. 0 for fewer than two items. diversity(attributes) is that of
/// attributes.
template <class Distance>
[[nodiscard]] constexpr auto intra_list_distance(Distance distance) {
  return term("intra_list_distance", [=](const auto& completion) -> double {
    return measure::intra_list_diversity(items_of(completion), distance);
  });
}

/// "topic_coverage": the share of the topics in `universe`, a list of them that is kept, that the list
/// reaches, in [0, 1]; 0 for an empty list. See measure::topic_coverage.
template <class Topics, measure::Items Universe>
[[nodiscard]] constexpr auto topic_coverage(Topics topics, Universe universe) {
  return term("topic_coverage", [=](const auto& completion) -> double {
    return measure::topic_coverage(
        items_of(completion), [&](const auto& item) -> decltype(auto) { return list_of(topics, item); },
        universe);
  });
}

/// "history_distance": how far the list leads from the history, against the filter bubble, in the unit of
/// `distance(item, past)`; 0 where either is empty. See measure::list_history_distance.
template <class History, class Distance>
[[nodiscard]] constexpr auto history_distance(
    History history, Distance distance, measure::history_linkage linkage = measure::history_linkage::mean) {
  return term("history_distance", [=](const auto& prompt, const auto& completion) -> double {
    return measure::list_history_distance(items_of(completion), list_of(history, prompt), distance, linkage);
  });
}

}  // namespace recllm::reward
