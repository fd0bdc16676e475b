// alpha-NDCG: by hand, its limits at alpha 0 and 1, and the greedy ideal.
#include <recllm/measure/alpha_ndcg.hpp>

#include <cmath>
#include <vector>

#include <recllm/measure/ranking.hpp>

#include "support/catch.hpp"

using namespace recllm::measure;
using items = std::vector<int>;

namespace {

const auto one_topic = [](int item) { return items{item % 2}; };
const auto two_topics = [](int item) { return items{item % 2, 10 + item % 3}; };

}  // namespace

TEST_CASE("a repeated topic is worth less each time") {
  const items relevant{0, 2, 1, 4};  // topics 0, 0, 1, 0
  const double second = 1.0 / std::log2(3.0), third = 0.5, fourth = 1.0 / std::log2(5.0);
  const double ideal = 1.0 + second + 0.5 * third + 0.25 * fourth;
  CHECK(alpha_ndcg_at(items{0, 2, 1, 4}, relevant, one_topic, whole_list) ==
        Approx((1.0 + 0.5 * second + third + 0.25 * fourth) / ideal));
  CHECK(alpha_ndcg_at(items{0, 1, 2, 4}, relevant, one_topic, whole_list) == Approx(1.0));
  CHECK(alpha_ndcg_at(items{9, 0, 0, 1}, relevant, one_topic, whole_list) ==
        Approx((second + fourth) / ideal));
  CHECK(alpha_ndcg_at(items{0, 2}, relevant, one_topic, 2) == Approx((1.0 + 0.5 * second) / (1.0 + second)));
  // At alpha 1 a topic counts once.
  CHECK(alpha_ndcg_at(items{0, 2, 4, 1}, relevant, one_topic, whole_list, 1.0) ==
        Approx((1.0 + fourth) / (1.0 + second)));
}

TEST_CASE("alpha 0 and one topic an item are NDCG") {
  const items ranked{5, 1, 7, 2, 9}, relevant{1, 9, 3};
  for (const std::size_t k : {1u, 2u, 5u, 10u})
    CHECK(alpha_ndcg_at(ranked, relevant, one_topic, k, 0.0) == Approx(ndcg_at(ranked, relevant, k)));
}

TEST_CASE("several topics add up; nothing relevant is 0") {
  CHECK(alpha_ndcg_at(items{1, 2}, items{1, 2}, two_topics, 2) == Approx(1.0));  // topics {1, 11}, {0, 12}
  CHECK(alpha_ndcg_at(items{1, 2}, items{}, two_topics, 2) == 0.0);
  CHECK(alpha_ndcg_at(items{}, items{1}, two_topics, 2) == 0.0);
  CHECK_THROWS_WITH(alpha_ndcg_at(items{1}, items{1}, two_topics, 1, 1.5),
                    Catch::Matchers::Contains("expected alpha in [0, 1], got 1.5"));
  CHECK_THROWS_WITH(alpha_ndcg_at(items{1}, items{1}, two_topics, 0),
                    Catch::Matchers::Contains("expected k > 0"));
}
