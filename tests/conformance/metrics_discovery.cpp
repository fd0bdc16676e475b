// op metric: how diverse, novel and new the lists are, and how near they come to what is relevant.
#include <cstdint>
#include <set>

#include <recllm/core/check.hpp>
#include <recllm/measure/alpha_ndcg.hpp>
#include <recllm/measure/discovery.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/history_distance.hpp>
#include <recllm/measure/newness.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/serendipity.hpp>
#include <recllm/measure/soft_match.hpp>
#include <recllm/measure/topic_coverage.hpp>

#include "ranked_lists.hpp"

namespace conformance {
namespace {

namespace measure = recllm::measure;

/// The shares of "popularity", by config.population: of its interactions, or of as many users as "users"
/// says.
std::map<std::string, double> shares_of(const ranked_lists& lists, bool of_users) {
  std::map<std::string, double> shares = lists.interactions();
  double total = 0.0;
  for (const auto& [item, count] : shares) total += count;
  if (of_users) total = static_cast<double>(lists.request.count("users"));
  for (auto& [item, count] : shares) count = total > 0.0 ? count / total : 0.0;
  return shares;
}

json novelty(const ranked_lists& lists) {
  bool of_users = false;
  lists.config.read("population", of_users, {{"interactions", false}, {"users", true}});
  const std::map<std::string, double> share = shares_of(lists, of_users);
  double floor = measure::least_share;
  lists.config.read("floor", floor);
  return lists.of_lists(
      [&](shown_items list) { return measure::mean_self_information(list, value_in(share), floor); });
}

json epc(const ranked_lists& lists) {
  const std::map<std::string, double> share = shares_of(lists, true);
  return lists.of_lists(
      [&](shown_items list) { return measure::expected_popularity_complement(list, value_in(share)); });
}

json efd(const ranked_lists& lists) {
  const std::map<std::string, double> share = shares_of(lists, false);
  double floor = measure::least_share;
  lists.config.read("floor", floor);
  return lists.of_lists([&](shown_items list) {
    return measure::expected_free_discovery(list, value_in(share), measure::all_relevant{},
                                            measure::log2_discount{}, floor);
  });
}

json intra_list_diversity(const ranked_lists& lists) {
  const attribute_table attributes(lists.request);
  return lists.of_lists([&](shown_items list) {
    return measure::intra_list_diversity(list, [&](const std::string& a, const std::string& b) {
      return measure::jaccard_distance(attributes(a), attributes(b));
    });
  });
}

json topic_entropy(const ranked_lists& lists) {
  const attribute_table topics(lists.request);
  const measure::entropy_options how = entropy_settings(lists.config);
  return lists.of_lists([&](shown_items list) { return measure::topic_entropy(list, topics, how); });
}

/// "universe" is a list of topics; absent: all those of "attributes".
json topic_coverage(const ranked_lists& lists) {
  const attribute_table topics(lists.request);
  std::set<std::string> universe;
  if (lists.request.has("universe")) {
    const names given = items(lists.request, "universe");
    universe.insert(given.begin(), given.end());
  } else {
    for (const auto& [item, unused] : lists.request.any("attributes").items())
      universe.insert(topics(item).begin(), topics(item).end());
  }
  return lists.of_lists([&](shown_items list) { return measure::topic_coverage(list, topics, universe); });
}

json alpha_ndcg(const ranked_lists& lists) {
  const attribute_table topics(lists.request);
  const double alpha = lists.config.maybe_number("alpha").value_or(0.5);
  return lists.of_users("relevant", [&](const names& ranked, const names& relevant) {
    return measure::alpha_ndcg_at(ranked, relevant, topics, lists.k, alpha);
  });
}

json unexpectedness(const ranked_lists& lists) {
  const names expected = items(lists.request, "expected");
  return lists.of_lists([&](shown_items list) { return measure::unexpectedness(list, expected); });
}

json serendipity(const ranked_lists& lists) {
  const names expected = items(lists.request, "expected");
  return lists.of_users("relevant", [&](const names& ranked, const names& relevant) {
    return measure::serendipity(lists.first(ranked), relevant, expected);
  });
}

std::int64_t time_of(const fields& from, std::string_view name) {
  const double time = from.number(name);
  if (!(std::abs(time) < 9e15 && time == std::floor(time))) from.fail(name, "a whole number");
  return static_cast<std::int64_t>(time);
}

/// "first_seen": item -> time; an item that is not there is new.
json new_items_share(const ranked_lists& lists) {
  const fields times = lists.request.object("first_seen");
  const measure::newness_options how{time_of(lists.config, "now"), time_of(lists.config, "within")};
  return lists.of_lists([&](shown_items list) {
    return measure::new_items_share(
        list, [&](const std::string& item) { return times.has(item) ? time_of(times, item) : how.now; }, how);
  });
}

/// "events": [{item, time}].
json emerging_share(const ranked_lists& lists) {
  measure::growth_options how;
  how.now = time_of(lists.config, "now");
  if (lists.config.has("window")) how.window = time_of(lists.config, "window");
  lists.config.read("smoothing", how.smoothing);
  lists.config.read("least_growth", how.least_growth);
  if (lists.config.has("least_recent")) how.least_recent = lists.config.count("least_recent");
  measure::item_growth<std::string> growth(how);
  const json& events = lists.request.any("events");
  if (!events.is_array()) lists.request.fail("events", "a list of objects");
  for (std::size_t i = 0; i < events.size(); ++i) {
    const fields event(events[i], recllm::message("events[", i, "]."));
    const json& item = event.any("item");
    growth.add(item.is_string() ? item.get<std::string>() : item.dump(), time_of(event, "time"));
  }
  return lists.of_lists([&](shown_items list) { return measure::emerging_share(list, growth); });
}

/// f(a similarity of items): of "embeddings" where they are given, else of "attributes".
template <class F>
json by_similarity(const ranked_lists& lists, const F& f) {
  if (!lists.request.has("embeddings")) {
    const attribute_table attributes(lists.request);
    return f(measure::attribute_similarity(std::cref(attributes)));
  }
  const fields given = lists.request.object("embeddings");
  std::map<std::string, std::vector<double>> vectors;
  for (const auto& [item, unused] : lists.request.any("embeddings").items())
    vectors.emplace(item, given.maybe_list(item).value_or(std::vector<double>{}));
  return f(measure::embedding_similarity([&](const std::string& item) -> const std::vector<double>& {
    const auto found = vectors.find(item);
    if (found == vectors.end()) given.fail(item, "an embedding");
    return found->second;
  }));
}

/// The distance of two items is 1 minus their similarity.
json list_history_distance(const ranked_lists& lists) {
  measure::history_linkage linkage = measure::history_linkage::mean;
  lists.config.read(
      "linkage", linkage,
      {{"mean", measure::history_linkage::mean}, {"nearest", measure::history_linkage::nearest}});
  return by_similarity(lists, [&](const auto& similarity) {
    return lists.of_users("history", [&](const names& ranked, const names& history) {
      return measure::list_history_distance(
          lists.first(ranked), history, [&](const auto& a, const auto& b) { return 1.0 - similarity(a, b); },
          linkage);
    });
  });
}

template <bool Discounted>
json soft_match(const ranked_lists& lists) {
  return by_similarity(lists, [&](const auto& similarity) {
    return lists.of_users("relevant", [&](const names& ranked, const names& relevant) {
      return Discounted ? measure::soft_ndcg_at(ranked, relevant, lists.k, similarity)
                        : measure::soft_recall_at(ranked, relevant, lists.k, similarity);
    });
  });
}

const added_metrics these{{"novelty", novelty},
                          {"epc", epc},
                          {"efd", efd},
                          {"intra_list_diversity", intra_list_diversity},
                          {"topic_entropy", topic_entropy},
                          {"topic_coverage", topic_coverage},
                          {"alpha_ndcg", alpha_ndcg},
                          {"unexpectedness", unexpectedness},
                          {"serendipity", serendipity},
                          {"new_items_share", new_items_share},
                          {"emerging_share", emerging_share},
                          {"list_history_distance", list_history_distance},
                          {"soft_recall", soft_match<false>},
                          {"soft_ndcg", soft_match<true>}};

}  // namespace
}  // namespace conformance
