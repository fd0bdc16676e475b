// Soft recall and NDCG: equal to the hard ones for 0/1 similarities, by hand, and against every assignment.
#include <recllm/measure/soft_match.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/ranking.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;

using items = std::vector<int>;

TEST_CASE("a part of a match counts in part, no target twice") {
  // 1 and 2 are half like 9; 3 is 0.25 like 9 and 0.75 like 8.
  const auto like = [](int item, int target) {
    if (item == target) return 1.0;
    if (item == 3) return target == 9 ? 0.25 : 0.75;
    return target == 9 ? 0.5 : 0.0;
  };
  CHECK(soft_recall_at(items{1}, items{9}, 1, like) == 0.5);
  CHECK(soft_recall_at(items{1, 2}, items{9}, 2, like) == 0.5);
  CHECK(soft_recall_at(items{1, 1}, items{9, 8}, 2, like) == 0.25);
  CHECK(soft_recall_at(items{3, 1}, items{9, 8}, 2, like) == 0.625);  // 3 to 8, 1 to 9
  CHECK(soft_recall_at(items{3, 9}, items{9, 8, 9}, 2, like) == 0.875);
  CHECK(soft_recall_at(items{1, 9}, items{9}, 1, like) == 0.5);
  const double second = 1 / std::log2(3.0);
  CHECK(soft_ndcg_at(items{3, 1}, items{9, 8}, 2, like) == Approx((0.75 + 0.5 * second) / (1 + second)));
  CHECK(soft_ndcg_at(items{1, 9}, items{9}, 2, like) == Approx(second));  // the better of 0.5 and 1 / log2(3)
  CHECK(soft_ndcg_at(items{9, 8}, items{8, 9}, whole_list, like) == 1.0);
}

TEST_CASE("nothing ranked, nothing relevant") {
  const auto same = [](int a, int b) { return a == b ? 1.0 : 0.0; };
  CHECK(soft_recall_at(items{}, items{1}, 3, same) == 0.0);
  CHECK(soft_recall_at(items{1}, items{}, 3, same) == 0.0);
  CHECK(soft_ndcg_at(items{}, items{1}, 3, same) == 0.0);
  CHECK(soft_ndcg_at(items{1}, items{}, 3, same) == 0.0);
  CHECK_THROWS_WITH(soft_recall_at(items{1}, items{1}, 0, same), Contains("expected k > 0, got 0"));
  CHECK_THROWS_WITH(soft_recall_at(items{1}, items{1}, 1, [](int, int) { return 1.5; }),
                    "recllm: soft matches: expected similarities in [0, 1], got 1.5");
  CHECK_THROWS_WITH(
      soft_ndcg_at(items{1}, items{1}, 1, [](int, int) { return std::numeric_limits<double>::quiet_NaN(); }),
      Contains("expected similarities in [0, 1]"));
}

TEST_CASE("soft measures are the hard ones for equality, and the best assignment's for any similarity") {
  const auto seed = GENERATE(71u, 72u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 150; ++trial) {
    items ranked(rng.below(6)), relevant(1 + rng.below(5));
    for (int& item : ranked) item = static_cast<int>(rng.below(8));
    for (int& item : relevant) item = static_cast<int>(rng.below(8));
    const std::size_t k = 1 + rng.below(6);
    const auto same = [](int a, int b) { return a == b ? 1.0 : 0.0; };
    CHECK(soft_recall_at(ranked, relevant, k, same) == Approx(recall_at(ranked, relevant, k)));
    CHECK(soft_ndcg_at(ranked, relevant, k, same) == Approx(ndcg_at(ranked, relevant, k)));

    std::vector<double> table(64);
    for (double& one : table) one = rng.uniform();
    const auto like = [&](int a, int b) { return table[static_cast<std::size_t>(8 * a + b)]; };
    items targets;
    for (const int item : relevant)
      if (std::ranges::find(targets, item) == targets.end()) targets.push_back(item);
    // Every assignment: the places in any order, the targets' number of them taken; a place may stay out.
    std::vector<std::size_t> order(k);
    std::iota(order.begin(), order.end(), std::size_t{0});
    double recall = 0.0, gain = 0.0, ideal = 0.0;
    do {
      double sum = 0.0, discounted = 0.0;
      for (std::size_t t = 0; t < std::min(k, targets.size()); ++t) {
        const std::size_t place = order[t];
        if (place >= ranked.size() || repeated_at(ranked, place)) continue;
        sum += like(ranked[place], targets[t]);
        discounted += like(ranked[place], targets[t]) / std::log2(static_cast<double>(place) + 2.0);
      }
      recall = std::max(recall, sum);
      gain = std::max(gain, discounted);
    } while (std::ranges::next_permutation(order).found);
    if (targets.size() > k) continue;  // then targets would have to stay out, too
    for (std::size_t i = 0; i < targets.size(); ++i) ideal += 1 / std::log2(static_cast<double>(i) + 2.0);
    CHECK(soft_recall_at(ranked, relevant, k, like) == Approx(recall / static_cast<double>(targets.size())));
    CHECK(soft_ndcg_at(ranked, relevant, k, like) == Approx(gain / ideal));
  }
}

TEST_CASE("similarities of attributes and of embeddings") {
  const std::vector<std::vector<std::string>> topics{{"war", "drama"}, {"war"}, {}, {}};
  const auto attributes = attribute_similarity([&](std::size_t item) { return topics[item]; });
  CHECK(attributes(std::size_t{0}, std::size_t{1}) == 0.5);
  CHECK(attributes(std::size_t{0}, std::size_t{0}) == 1.0);
  CHECK(attributes(std::size_t{0}, std::size_t{2}) == 0.0);
  CHECK(attributes(std::size_t{2}, std::size_t{2}) == 1.0);
  CHECK(attributes(std::size_t{2}, std::size_t{3}) == 0.0);  // nothing known of either: not alike

  const std::vector<std::vector<float>> vectors{{3, 4}, {4, 3}, {-3, -4}, {0, 0}, {1}};
  const auto cosine = embedding_similarity([&](std::size_t item) { return std::span(vectors[item]); });
  CHECK(cosine(std::size_t{0}, std::size_t{1}) == Approx(24.0 / 25.0));
  CHECK(cosine(std::size_t{0}, std::size_t{2}) == 0.0);
  CHECK(cosine(std::size_t{0}, std::size_t{3}) == 0.0);
  CHECK(cosine(std::size_t{3}, std::size_t{3}) == 1.0);
  CHECK_THROWS_WITH(cosine(std::size_t{0}, std::size_t{4}),
                    "recllm: embedding_similarity: expected embeddings of one length, got 2 and 1");
  CHECK(soft_recall_at(std::vector<std::size_t>{1}, std::vector<std::size_t>{0}, 1, attributes) == 0.5);
}
