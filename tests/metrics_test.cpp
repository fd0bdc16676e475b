#include <recllm/metrics.hpp>

#include <limits>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

using items = std::vector<std::size_t>;

TEST_CASE("top_k sorts by score and breaks ties by the smaller item") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  CHECK(top_k(scores, 3) == items{1, 3, 2});
  CHECK(top_k(scores, 9) == items{1, 3, 2, 0, 4});
  CHECK(top_k(scores, 0).empty());
  CHECK(top_k(std::vector<double>{}, 3).empty());
  CHECK(top_k(std::vector<float>(4, 0.5F), 2) == items{0, 1});
  CHECK(top_k(std::span(scores).first(1), 2) == items{0});
}

TEST_CASE("what is excluded is not ranked") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  const items seen{1, 4};
  CHECK(top_k(scores, 9, excluding(seen, 5)) == items{3, 2, 0});
  CHECK(top_k(scores, 2, [](std::size_t item) { return item > 1; }) == items{1, 0});
  CHECK_THROWS_WITH(excluding(seen, 4),
                    "recllm: excluding: item 4 is not in the catalogue of 4 items, numbered from 0");
}

TEST_CASE("a candidate pool is ranked alone") {
  const std::vector<double> scores{1, 3, 2, 3, 0};
  CHECK(top_k_of(items{4, 3, 1, 3}, scores, 9) == items{1, 3, 4});
  CHECK(top_k_of(items{4, 0}, scores, 1) == items{0});
  CHECK(top_k_of({}, scores, 5).empty());
  CHECK_THROWS_WITH(top_k_of(items{5}, scores, 1),
                    "recllm: top_k_of: item 5 of the pool has no score; there are 5, numbered from 0");
}

TEST_CASE("a score that is not a number is refused, infinities are ordered") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> odd{0, std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_WITH(top_k(odd, 1), "recllm: top_k: the score of item 1 is not a number");
  CHECK_THROWS_WITH(top_k_of(items{1}, odd, 1), "recllm: top_k_of: the score of item 1 is not a number");
  CHECK(top_k(odd, 1, excluding(items{1}, 2)) == items{0});
  CHECK(top_k(std::vector<double>{-inf, 0, inf}, 3) == items{2, 1, 0});
}

TEST_CASE("top_k equals a stable sort") {
  constexpr std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> scores(rng.below(30));
    for (double& score : scores) score = static_cast<double>(rng.below(5));
    items order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    order.resize(std::min<std::size_t>(order.size(), 7));
    REQUIRE(top_k(scores, 7) == order);
  }
}

TEST_CASE("a report holds each user's values and their means") {
  // topics: 0 {a,b}, 1 {a}, 2 {c}, 3 {}; shares: 1/2, 1/4, 1/4, 0.
  ranking_report report({.catalogue = 4,
                         .cutoffs = {1, 3},
                         .topics = {{"a", "b"}, {"a"}, {"c"}, {}},
                         .shares = {0.5, 0.25, 0.25, 0.0}});
  report.add(items{0, 1, 2}, items{1, 3});
  report.add(items{2, 0}, items{2});
  report.add(items{}, items{0});
  CHECK(report.users() == 3);

  const ranking_values& three = report.at(3);
  CHECK(three.recall == std::vector<double>{0.5, 1, 0});
  CHECK(three.ndcg[0] == Approx((1 / std::log2(3.0)) / (1 + 1 / std::log2(3.0))));
  CHECK(three.ndcg[1] == 1);
  CHECK(three.diversity[0] == Approx((0.5 + 1 + 1) / 3));  // {a,b}|{a}, {a,b}|{c}, {a}|{c}
  CHECK(three.diversity[1] == 1);
  CHECK(three.diversity[2] == 0);
  CHECK(three.novelty[0] == Approx((1 + 2 + 2) / 3.0));
  CHECK(three.novelty[1] == Approx(1.5));
  CHECK(report.coverage_at(3) == 0.75);

  const ranking_values& one = report.at(1);
  CHECK(one.recall == std::vector<double>{0, 1, 0});
  CHECK(one.ndcg == std::vector<double>{0, 1, 0});
  CHECK(report.coverage_at(1) == 0.5);

  CHECK(std::vector<double>(report.reciprocal_rank().begin(), report.reciprocal_rank().end()) ==
        std::vector<double>{0.5, 1, 0});
  CHECK(measure::mean(three.recall) == Approx(0.5));
}

TEST_CASE("an unseen item is worth the least share, not infinity") {
  ranking_report report({.catalogue = 2, .cutoffs = {1}, .shares = {1.0, 0.0}});
  report.add(items{1}, items{1});
  report.add(items{0}, items{1});
  CHECK(report.at(1).novelty[0] == Approx(-std::log2(measure::least_share)));
  CHECK(report.at(1).novelty[1] == 0);
  CHECK(report.at(1).diversity.empty());
}

TEST_CASE("a report refuses what it cannot measure") {
  CHECK_THROWS_WITH(ranking_report({}),
                    "recllm: ranking_report: set ranking_settings::catalogue to the number of items");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .cutoffs = {5, 0}}),
                    "recllm: ranking_report: expected one or more cutoffs, each > 0");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .cutoffs = {}}),
                    Contains("expected one or more cutoffs"));
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .topics = {{"a"}}}),
                    "recllm: ranking_report: expected topics of 3 items or none, got 1");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .shares = {1.0}}),
                    "recllm: ranking_report: expected shares of 3 items or none, got 1");
  ranking_report report({.catalogue = 3});
  CHECK_THROWS_WITH(report.add(items{0}, items{}),
                    "recllm: ranking_report: user number 0 has no relevant item; leave such users out");
  CHECK_THROWS_WITH(report.add(items{3}, items{0}),
                    "recllm: ranking_report: item 3 is not in the catalogue of 3 items, numbered from 0");
  CHECK_THROWS_WITH(report.add(items{0}, items{7}), Contains("item 7 is not in the catalogue"));
  CHECK(report.users() == 0);
  CHECK_THROWS_WITH(report.at(7), "recllm: ranking_report: 7 is none of the cutoffs in ranking_settings");
  CHECK(report.coverage_at(5) == 0);
}
