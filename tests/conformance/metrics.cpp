// op metric: the ranking measures a user, and those of a catalogue.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/measure/exposure.hpp>
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

struct ranking {
  const fields& request;
  fields config;
  std::vector<names> lists;
  std::size_t k;

  explicit ranking(const fields& given)
      : request(given),
        config(given.object("config")),
        lists(item_rows(given, "ranked")),
        k(given.has("k") ? given.count("k") : measure::whole_list) {
    if (k == 0) given.fail("k", "an integer of 1 or more");
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
    const std::vector<names> relevant = item_rows(request, "relevant");
    if (relevant.size() != lists.size())
      request.fail("relevant", message("a list for each of the ", lists.size(), " users"));
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

  [[nodiscard]] json coverage() const {
    measure::coverage<std::string> seen;
    for (const names& list : lists) seen.add(first(list));
    return of_catalogue(seen.share(request.count("catalogue_size")));
  }

  [[nodiscard]] json gini() const {
    measure::gini_divisor divisor = measure::gini_divisor::n;
    config.read("divisor", divisor,
                {{"n", measure::gini_divisor::n}, {"n_minus_one", measure::gini_divisor::n_minus_one}});
    return of_catalogue(measure::gini(exposures(request.count("catalogue_size")), divisor));
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
      {"ndcg", by_user([](const auto&... x) { return measure::ndcg_at(x...); })},
      {"mrr", by_user([](const auto&... x) { return measure::reciprocal_rank(x...); })},
      {"map", by_user([](const auto&... x) { return measure::average_precision(x...); })},
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
