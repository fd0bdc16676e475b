// What the metrics of op metric share: the users' lists as the request gives them, and the table that each
// file fills.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <recllm/measure/ranking.hpp>
#include <recllm/measure/statistics.hpp>

#include "lists.hpp"

namespace conformance {

using shown_items = std::span<const std::string>;

/// "ranked", or what "scores" rank: items 0, 1, ... by score, without the "history".
struct ranked_lists {
  explicit ranked_lists(const fields& request);

  const fields& request;
  fields config;
  std::size_t k;
  std::vector<names> lists;

  [[nodiscard]] shown_items first(const names& list) const {
    return shown_items(list).first(std::min(k, list.size()));
  }
  /// A list a user, of one of the request's fields.
  [[nodiscard]] std::vector<names> of_each_user(std::string_view name) const;
  /// The same for "history", where absent is none.
  [[nodiscard]] std::vector<names> histories() const;
  /// The field "popularity": item -> interactions in training.
  [[nodiscard]] std::map<std::string, double> interactions() const;

  /// f(the user's first k).
  template <class F>
  [[nodiscard]] json of_lists(const F& f) const {
    std::vector<double> values;
    for (const names& list : lists) values.push_back(f(first(list)));
    return per_user(values);
  }
  /// f(the user's whole list, the user's items in the field).
  template <class F>
  [[nodiscard]] json of_users(std::string_view field, const F& f) const {
    const std::vector<names> others = of_each_user(field);
    std::vector<double> values;
    for (std::size_t u = 0; u < lists.size(); ++u) values.push_back(f(lists[u], others[u]));
    return per_user(values);
  }

  [[nodiscard]] static json per_user(const std::vector<double>& values);
  [[nodiscard]] static json of_catalogue(double value);
};

/// Item numbers where "scores" are given.
std::vector<std::size_t> item_numbers(const fields& request, std::string_view name, const names& items);

/// item -> its value, `otherwise` where it has none. Borrows.
inline auto value_in(const std::map<std::string, double>& values, double otherwise = 0.0) {
  return [&values, otherwise](const std::string& item) {
    const auto found = values.find(item);
    return found == values.end() ? otherwise : found->second;
  };
}

using metric = std::function<json(const ranked_lists&)>;

/// All metrics by name.
std::map<std::string, metric, std::less<>>& metrics();

/// `const added_metrics those{{"name", function}, ...};` at namespace scope makes metrics known.
struct added_metrics {
  added_metrics(std::initializer_list<std::pair<const std::string, metric>> some) {
    metrics().insert(some.begin(), some.end());
  }
};

}  // namespace conformance
