// Rewards from columns of the catalogue: what a list is worth, how fresh it is, whose items it shows.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/discovery.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// "utility": the mean of `value(item)`, first ranks first, in the value's unit: predicted clicks or
/// conversions, return visits, price, margin. 0 for an empty list. See measure::discounted_utility. Name
/// several of them: `0.7 * utility(clicks).named("clicks") + 0.3 * utility(margin).named("margin")`.
template <class Value>
[[nodiscard]] constexpr auto utility(Value value) {
  return term("utility", [=](const auto& completion) -> double {
    return measure::discounted_utility(items_of(completion),
                                       [&](const auto& item) { return number_of(value, item); });
  });
}

/// "freshness": the mean of 2^(-age / half_life), first ranks first, in (0, 1] for ages >= 0; 0 for an empty
/// list. `age(item)` and `half_life` > 0 in one unit. Throws std::invalid_argument for another half_life.
template <class Age>
[[nodiscard]] auto freshness(Age age, double half_life) {
  require(half_life > 0.0, "recllm: freshness: expected half_life > 0, got ", half_life);
  return term("freshness", [=](const auto& completion) -> double {
    return measure::discounted_utility(
        items_of(completion), [&](const auto& item) { return std::exp2(-number_of(age, item) / half_life); });
  });
}

/// "over_quota", a penalty: the share of places beyond the first `most` of their provider, in [0, 1]; 0 for
/// an empty list. `provider(item)` is anything with ==: a seller, a publisher, a brand.
template <class Provider>
[[nodiscard]] constexpr auto over_quota(Provider provider, std::size_t most) {
  return term("over_quota", [=](const auto& completion) -> double {
    const auto& list = items_of(completion);
    using item_type = std::ranges::range_value_t<std::remove_cvref_t<decltype(list)>>;
    std::vector<
        std::pair<std::remove_cvref_t<std::invoke_result_t<const Provider&, const item_type&>>, std::size_t>>
        shown;
    double over = 0.0, places = 0.0;
    for (const auto& item : list) {
      decltype(auto) of = std::invoke(provider, item);
      std::size_t before = 0;
      for (auto& [known, count] : shown)
        if (known == of) before = count++;
      if (before == 0) shown.emplace_back(of, 1);
      over += before >= most ? 1.0 : 0.0;
      places += 1.0;
    }
    return places > 0.0 ? over / places : 0.0;
  });
}

}  // namespace recllm::reward
