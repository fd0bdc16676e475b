// op metric: the ranking measures a user, and those of a catalogue.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/measure/auc.hpp>
#include <recllm/measure/exposure.hpp>
#include <recllm/measure/popularity.hpp>
#include <recllm/metrics.hpp>

#include "lists.hpp"

namespace conformance {
namespace {

using namespace recllm;
using shown = std::span<const std::string>;

// One user's list and what was relevant.
struct user_lists {
  const names& ranked;
  const names& relevant;
};

using scored_rows = std::vector<std::vector<double>>;

// The items of "scores" are 0, 1, ..., and named so.
std::size_t number_of(const fields& request, std::string_view name, const std::string& item) {
  std::size_t end = 0, value = 0;
  if (!item.empty() && item.find_first_not_of("0123456789") == std::string::npos && item.size() < 10)
    value = std::stoul(item, &end);
  if (end == 0) request.fail(name, "of item numbers where \"scores\" are given");
  return value;
}

std::vector<std::size_t> numbers_of(const fields& request, std::string_view name, const names& items) {
  std::vector<std::size_t> all;
  for (const std::string& item : items) all.push_back(number_of(request, name, item));
  return all;
}

// item -> its count, 0 where it has none.
auto count_in(const std::map<std::string, double>& counts) {
  return [&counts](const std::string& item) {
    const auto found = counts.find(item);
    return found == counts.end() ? 0.0 : found->second;
  };
}

struct ranking {
  const fields& request;
  fields config;
  std::size_t k;
  std::vector<names> lists;

  explicit ranking(const fields& given)
      : request(given),
        config(given.object("config")),
        k(given.has("k") ? given.count("k") : measure::whole_list) {
    if (k == 0) given.fail("k", "an integer of 1 or more");
    if (!given.has("scores")) {
      lists = item_rows(given, "ranked");
      return;
    }
    const scored_rows scores = given.rows("scores");
    const std::vector<names> histories = histories_of(scores.size());
    for (std::size_t u = 0; u < scores.size(); ++u) {
      const excluding seen(numbers_of(given, "history", histories[u]), scores[u].size());
      lists.emplace_back();
      for (const std::size_t item : top_k(scores[u], k, seen)) lists.back().push_back(std::to_string(item));
    }
  }

  /// "history", a list a user; absent: all empty.
  [[nodiscard]] std::vector<names> histories_of(std::size_t users) const {
    if (!request.has("history")) return std::vector<names>(users);
    std::vector<names> all = item_rows(request, "history");
    if (all.size() != users) request.fail("history", message("a list for each of the ", users, " users"));
    return all;
  }

  [[nodiscard]] std::vector<names> relevant_of(std::size_t users) const {
    std::vector<names> all = item_rows(request, "relevant");
    if (all.size() != users) request.fail("relevant", message("a list for each of the ", users, " users"));
    return all;
  }

  [[nodiscard]] shown first(const names& list) const { return shown(list).first(std::min(k, list.size())); }

  static json per_user(const std::vector<double>& values) {
    json each = json::array();
    for (const double value : values) each.push_back(number(value));
    return {{"value", number(measure::mean(values))}, {"per_user", std::move(each)}};
  }

  /// f(the user's first k).
  template <class F>
  [[nodiscard]] json of_lists(const F& f) const {
    std::vector<double> values;
    for (const names& list : lists) values.push_back(f(first(list)));
    return per_user(values);
  }

  /// f(ranked, relevant).
  template <class F>
  [[nodiscard]] json of_users(const F& f) const {
    const std::vector<names> relevant = relevant_of(lists.size());
    std::vector<double> values;
    for (std::size_t u = 0; u < lists.size(); ++u) values.push_back(f({lists[u], relevant[u]}));
    return per_user(values);
  }

  static json of_catalogue(double value) { return {{"value", number(value)}, {"per_user", json::array()}}; }

