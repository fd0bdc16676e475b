// Ranking measures against published and hand-computed values, and against their definitions on random lists.
#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/ranking.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using items = std::vector<int>;

TEST_CASE("average precision of the textbook's two systems") {
  // Manning, Raghavan and Schuetze, Introduction to Information Retrieval, exercise 8.8: R N R N N N N N R R
  // has average precision 0.6, N R N N R R R N N N has 0.493.
  const items ranked{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(average_precision(ranked, items{1, 3, 9, 10}) == Approx(0.6));
  CHECK(average_precision(ranked, items{2, 5, 6, 7}) == Approx(0.493).margin(5e-4));
}

TEST_CASE("values by hand") {
  const items ranked{7, 1, 2, 8}, relevant{1, 2, 3};
  CHECK(recall_at(ranked, relevant, 2) == Approx(1.0 / 3.0));
  CHECK(recall_at(ranked, relevant, 10) == Approx(2.0 / 3.0));
  CHECK(precision_at(ranked, relevant, 2) == Approx(0.5));
  CHECK(precision_at(ranked, relevant, 10) == Approx(0.2));
  CHECK(precision_at(ranked, relevant, whole_list) == Approx(0.5));
  CHECK(hit_at(ranked, relevant, 1) == 0.0);
  CHECK(hit_at(ranked, relevant, 2) == 1.0);
  CHECK(reciprocal_rank(ranked, relevant) == Approx(0.5));
  CHECK(reciprocal_rank(ranked, relevant, 1) == 0.0);
  const double second = 1.0 / std::log2(3.0);
  CHECK(ndcg_at(ranked, relevant, 3) == Approx((second + 0.5) / (1.0 + second + 0.5)));
  CHECK(ndcg_at(ranked, relevant, 2) == Approx(second / (1.0 + second)));  // ideal over two places, not three
  CHECK(ndcg_at(ranked, items{2}, 10) == Approx(0.5));                     // one target: 1 / log2(rank + 1)
  CHECK(average_precision(ranked, relevant) == Approx((1.0 / 2.0 + 2.0 / 3.0) / 3.0));
  CHECK(average_precision(ranked, relevant, 2) == Approx((1.0 / 2.0) / 2.0));
}

TEST_CASE("the ideal list and the divisor of average precision are choices") {
  const items ranked{7, 1, 2, 8}, relevant{1, 2, 3};
  const double second = 1.0 / std::log2(3.0), places = 1.0 + second + 0.5 + 1.0 / std::log2(5.0);
  CHECK(ndcg_at(ranked, relevant, 4, ndcg_ideal::every_place) == Approx((second + 0.5) / places));
  CHECK(ndcg_at(ranked, relevant, whole_list, ndcg_ideal::every_place) == Approx((second + 0.5) / places));
  CHECK(ndcg_at(items{1, 2}, relevant, 2, ndcg_ideal::every_place) == 1.0);
  CHECK(ndcg_at(items{1}, items{1}, 4, ndcg_ideal::every_place) == Approx(1.0 / places));
  CHECK(ndcg_at(items{}, relevant, whole_list, ndcg_ideal::every_place) == 0.0);
  CHECK(average_precision(ranked, relevant, 2, precision_divisor::relevant) == Approx(0.5 / 3.0));
  CHECK(average_precision(ranked, relevant, 4, precision_divisor::relevant) ==
        average_precision(ranked, relevant, 4));
}

TEST_CASE("an item ranked twice is one hit, a relevant item named twice is one item") {
  CHECK(recall_at(items{1, 1, 1}, items{1, 2}, 3) == Approx(0.5));
  CHECK(precision_at(items{1, 1}, items{1}, 2) == Approx(0.5));
  CHECK(ndcg_at(items{1, 1}, items{1, 1}, 2) == Approx(1.0));
  CHECK(average_precision(items{1, 1}, items{1}) == Approx(1.0));
  CHECK(recall_at(items{1}, std::set<int>{1, 2}, 3) == Approx(0.5));
}

TEST_CASE("nothing ranked or nothing relevant is worth 0") {
  for (const auto& [ranked, relevant] : {std::pair<items, items>{{}, {1}}, {{1}, {}}, {{}, {}}}) {
    CHECK(recall_at(ranked, relevant, 5) == 0.0);
    CHECK(precision_at(ranked, relevant, 5) == 0.0);
    CHECK(precision_at(ranked, relevant, whole_list) == 0.0);
    CHECK(hit_at(ranked, relevant, 5) == 0.0);
    CHECK(ndcg_at(ranked, relevant, 5) == 0.0);
    CHECK(ndcg_at(ranked, relevant, whole_list) == 0.0);
    CHECK(reciprocal_rank(ranked, relevant) == 0.0);
    CHECK(average_precision(ranked, relevant) == 0.0);
  }
}

TEST_CASE("a cut of 0 is refused") {
  const items one{1};
  const auto says = Catch::Matchers::Contains("expected k > 0, got 0");
  CHECK_THROWS_WITH(recall_at(one, one, 0), says);
  CHECK_THROWS_WITH(precision_at(one, one, 0), says);
  CHECK_THROWS_WITH(hit_at(one, one, 0), says);
  CHECK_THROWS_WITH(ndcg_at(one, one, 0), says);
  CHECK_THROWS_WITH(reciprocal_rank(one, one, 0), says);
  CHECK_THROWS_WITH(average_precision(one, one, 0), says);
}

TEST_CASE("measures equal their sums over 0/1 gains on random rankings") {
  const auto seed = GENERATE(3u, 4u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 300; ++trial) {
    items ranked;
    for (const std::size_t item : rng.permutation(12)) ranked.push_back(static_cast<int>(item));
    ranked.resize(rng.below(13));
    items relevant;
    for (const std::size_t item : rng.permutation(15)) relevant.push_back(static_cast<int>(item));
    relevant.resize(1 + rng.below(10));
    const std::size_t k = 1 + rng.below(14);
    INFO("trial " << trial);

    std::vector<double> gain(k, 0.0);
    for (std::size_t i = 0; i < std::min(k, ranked.size()); ++i)
      gain[i] = std::ranges::find(relevant, ranked[i]) != relevant.end() ? 1.0 : 0.0;
    double hits = 0.0, dcg = 0.0, ideal = 0.0, precisions = 0.0, first = 0.0;
    for (std::size_t i = 0; i < k; ++i) {
      const double rank = static_cast<double>(i) + 1.0;
      hits += gain[i];
      dcg += gain[i] / std::log2(rank + 1.0);
      if (i < relevant.size()) ideal += 1.0 / std::log2(rank + 1.0);
      precisions += gain[i] * hits / rank;
      if (gain[i] > 0.0 && first == 0.0) first = 1.0 / rank;
    }
    CHECK(recall_at(ranked, relevant, k) == Approx(hits / static_cast<double>(relevant.size())));
    CHECK(precision_at(ranked, relevant, k) == Approx(hits / static_cast<double>(k)));
    CHECK(hit_at(ranked, relevant, k) == (hits > 0.0 ? 1.0 : 0.0));
    CHECK(ndcg_at(ranked, relevant, k) == Approx(dcg / ideal));
    CHECK(reciprocal_rank(ranked, relevant, k) == Approx(first));
    CHECK(average_precision(ranked, relevant, k) ==
          Approx(precisions / static_cast<double>(std::min(k, relevant.size()))));
  }
}
