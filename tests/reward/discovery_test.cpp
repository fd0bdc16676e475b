// Discovery and business terms: the measures of the same name, on prompts and columns.
#include <recllm/reward/discovery.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;
using items = std::vector<int>;

namespace {

struct sample {
  items next, popular;
};
const sample prompt{{1, 2}, {1, 9}};

template <class Goal>
double value(const Goal& goal, const items& list) {
  return reward::evaluate(goal, prompt, list);
}

}  // namespace

TEST_CASE("discovery terms are the measures of the same name") {
  const items list{1, 2, 3};
  const auto share = [](int item) { return item == 1 ? 0.5 : 0.25; };
  const auto topic = [](int item) { return item % 2; };
  CHECK(value(reward::unexpectedness(&sample::popular), list) == Approx(2.0 / 3.0));
  CHECK(value(reward::serendipity(&sample::next, &sample::popular), list) == Approx(1.0 / 3.0));
  CHECK(value(reward::miuf(share), list) == Approx((1.0 + 2.0 + 2.0) / 3.0));
  CHECK(value(reward::epc(share), list) == Approx(measure::expected_popularity_complement(list, share)));
  CHECK(value(reward::efd(share), list) == Approx(measure::expected_free_discovery(list, share)));
  CHECK(value(reward::alpha_ndcg(&sample::next, topic), list) == Approx(1.0));
  CHECK(value(reward::kendall_tau(&sample::next), items{2, 1}) == -1.0);
  CHECK(value(reward::rouge_w(&sample::next), items{1, 2}) == Approx(1.0));
}

TEST_CASE("utility, freshness and quotas read the catalogue's columns") {
  const double second = 1.0 / std::log2(3.0);
  const auto goal = 0.5 * reward::utility([](int item) { return item; }).named("margin") +
                    reward::freshness([](int item) { return 7.0 * item; }, 7.0);
  CHECK(value(goal, items{1, 2}) ==
        Approx((0.5 * (1.0 + second * 2.0) + 0.5 + second * 0.25) / (1.0 + second)));
  const auto seller = [](int item) { return std::string(item < 5 ? "a" : "b"); };
  CHECK(value(reward::over_quota(seller, 2), items{1, 2, 7, 3, 4}) == Approx(0.4));
  CHECK(value(reward::over_quota(seller, 0), items{1, 7}) == 1.0);
  CHECK(value(reward::over_quota(seller, 3), items{1, 2, 3}) == 0.0);
  CHECK(value(reward::over_quota(seller, 1), items{}) == 0.0);
  CHECK(value(goal, items{}) == 0.0);
  CHECK_THROWS_WITH(reward::freshness([](int) { return 1.0; }, 0.0),
                    Catch::Matchers::Contains("recllm: freshness: expected half_life > 0, got 0"));
}
