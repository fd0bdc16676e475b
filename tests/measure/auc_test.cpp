// AUC by hand, against counting every pair, and a figure of scikit-learn's documentation.
#include <recllm/measure/auc.hpp>

#include <limits>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using scores = std::vector<double>;

TEST_CASE("AUC by hand") {
  CHECK(auc(scores{0.35, 0.8}, scores{0.1, 0.4}) == 0.75);  // the example of sklearn.metrics.roc_auc_score
  CHECK(auc(scores{2}, scores{1, 0}) == 1.0);
  CHECK(auc(scores{0}, scores{1, 2}) == 0.0);
  CHECK(auc(scores{1}, scores{1}) == 0.5);
  CHECK(auc(std::vector<float>{1}, std::vector<int>{0, 1, 2, 2}) == Approx(1.5 / 4));
  constexpr double inf = std::numeric_limits<double>::infinity();
  CHECK(auc(scores{inf, -inf}, scores{0, -inf}) == Approx(2.5 / 4));
}

TEST_CASE("AUC is the share of pairs won, ties half") {
  constexpr std::uint64_t seed = 31;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    scores relevant(1 + rng.below(trial % 2 == 0 ? 9 : 90)), others(1 + rng.below(20));
    for (double& score : relevant) score = static_cast<double>(rng.below(6));
    for (double& score : others) score = static_cast<double>(rng.below(6));
    double won = 0.0;
    for (const double one : relevant)
      for (const double other : others) won += one > other ? 1.0 : one == other ? 0.5 : 0.0;
    CHECK(auc(relevant, others) ==
          Approx(won / static_cast<double>(relevant.size() * others.size())).epsilon(1e-15));
  }
}

TEST_CASE("without a pair or with NaN there is no AUC") {
  const scores none, one{1}, odd{std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_WITH(auc(none, one), "recllm: auc: expected at least one relevant score, got none");
  CHECK_THROWS_WITH(auc(one, none),
                    "recllm: auc: expected at least one score that is not relevant, got none");
  CHECK_THROWS_WITH(auc(odd, one), "recllm: auc: a relevant score is not a number");
  CHECK_THROWS_WITH(auc(one, odd), "recllm: auc: a score is not a number");
}
