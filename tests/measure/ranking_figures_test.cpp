// Names, choices and values of a report's figures.
#include <recllm/measure/ranking_figures.hpp>

#include <sstream>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;

using items = std::vector<std::size_t>;

namespace {

std::vector<std::string> labels(const ranking_settings& settings) {
  ranking_report report(settings);
  if (settings.auc)
    report.rank(std::vector<double>(settings.catalogue), {.relevant = items{0}});
  else
    report.add(items{0, 1}, items{0}, items{1});
  std::vector<std::string> all;
  for (const ranking_figure& one : figures(report)) all.push_back(one.label());
  return all;
}

}  // namespace

TEST_CASE("figures say how they were measured") {
  CHECK(labels({.catalogue = 4, .cutoffs = {2}}) ==
        std::vector<std::string>{"recall@2", "precision@2 (over k)", "hit_rate@2",
                                 "ndcg@2 (ideal over min(k, relevant))", "map@2 (over min(k, relevant))",
                                 "mrr@2", "coverage@2 (of all 4 items)",
                                 "gini@2 (low is even, over all 4 items)", "entropy@2 (nats)"});
  CHECK(labels({.catalogue = 4,
                .cutoffs = {2},
                .topics = {{}, {}, {}, {}},
                .shares = {0.5, 0.25, 0.25, 0},
                .expected = {1, 2},
                .own = {{"mine", [](const ranked_user&) { return 1.0; }}},
                .shares_of = population::users,
                .over = catalogue_items::trained,
                .ideal = ndcg_ideal::every_place,
                .map_over = precision_divisor::relevant,
                .gini = {.divisor = gini_divisor::n_minus_one, .high_is_even = true},
                .entropy = {.scale = entropy_scale::evenness}}) ==
        std::vector<std::string>{
            "recall@2", "precision@2 (over k)", "hit_rate@2", "ndcg@2 (ideal over k)",
            "map@2 (over relevant)", "mrr@2", "intra_list_diversity@2 (1 - Jaccard of topics)",
            "novelty@2 (bits, share of users)", "popularity@2 (share of users)",
            "tail_share@2 (the least popular 20 % of the trained 3 items)",
            "unexpectedness@2 (against 2 items)", "serendipity@2 (against 2 items)", "mine@2",
            "popularity_lift@2 (over the histories)", "coverage@2 (of the trained 3 items)",
            "gini@2 (high is even, over the trained 3 items, divided by n - 1)",
            "entropy@2 (0 to 1, over the trained 3 items)"});
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::ranges::find(all, one) != all.end();
  };
  CHECK(has(labels({.catalogue = 4, .entropy = {.base = 2}}), "entropy@5 (bits)"));
  CHECK(has(labels({.catalogue = 4, .entropy = {.base = 10}}), "entropy@10 (base 10)"));
  CHECK(has(labels({.catalogue = 4, .entropy = {.scale = entropy_scale::per_reached}}),
            "entropy@5 (over the items reached, as RecBole)"));
  CHECK(has(labels({.catalogue = 2, .shares = {0.5, 0.5}, .tail = {tail_rule::share_of_interactions, 0.1}}),
            "tail_share@5 (the last 10 % of interactions, of all 2 items)"));
  CHECK(has(labels({.catalogue = 2, .shares = {0.5, 0.5}, .tail = {tail_rule::at_most, 0.1}}),
            "tail_share@5 (at most 0.1 share of interactions, of all 2 items)"));
  CHECK(has(labels({.catalogue = 4, .cutoffs = {whole_list}}), "precision (over the list)"));
  CHECK(has(labels({.catalogue = 4, .cutoffs = {whole_list}}), "mrr"));
  CHECK(has(labels({.catalogue = 2, .auc = true}), "auc (mean over users)"));
  CHECK(has(labels({.catalogue = 2, .auc = true}), "gauc (weighted by relevant items)"));
}

TEST_CASE("figures have the values of the measures") {
  ranking_report report({.catalogue = 4, .cutoffs = {2}, .shares = {0.5, 0.25, 0.25, 0}, .auc = true});
  CHECK(figures(report).empty());
  report.rank(std::vector<double>{4, 3, 2, 1}, {.relevant = items{1}, .history = items{3}});
  report.rank(std::vector<double>{4, 3, 2, 1}, {.relevant = items{0, 2}});
  CHECK(figure(report, "recall@2").value == 0.75);
  CHECK(figure(report, "recall@2").per_user[1] == 0.5);
  CHECK(figure(report, "mrr@2").value == 0.75);
  CHECK(figure(report, "coverage@2").value == 0.5);
  CHECK(figure(report, "coverage@2").per_user.empty());
  CHECK(figure(report, "gini@2").value == gini(std::vector<double>{2, 2, 0, 0}));
  CHECK(figure(report, "entropy@2").value == Approx(std::log(2.0)));
  CHECK(figure(report, "popularity@2").value == 0.375);
  // A history without interactions has no lift.
  CHECK_THROWS_WITH(figure(report, "popularity_lift@2"),
                    Contains("no 'popularity_lift@2'; there are: recall@2,"));
  CHECK(figure(report, "auc").value == Approx((0.5 + 0.75) / 2));
  CHECK(figure(report, "gauc").value == Approx((0.5 + 2 * 0.75) / 3));

  std::ostringstream text;
  text << report;
  CHECK_THAT(text.str(), Contains("      0.75  recall@2\n       0.5  precision@2 (over k)\n"));
  CHECK_THROWS_WITH(figure(ranking_report({.catalogue = 1}), "recall@5"),
                    "recllm: figure: no 'recall@5'; there are: none, no user was added");
}
