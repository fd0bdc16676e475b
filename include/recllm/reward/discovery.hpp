// Rewards of lists that lead to what is new, unexpected and of many topics, where it is relevant.
//
// `target`, `expected`: projections of the prompt to items; `topics`, `share`: functions of an item.
#pragma once

#include <cstddef>

#include <recllm/measure/alpha_ndcg.hpp>
#include <recllm/measure/discovery.hpp>
#include <recllm/measure/newness.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/serendipity.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// "novelty": the mean self-information of the items, -log2 of their share of all interactions, bits; 0 for
/// an empty list. `share(item)` is in [0, 1]; shares below `floor`, that of unseen items (0) among them,
/// count as `floor`, so the value is in [0, -log2(floor)]: by default at most 19.9.
template <class Share>
[[nodiscard]] constexpr auto novelty(Share share, double floor = measure::least_share) {
  return term("novelty", [=](const auto& completion) -> double {
    return measure::mean_self_information(
        items_of(completion), [&](const auto& item) { return number_of(share, item); }, floor);
  });
}

/// "alpha_ndcg": see measure::alpha_ndcg_at. 0 where either list is empty.
template <class Target, class Topics>
[[nodiscard]] constexpr auto alpha_ndcg(Target target, Topics topics, std::size_t k = measure::whole_list,
                                        double alpha = 0.5) {
  return term("alpha_ndcg", [=](const auto& prompt, const auto& completion) -> double {
    return measure::alpha_ndcg_at(
        items_of(completion), list_of(target, prompt),
        [&](const auto& item) -> decltype(auto) { return list_of(topics, item); }, k, alpha);
  });
}

/// "unexpectedness": the share of places whose item is not `expected`, in [0, 1]; 0 for an empty list.
template <class Expected>
[[nodiscard]] constexpr auto unexpectedness(Expected expected) {
  return term("unexpectedness", [=](const auto& prompt, const auto& completion) -> double {
    return measure::unexpectedness(items_of(completion), list_of(expected, prompt));
  });
}

/// "serendipity": the share of places whose item is in the target and not `expected`, in [0, 1]; 0 for an
/// empty list.
template <class Target, class Expected>
[[nodiscard]] constexpr auto serendipity(Target target, Expected expected) {
  return term("serendipity", [=](const auto& prompt, const auto& completion) -> double {
    return measure::serendipity(items_of(completion), list_of(target, prompt), list_of(expected, prompt));
  });
}

/// "miuf": the mean inverse user frequency of the items, -log2 of the share of users who had each, bits; 0
/// for an empty list. Shares below `floor` count as `floor`. Breese et al., UAI 1998.
template <class Share>
[[nodiscard]] constexpr auto miuf(Share user_share, double floor = measure::least_share) {
  return term("miuf", [=](const auto& completion) -> double {
    return measure::mean_self_information(
        items_of(completion), [&](const auto& item) { return number_of(user_share, item); }, floor);
  });
}

/// "epc": expected popularity complement, in [0, 1]; see measure::expected_popularity_complement.
template <class Share>
[[nodiscard]] constexpr auto epc(Share user_share) {
  return term("epc", [=](const auto& completion) -> double {
    return measure::expected_popularity_complement(
        items_of(completion), [&](const auto& item) { return number_of(user_share, item); });
  });
}

/// "efd": expected free discovery, bits; `share(item)`: of all interactions. See
/// measure::expected_free_discovery.
template <class Share>
[[nodiscard]] constexpr auto efd(Share share, double floor = measure::least_share) {
  return term("efd", [=](const auto& completion) -> double {
    return measure::expected_free_discovery(
        items_of(completion), [&](const auto& item) { return number_of(share, item); },
        measure::all_relevant{}, measure::log2_discount{}, floor);
  });
}

/// "new_items": the share of places whose item is new to the catalogue, in [0, 1]; 0 for an empty list.
/// `first_seen(item)` is a time in the unit of `now` and `within`. See measure::new_items_share.
template <class FirstSeen>
[[nodiscard]] constexpr auto new_items(FirstSeen first_seen, measure::newness_options options) {
  return term("new_items", [=](const auto& completion) -> double {
    return measure::new_items_share(items_of(completion), first_seen, options);
  });
}

/// "emerging": the share of places whose item is growing fast, in [0, 1]; 0 for an empty list. `growth` is
/// borrowed. See measure::emerging_share.
template <class Item>
[[nodiscard]] auto emerging(const measure::item_growth<Item>& growth) {
  return term("emerging", [&growth](const auto& completion) -> double {
    return measure::emerging_share(items_of(completion), growth);
  });
}

}  // namespace recllm::reward
