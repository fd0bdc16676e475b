// op metric: how well the lists and scores meet what is relevant.
#include <recllm/measure/auc.hpp>
#include <recllm/measure/ranking.hpp>
#include <recllm/measure/top_k.hpp>

#include "ranked_lists.hpp"

namespace conformance {
namespace {

namespace measure = recllm::measure;

template <class F>
metric by_relevant(const F& f) {
  return [f](const ranked_lists& lists) {
    return lists.of_users(
        "relevant", [&](const names& ranked, const names& relevant) { return f(ranked, relevant, lists.k); });
  };
}

json ndcg(const ranked_lists& lists) {
  measure::ndcg_ideal ideal = measure::ndcg_ideal::attainable;
  lists.config.read(
      "ideal", ideal,
      {{"attainable", measure::ndcg_ideal::attainable}, {"every_place", measure::ndcg_ideal::every_place}});
  return by_relevant([=](const auto&... x) { return measure::ndcg_at(x..., ideal); })(lists);
}

json average_precision(const ranked_lists& lists) {
  measure::precision_divisor divisor = measure::precision_divisor::attainable;
  lists.config.read("divisor", divisor,
                    {{"attainable", measure::precision_divisor::attainable},
                     {"relevant", measure::precision_divisor::relevant}});
  return by_relevant([=](const auto&... x) { return measure::average_precision(x..., divisor); })(lists);
}

/// Each user's scores of relevant items against the others', without the history.
json auc(const ranked_lists& lists) {
  const std::vector<std::vector<double>> scores = lists.request.rows("scores");
  const std::vector<names> relevant = lists.of_each_user("relevant"), histories = lists.histories();
  std::vector<double> each, weights, hits, misses;
  for (std::size_t u = 0; u < scores.size(); ++u) {
    const std::size_t items = scores[u].size();
    const measure::excluding seen(item_numbers(lists.request, "history", histories[u]), items);
    const measure::excluding wanted(item_numbers(lists.request, "relevant", relevant[u]), items);
    std::vector<double> in, out;
    for (std::size_t item = 0; item < items; ++item)
      if (!seen(item)) (wanted(item) ? in : out).push_back(scores[u][item]);
    each.push_back(measure::auc(in, out));
    weights.push_back(static_cast<double>(in.size()));
    hits.insert(hits.end(), in.begin(), in.end());
    misses.insert(misses.end(), out.begin(), out.end());
  }
  enum class kind { users, weighted, pooled } average = kind::users;
  lists.config.read("average", average,
                    {{"users", kind::users}, {"relevant", kind::weighted}, {"pooled", kind::pooled}});
  json answer = ranked_lists::per_user(each);
  if (average == kind::weighted) answer["value"] = number(measure::weighted_mean(each, weights));
  if (average == kind::pooled) answer["value"] = number(measure::auc(hits, misses));
  return answer;
}

const added_metrics these{
    {"recall", by_relevant([](const auto&... x) { return measure::recall_at(x...); })},
    {"precision", by_relevant([](const auto&... x) { return measure::precision_at(x...); })},
    {"hit_rate", by_relevant([](const auto&... x) { return measure::hit_at(x...); })},
    {"mrr", by_relevant([](const auto&... x) { return measure::reciprocal_rank(x...); })},
    {"ndcg", ndcg},
    {"map", average_precision},
    {"auc", auc}};

}  // namespace
}  // namespace conformance
