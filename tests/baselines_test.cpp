#include <recllm/baselines.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

const std::vector<std::vector<std::size_t>> sequences{{0, 1, 2}, {1, 2}, {0, 2, 1}, {}};

}  // namespace

TEST_CASE("popularity is the share of interactions") {
  popularity model{4};
  CHECK(model.scores() == std::vector<double>{0, 0, 0, 0});
  model.fit(sequences);
  CHECK(model.scores() == std::vector<double>{2.0 / 8, 3.0 / 8, 3.0 / 8, 0});
  CHECK(model.counts()[1] == 3);
  model.fit(std::vector<std::vector<std::size_t>>{{3}});  // forgets what it knew
  CHECK(model.scores() == std::vector<double>{0, 0, 0, 1});
  CHECK_THROWS_WITH(model.fit(std::vector<std::vector<std::size_t>>{{4}}),
                    "recllm: popularity::fit: item 4 is not in the catalogue of 4 items, numbered from 0");
  CHECK_THROWS_WITH(model.scores(std::vector<std::size_t>{9}),
                    "recllm: popularity::scores: item 9 is not in the catalogue of 4 items, numbered from 0");
}

TEST_CASE("a refused fit leaves the model as it was") {
  popularity model{2};
  model.fit(std::vector<std::vector<std::size_t>>{{1}});
  CHECK_THROWS(model.fit(std::vector<std::vector<std::size_t>>{{0}, {2}}));
  CHECK(model.scores() == std::vector<double>{0, 1});
}

TEST_CASE("the Markov chain counts transitions from the last item, popularity breaks ties") {
  markov_chain model{4};
  model.fit(sequences);
  // After 1: twice 2. After 0: once 1, once 2.
  CHECK(model.scores(std::vector<std::size_t>{0, 1}) ==
        std::vector<double>{1.0 / 8, 1.5 / 8, 2 + 1.5 / 8, 0});
  CHECK(model.scores(std::vector<std::size_t>{2, 0}) ==
        std::vector<double>{1.0 / 8, 1 + 1.5 / 8, 1 + 1.5 / 8, 0});
  CHECK(model.scores(std::vector<std::size_t>{3}) == std::vector<double>{1.0 / 8, 1.5 / 8, 1.5 / 8, 0});
  CHECK(model.scores({}) == std::vector<double>{1.0 / 8, 1.5 / 8, 1.5 / 8, 0});
  CHECK(model.count(1, 2) == 2);
  CHECK(model.count(2, 1) == 1);
  CHECK(model.count(1, 0) == 0);
  CHECK_THROWS(model.count(0, 4));
  const std::vector<std::vector<std::size_t>> only_popular(50, std::vector<std::size_t>{3});
  std::vector<std::vector<std::size_t>> mixed = only_popular;
  mixed.push_back({0, 1});
  model.fit(mixed);  // one transition beats any popularity
  CHECK(model.scores(std::vector<std::size_t>{0})[1] > model.scores(std::vector<std::size_t>{0})[3]);
}

TEST_CASE("sequence kNN is the formula of its header") {
  // One sequence 0 1 2: G[0,1] = G[1,2] = 1, G[0,2] = 0.8; backwards 0.7 of it.
  sequence_knn model{4, {.smoothing = 1.0}};
  model.fit(std::vector<std::vector<std::size_t>>{{0, 1, 2}});
  const double pair = std::pow(2.0 * 2.0, -0.25);
  const std::vector<double> last = model.scores(std::vector<std::size_t>{1});
  CHECK(last[0] == Approx(0.7 * pair));
  CHECK(last[1] == 0);
  CHECK(last[2] == Approx(1.0 * pair));
  CHECK(last[3] == 0);
  const std::vector<double> both = model.scores(std::vector<std::size_t>{0, 1});
  CHECK(both[0] == Approx(0.7 * pair));
  CHECK(both[1] == Approx(0.7 * pair));  // second last item: weight 0.7, G[0,1] = 1
  CHECK(both[2] == Approx((1.0 + 0.7 * 0.8) * pair));
}

