// op metric: what the lists do to a catalogue, and how popular their items are.
#include <optional>

#include <recllm/measure/diversity.hpp>
#include <recllm/measure/exposure.hpp>
#include <recllm/measure/popularity.hpp>

#include "ranked_lists.hpp"

namespace conformance {
namespace {

namespace measure = recllm::measure;

/// How often each item of the catalogue is shown; without its size, each item that is.
std::vector<double> exposures(const ranked_lists& lists, std::optional<std::size_t> catalogue_size) {
  measure::exposure<std::string> seen;
  for (const names& list : lists.lists) seen.add(lists.first(list));
  return seen.counts(catalogue_size.value_or(seen.distinct()));
}

json coverage(const ranked_lists& lists) {
  bool trained_only = false;
  lists.config.read("over", trained_only, {{"all", false}, {"trained", true}});
  measure::coverage<std::string> seen;
  if (!trained_only) {
    for (const names& list : lists.lists) seen.add(lists.first(list));
    return lists.of_catalogue(seen.share(lists.request.count("catalogue_size")));
  }
  std::map<std::string, double> trained = lists.interactions();
  std::erase_if(trained, [](const auto& one) { return one.second == 0.0; });
  for (const names& list : lists.lists)
    for (const std::string& item : lists.first(list))
      if (trained.contains(item)) seen.add(std::span(&item, 1));
  return lists.of_catalogue(seen.share(trained.size()));
}

json gini(const ranked_lists& lists) {
  measure::gini_options how;
  lists.config.read("divisor", how.divisor,
                    {{"n", measure::gini_divisor::n}, {"n_minus_one", measure::gini_divisor::n_minus_one}});
  how.high_is_even = lists.config.maybe_flag("high_is_even").value_or(how.high_is_even);
  return lists.of_catalogue(measure::gini(exposures(lists, lists.request.count("catalogue_size")), how));
}

json entropy(const ranked_lists& lists) {
  const measure::entropy_options how = entropy_settings(lists.config);
  std::optional<std::size_t> catalogue_size;
  if (how.scale == measure::entropy_scale::evenness || lists.request.has("catalogue_size"))
    catalogue_size = lists.request.count("catalogue_size");
  return lists.of_catalogue(measure::entropy(exposures(lists, catalogue_size), how));
}

json average_popularity(const ranked_lists& lists) {
  const std::map<std::string, double> counts = lists.interactions();
  return lists.of_lists([&](shown_items list) { return measure::mean_popularity(list, value_in(counts)); });
}

json popularity_lift(const ranked_lists& lists) {
  const std::map<std::string, double> counts = lists.interactions();
  std::vector<double> of_list, of_history;
  for (const names& list : lists.lists)
    of_list.push_back(measure::mean_popularity(lists.first(list), value_in(counts)));
  for (const names& history : lists.histories())
    of_history.push_back(measure::mean_popularity(history, value_in(counts)));
  return lists.of_catalogue(measure::popularity_lift(of_list, of_history));
}

json tail_share(const ranked_lists& lists) {
  measure::tail_options how;
  lists.config.read("rule", how.rule,
                    {{"share_of_items", measure::tail_rule::share_of_items},
                     {"share_of_interactions", measure::tail_rule::share_of_interactions},
                     {"at_most", measure::tail_rule::at_most}});
  lists.config.read("size", how.size);
  std::vector<std::pair<std::string, double>> counts;
  for (const auto& [item, count] : lists.interactions()) counts.emplace_back(item, count);
  const auto tail = measure::long_tail(std::move(counts), how);
  return lists.of_lists([&](shown_items list) { return measure::tail_share(list, tail); });
}

const added_metrics these{{"coverage", coverage},
                          {"gini", gini},
                          {"entropy", entropy},
                          {"average_popularity", average_popularity},
                          {"popularity_lift", popularity_lift},
                          {"tail_share", tail_share}};

}  // namespace
}  // namespace conformance
