// Rewards of recommended lists: accuracy, against the items that the user went on to.
//
// Every term reads the predicted list by items_of(completion) and the rest by projections of the prompt,
// called once per completion; return a reference or a span where the list is long. All but
// kendall_tau() are in [0, 1]; what an empty list is worth stands at each.
#pragma once

#include <cstddef>
#include <ranges>

#include <recllm/measure/lcs.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/rank_correlation.hpp>
#include <recllm/measure/rank_overlap.hpp>
#include <recllm/measure/ranking.hpp>
#include <recllm/measure/rouge.hpp>
#include <recllm/measure/soft_match.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// Whose ranks weigh the items of a common subsequence.
enum class ranks_of { predicted, target };

/// "lcs": the normalised position-weighted longest common subsequence with the target list; see
/// measure::position_weighted_lcs. `weight` takes a rank from 1: measure::log2_discount,
/// measure::uniform_weight or a function of yours. 0 where either list is empty.
template <class Target, class Weight = measure::log2_discount>
[[nodiscard]] constexpr auto lcs(Target target, Weight weight = {}, ranks_of ranks = ranks_of::predicted) {
  return term("lcs", [=](const auto& prompt, const auto& completion) -> double {
    const auto& wanted = list_of(target, prompt);
    return ranks == ranks_of::predicted
               ? measure::position_weighted_lcs(items_of(completion), wanted, weight)
               : measure::position_weighted_lcs(wanted, items_of(completion), weight);
  });
}

/// "rouge_l": the F measure of the plain longest common subsequence with the target list; see
/// measure::rouge_l. 0 where either list is empty.
template <class Target>
[[nodiscard]] constexpr auto rouge_l(Target target, double beta = 1.0) {
  return term("rouge_l", [=](const auto& prompt, const auto& completion) -> double {
    return measure::rouge_l(items_of(completion), list_of(target, prompt), beta);
  });
}

/// "rouge_w": the same with runs without gaps preferred; see measure::rouge_w.
template <class Target>
[[nodiscard]] constexpr auto rouge_w(Target target, double weight = 1.2, double beta = 1.0) {
  return term("rouge_w", [=](const auto& prompt, const auto& completion) -> double {
    return measure::rouge_w(items_of(completion), list_of(target, prompt), weight, beta);
  });
}

/// "kendall_tau": whether items of the target list are in its order, in [-1, 1]; see measure::kendall_tau. 0
/// where fewer than two are in both.
template <class Target>
[[nodiscard]] constexpr auto kendall_tau(Target target) {
  return term("kendall_tau", [=](const auto& prompt, const auto& completion) -> double {
    return measure::kendall_tau(items_of(completion), list_of(target, prompt));
  });
}

/// "rank_biased_overlap": likeness to the target list, first ranks first; see measure::rank_biased_overlap.
/// 0 where either list is empty.
template <class Target>
[[nodiscard]] constexpr auto rank_biased_overlap(Target target, measure::overlap_options options = {}) {
  return term("rank_biased_overlap", [=](const auto& prompt, const auto& completion) -> double {
    return measure::rank_biased_overlap(items_of(completion), list_of(target, prompt), options);
  });
}

/// "ndcg", "reciprocal_rank", "recall", "precision", "hit" of the first k places against the target items;
/// see measure/ranking.hpp. 0 where either list is empty.
template <class Target>
[[nodiscard]] constexpr auto ndcg(Target target, std::size_t k = measure::whole_list) {
  return term("ndcg", [=](const auto& prompt, const auto& completion) -> double {
    return measure::ndcg_at(items_of(completion), list_of(target, prompt), k);
  });
}
template <class Target>
[[nodiscard]] constexpr auto reciprocal_rank(Target target, std::size_t k = measure::whole_list) {
  return term("reciprocal_rank", [=](const auto& prompt, const auto& completion) -> double {
    return measure::reciprocal_rank(items_of(completion), list_of(target, prompt), k);
  });
}
template <class Target>
[[nodiscard]] constexpr auto recall(Target target, std::size_t k = measure::whole_list) {
  return term("recall", [=](const auto& prompt, const auto& completion) -> double {
    return measure::recall_at(items_of(completion), list_of(target, prompt), k);
  });
}
template <class Target>
[[nodiscard]] constexpr auto precision(Target target, std::size_t k = measure::whole_list) {
  return term("precision", [=](const auto& prompt, const auto& completion) -> double {
    return measure::precision_at(items_of(completion), list_of(target, prompt), k);
  });
}
template <class Target>
[[nodiscard]] constexpr auto hit(Target target, std::size_t k = measure::whole_list) {
  return term("hit", [=](const auto& prompt, const auto& completion) -> double {
    return measure::hit_at(items_of(completion), list_of(target, prompt), k);
  });
}

/// "soft_recall", "soft_ndcg" of the first k places: an item like a target item counts in part, each target
/// item once. `similarity(item, target item)` is in [0, 1]: measure::attribute_similarity(attributes),
/// measure::embedding_similarity(embedding) or your own. See measure::soft_recall_at. 0 where either list is
/// empty.
template <class Target, class Similarity>
[[nodiscard]] constexpr auto soft_recall(Target target, Similarity similarity,
                                         std::size_t k = measure::whole_list) {
  return term("soft_recall", [=](const auto& prompt, const auto& completion) -> double {
    return measure::soft_recall_at(items_of(completion), list_of(target, prompt), k, similarity);
  });
}
template <class Target, class Similarity>
[[nodiscard]] constexpr auto soft_ndcg(Target target, Similarity similarity,
                                       std::size_t k = measure::whole_list) {
  return term("soft_ndcg", [=](const auto& prompt, const auto& completion) -> double {
    return measure::soft_ndcg_at(items_of(completion), list_of(target, prompt), k, similarity);
  });
}

/// "distinct_items", a test: 1 if no item stands at two places, else 0; 1 for an empty list.
[[nodiscard]] constexpr auto distinct_items() {
  return term("distinct_items", [](const auto& completion) -> bool {
    const auto& list = items_of(completion);
    return measure::count_distinct(list) == static_cast<std::size_t>(std::ranges::size(list));
  });
}

}  // namespace recllm::reward