TEST_CASE("sequence kNN divides by damped counts of both items") {
  sequence_knn model{3, {.damping = 0.5, .smoothing = 0.1}};
  model.fit(std::vector<std::vector<std::size_t>>{{0, 1}, {1}, {1}, {2}});
  CHECK(model.scores(std::vector<std::size_t>{0})[1] == Approx(1.0 / std::sqrt(1.1 * 3.1)));
}

TEST_CASE("sequence kNN looks no further than its window and its last items") {
  sequence_knn model{4, {.window = 1, .last_items = 1}};
  model.fit(std::vector<std::vector<std::size_t>>{{0, 1, 2, 3}});
  CHECK(model.scores(std::vector<std::size_t>{0})[2] == 0);
  CHECK(model.scores(std::vector<std::size_t>{0})[1] > 0);
  CHECK(model.scores(std::vector<std::size_t>{0, 3}) == model.scores(std::vector<std::size_t>{3}));
}

TEST_CASE("sequence kNN falls back on popularity and refuses a zero divisor") {
  sequence_knn model{4};
  model.fit(sequences);
  CHECK(model.scores({}) == std::vector<double>{2.0 / 8, 3.0 / 8, 3.0 / 8, 0});
  CHECK_THROWS_WITH((sequence_knn{4, {.smoothing = 0}}),
                    "recllm: sequence_knn: smoothing is 0; expected > 0");
  CHECK_THROWS_WITH(model.scores(std::vector<std::size_t>{4}),
                    Catch::Matchers::Contains("item 4 is not in the"));
}

TEST_CASE("transitions: evidence is that of the formula, by hand") {
  transition_prior model{4};
  model.fit(std::vector<std::vector<std::size_t>>{{0, 1, 2}, {0, 1}});
  // M[0,1] = 2, M[0,2] = .85, M[1,2] = 1, and .3 of each back.
  const double from0 = 2.85, to1 = 2.0 + 0.3, from1 = 1.6, to2 = 1.85;
  const auto damped = [](double m, double from, double to) {
    return m / std::pow(from, 0.85) / std::pow(to, 0.15);
  };
  const auto of0 = model.evidence(std::vector<std::size_t>{0});
  REQUIRE(of0.size() == 2);
  CHECK(of0[0].first == 1);
  CHECK(of0[0].second == Approx(std::log1p(damped(2.0, from0, to1) / 1e-3)));
  CHECK(of0[1].first == 2);
  CHECK(of0[1].second == Approx(std::log1p(damped(0.85, from0, to2) / 1e-3)));

  // 0 then 1: 1 is the last item, 0 counts .6; neither is named again.
  const auto of01 = model.evidence(std::vector<std::size_t>{0, 1});
  REQUIRE(of01.size() == 1);
  CHECK(of01[0].first == 2);
  CHECK(of01[0].second ==
        Approx(std::log1p((damped(1.0, from1, to2) + 0.6 * damped(0.85, from0, to2)) / 1e-3)));
}

TEST_CASE("transitions: scores are the evidence, ties by popularity, and little evidence is none") {
  transition_prior model{4};
  model.fit(std::vector<std::vector<std::size_t>>{{0, 1}, {3}, {3}, {2}});
  const std::vector<double> scores = model.scores(std::vector<std::size_t>{0});
  CHECK(scores[1] > 1.0);
  CHECK(scores[3] > scores[2]);
  CHECK(scores[3] < 1e-5);
  CHECK(model.evidence({}).empty());
  transition_prior strict{4, {.least = 10.0}};
  strict.fit(std::vector<std::vector<std::size_t>>{{0, 1}});
  CHECK(strict.evidence(std::vector<std::size_t>{0}).empty());
  CHECK_THROWS_WITH((transition_prior{4, {.scale = 0}}),
                    "recllm: transition_prior: scale is 0; expected > 0");
  CHECK_THROWS_WITH(model.evidence(std::vector<std::size_t>{4}),
                    Catch::Matchers::Contains("item 4 is not in the"));
}