  /// How often each item of the catalogue is shown; without its size, each item that is.
  [[nodiscard]] std::vector<double> exposures(std::optional<std::size_t> catalogue_size) const {
    measure::exposure<std::string> seen;
    for (const names& list : lists) seen.add(first(list));
    return seen.counts(catalogue_size.value_or(seen.distinct()));
  }

  /// The field "popularity": item -> interactions in training.
  [[nodiscard]] std::map<std::string, double> interactions() const {
    if (!request.any("popularity").is_object()) request.fail("popularity", "an object of counts");
    const fields counts = request.object("popularity");
    std::map<std::string, double> all;
    for (const auto& [item, count] : request.any("popularity").items())
      all.emplace(item, static_cast<double>(counts.count(item)));
    return all;
  }

  [[nodiscard]] json coverage() const {
    bool trained_only = false;
    config.read("over", trained_only, {{"all", false}, {"trained", true}});
    measure::coverage<std::string> seen;
    if (!trained_only) {
      for (const names& list : lists) seen.add(first(list));
      return of_catalogue(seen.share(request.count("catalogue_size")));
    }
    std::map<std::string, double> trained = interactions();
    std::erase_if(trained, [](const auto& one) { return one.second == 0.0; });
    for (const names& list : lists)
      for (const std::string& item : first(list))
        if (trained.contains(item)) seen.add(std::span(&item, 1));
    return of_catalogue(seen.share(trained.size()));
  }

  [[nodiscard]] json gini() const {
    measure::gini_options how;
    config.read("divisor", how.divisor,
                {{"n", measure::gini_divisor::n}, {"n_minus_one", measure::gini_divisor::n_minus_one}});
    how.high_is_even = config.maybe_flag("high_is_even").value_or(how.high_is_even);
    return of_catalogue(measure::gini(exposures(request.count("catalogue_size")), how));
  }

  [[nodiscard]] json ndcg() const {
    measure::ndcg_ideal ideal = measure::ndcg_ideal::attainable;
    config.read(
        "ideal", ideal,
        {{"attainable", measure::ndcg_ideal::attainable}, {"every_place", measure::ndcg_ideal::every_place}});
    return of_users([&](const user_lists& u) { return measure::ndcg_at(u.ranked, u.relevant, k, ideal); });
  }

  [[nodiscard]] json average_precision() const {
    measure::precision_divisor divisor = measure::precision_divisor::attainable;
    config.read("divisor", divisor,
                {{"attainable", measure::precision_divisor::attainable},
                 {"relevant", measure::precision_divisor::relevant}});
    return of_users(
        [&](const user_lists& u) { return measure::average_precision(u.ranked, u.relevant, k, divisor); });
  }

  /// Each user's scores of relevant items against the others', without the history.
  [[nodiscard]] json auc() const {
    const scored_rows scores = request.rows("scores");
    const std::vector<names> relevant = relevant_of(scores.size()), histories = histories_of(scores.size());
    std::vector<double> each, weights, hits, misses;
    for (std::size_t u = 0; u < scores.size(); ++u) {
      const excluding seen(numbers_of(request, "history", histories[u]), scores[u].size());
      const excluding wanted(numbers_of(request, "relevant", relevant[u]), scores[u].size());
      std::vector<double> in, out;
      for (std::size_t item = 0; item < scores[u].size(); ++item)
        if (!seen(item)) (wanted(item) ? in : out).push_back(scores[u][item]);
      each.push_back(measure::auc(in, out));
      weights.push_back(static_cast<double>(in.size()));
      hits.insert(hits.end(), in.begin(), in.end());
      misses.insert(misses.end(), out.begin(), out.end());
    }
    enum class kind { users, weighted, pooled } average = kind::users;
    config.read("average", average,
                {{"users", kind::users}, {"relevant", kind::weighted}, {"pooled", kind::pooled}});
    json answer = per_user(each);
    if (average == kind::weighted) answer["value"] = number(measure::weighted_mean(each, weights));
    if (average == kind::pooled) answer["value"] = number(measure::auc(hits, misses));
    return answer;
  }

  [[nodiscard]] json average_popularity() const {
    const std::map<std::string, double> counts = interactions();
    return of_lists([&](shown list) { return measure::mean_popularity(list, count_in(counts)); });
  }

  [[nodiscard]] json popularity_lift() const {
    const std::map<std::string, double> counts = interactions();
    std::vector<double> of_list, of_history;
    for (const names& list : lists)
      of_list.push_back(measure::mean_popularity(first(list), count_in(counts)));
    for (const names& history : histories_of(lists.size()))
      of_history.push_back(measure::mean_popularity(history, count_in(counts)));
    return of_catalogue(measure::popularity_lift(of_list, of_history));
  }

  [[nodiscard]] json tail_share() const {
    measure::tail_options how;
    config.read("rule", how.rule,
                {{"share_of_items", measure::tail_rule::share_of_items},
                 {"share_of_interactions", measure::tail_rule::share_of_interactions},
                 {"at_most", measure::tail_rule::at_most}});
    config.read("size", how.size);
    std::vector<std::pair<std::string, double>> counts;
    for (const auto& [item, count] : interactions()) counts.emplace_back(item, count);
    const auto tail = measure::long_tail(std::move(counts), how);
    return of_lists([&](shown list) { return measure::tail_share(list, tail); });
  }

  [[nodiscard]] json entropy() const {
    const measure::entropy_options how = entropy_settings(config);
    std::optional<std::size_t> catalogue_size;
    if (how.scale == measure::entropy_scale::evenness || request.has("catalogue_size"))
      catalogue_size = request.count("catalogue_size");
    return of_catalogue(measure::entropy(exposures(catalogue_size), how));
  }

  [[nodiscard]] json novelty() const {
    const measure::interaction_shares<std::string> share = shares(request);
    double floor = measure::least_share;
    config.read("floor", floor);
    return of_lists([&](shown list) { return measure::mean_self_information(list, share, floor); });
  }

  [[nodiscard]] json diversity() const {
    const attribute_table attributes(request);
    return of_lists([&](shown list) {
      return measure::intra_list_diversity(list, [&](const std::string& a, const std::string& b) {
        return measure::jaccard_distance(attributes(a), attributes(b));
      });
    });
  }
};

json metric(const json& object) {
  const fields request(object);
  const ranking lists(request);
  const auto by_user = [&](auto measure) {
    return [&lists, measure] {
      return lists.of_users([&](const user_lists& u) { return measure(u.ranked, u.relevant, lists.k); });
    };
  };
  const std::map<std::string, std::function<json()>, std::less<>> known{
      {"recall", by_user([](const auto&... x) { return measure::recall_at(x...); })},
      {"precision", by_user([](const auto&... x) { return measure::precision_at(x...); })},
      {"hit_rate", by_user([](const auto&... x) { return measure::hit_at(x...); })},
      {"ndcg", [&] { return lists.ndcg(); }},
      {"mrr", by_user([](const auto&... x) { return measure::reciprocal_rank(x...); })},
      {"map", [&] { return lists.average_precision(); }},
      {"auc", [&] { return lists.auc(); }},
      {"average_popularity", [&] { return lists.average_popularity(); }},
      {"popularity_lift", [&] { return lists.popularity_lift(); }},
      {"tail_share", [&] { return lists.tail_share(); }},
      {"coverage", [&] { return lists.coverage(); }},
      {"gini", [&] { return lists.gini(); }},
      {"entropy", [&] { return lists.entropy(); }},
      {"novelty", [&] { return lists.novelty(); }},
      {"intra_list_diversity", [&] { return lists.diversity(); }}};
  std::function<json()> found = [&]() -> json { request.fail("metric", "a string"); };
  request.read("metric", found, known);
  return found();
}

const added this_file{"metric", metric};

}  // namespace
}  // namespace conformance
