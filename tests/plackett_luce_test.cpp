// The Plackett-Luce policy: probabilities of all lists by hand, gradients by finite differences.
#include <recllm/plackett_luce.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

token_matrix<double> random_matrix(Eigen::Index rows, Eigen::Index columns, random_stream rng) {
  token_matrix<double> m(rows, columns);
  for (double& x : m.reshaped()) x = rng.normal();
  return m;
}

// 3 prompts with 2 features, 5 items with 4.
plackett_luce_policy random_policy(std::uint64_t seed, std::size_t length = 3) {
  random_stream rng(seed);
  plackett_luce_policy policy({.prompt_features = random_matrix(3, 2, rng.split(0)),
                               .item_features = random_matrix(5, 4, rng.split(1)),
                               .length = length});
  policy.weights() = random_matrix(2, 4, rng.split(2));
  return policy;
}

// log of prod_t exp(s_t) / sum of those not placed before, by hand.
double log_probability(const plackett_luce_policy& policy, std::size_t prompt, const std::vector<int>& list) {
  const row_values<double> scores = policy.scores(prompt);
  double all = scores.exp().sum(), sum = 0.0;
  for (const int item : list) {
    sum += scores(item) - std::log(all);
    all -= std::exp(scores(item));
  }
  return sum;
}

}  // namespace

TEST_CASE("scores are bilinear, and the probabilities of all lists add up to one") {
  const plackett_luce_policy policy = random_policy(1);
  std::vector<std::size_t> prompts;
  std::vector<std::vector<int>> lists;
  for (int a = 0; a < 5; ++a)
    for (int b = 0; b < 5; ++b)
      for (int c = 0; c < 5; ++c)
        if (a != b && a != c && b != c) lists.push_back({a, b, c}), prompts.push_back(2);
  REQUIRE(lists.size() == 60);
  const tabular_rollouts r = policy.given(prompts, lists);
  const token_matrix<float> log_probs = policy.log_probs(r, {0, r.rows()});
  double total = 0.0;
  for (Eigen::Index row = 0; row < 60; ++row) {
    const double by_hand = log_probability(policy, 2, lists[static_cast<std::size_t>(row)]);
    CHECK(static_cast<double>(log_probs.row(row).sum()) == Approx(by_hand).margin(1e-5));
    total += std::exp(static_cast<double>(log_probs.row(row).sum()));
  }
  CHECK(total == Approx(1.0).epsilon(1e-5));

  plackett_luce_policy table({.prompt_features = one_hot(2), .item_features = one_hot(3), .length = 1});
  table.weights()(1, 2) = 4.0;
  CHECK(table.scores(1)(2) == 4.0);
  CHECK(table.scores(0).abs().maxCoeff() == 0.0);
}

TEST_CASE("samples follow the probabilities, and a row draws for itself alone") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  const plackett_luce_policy policy = random_policy(2, 2);
  const std::vector<std::size_t> prompts{0, 1};
  const tabular_rollouts r = policy.sample(prompts, 20000, random_stream(seed));
  std::map<std::pair<std::size_t, std::vector<int>>, double> seen;
  for (std::size_t row = 0; row < r.completions.size(); ++row)
    seen[{r.answered[row], r.completions[row]}] += 1.0;
  for (const auto& [what, count] : seen) {
    const double p = std::exp(log_probability(policy, what.first, what.second));
    CHECK(std::abs(count / 20000 - p) < 5.0 * std::sqrt(p * (1 - p) / 20000) + 1e-9);
  }
  CHECK((r.log_probs - policy.log_probs(r, {0, r.rows()})).abs().maxCoeff() == 0.0f);
  const tabular_rollouts few = policy.sample(std::vector<std::size_t>{0}, 5, random_stream(seed));
  for (std::size_t row = 0; row < 5; ++row) CHECK(few.completions[row] == r.completions[row]);
}

TEST_CASE("greedy lists are the scores' order") {
  const plackett_luce_policy policy = random_policy(3, 5);
  const tabular_rollouts r = policy.greedy(std::vector<std::size_t>{2, 0});
  for (std::size_t row = 0; row < 2; ++row) {
    const row_values<double> scores = policy.scores(r.answered[row]);
    std::vector<int> order(5);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, std::greater<>{}, [&](int item) { return scores(item); });
    CHECK(r.completions[row] == order);
  }
}

TEST_CASE("the pullbacks of log-probs and entropies are finite differences, for every split") {
  const std::uint64_t seed = 7;
  INFO("seed " << seed);
  plackett_luce_policy policy = random_policy(4);
  const std::vector<std::size_t> prompts{0, 2, 1, 1};
  const tabular_rollouts r = policy.given(prompts, {{0, 1, 2}, {4}, {}, {3, 0}});
  const token_matrix<float> slopes = random_matrix(4, 3, random_stream(seed)).cast<float>(),
                            entropy_slopes = random_matrix(4, 3, random_stream(seed + 1)).cast<float>();
  const auto value = [&](const plackett_luce_policy& of) {
    double sum = 0.0;
    for (Eigen::Index row = 0; row < 4; ++row) {
      row_values<double> left = of.scores(prompts[static_cast<std::size_t>(row)]);
      const std::vector<int>& list = r.completions[static_cast<std::size_t>(row)];
      std::vector<bool> placed(5, false);
      for (std::size_t t = 0; t < list.size(); ++t) {
        double all = 0.0, entropy = 0.0;
        for (int i = 0; i < 5; ++i) all += placed[static_cast<std::size_t>(i)] ? 0.0 : std::exp(left(i));
        for (int i = 0; i < 5; ++i)
          if (!placed[static_cast<std::size_t>(i)])
            entropy -= std::exp(left(i)) / all * (left(i) - std::log(all));
        const auto column = static_cast<Eigen::Index>(t);
        sum += static_cast<double>(slopes(row, column)) * (left(list[t]) - std::log(all)) +
               static_cast<double>(entropy_slopes(row, column)) * entropy;
        placed[static_cast<std::size_t>(list[t])] = true;
      }
    }
    return sum;
  };
  token_matrix<double> expected(2, 4);
  for (Eigen::Index i = 0; i < 8; ++i) {
    plackett_luce_policy up = policy, down = policy;
    up.weights().data()[i] += 1e-5;
    down.weights().data()[i] -= 1e-5;
    expected.data()[i] = (value(up) - value(down)) / 2e-5;
  }
  const token_matrix<double> before = policy.weights();
  for (const Eigen::Index at_once : {4, 1}) {
    policy.weights() = before;
    for (Eigen::Index first = 0; first < 4; first += at_once) {
      auto trace = policy.trace(r, {first, at_once});
      trace.backward(slopes.middleRows(first, at_once), entropy_slopes.middleRows(first, at_once));
    }
    const double norm = policy.step({.learning_rate = 1.0});
    CHECK((before - policy.weights() - expected).abs().maxCoeff() < 1e-6);
    CHECK(norm == Approx(std::sqrt(expected.square().sum())));
  }
}

TEST_CASE("weights are blended") {
  plackett_luce_policy policy = random_policy(5);
  const plackett_luce_policy other = random_policy(6);
  const token_matrix<double> expected = 0.3 * other.weights() + 0.7 * policy.weights();
  policy.blend(other, 0.3);
  CHECK((policy.weights() - expected).abs().maxCoeff() < 1e-12);
}

TEST_CASE("a Plackett-Luce policy says what is wrong") {
  const token_matrix<double> none(0, 0);
  CHECK_THROWS_WITH(plackett_luce_policy({.prompt_features = none, .item_features = one_hot(2)}),
                    Contains("expected features of at least one prompt and one item, got 0 x 0 and 2 x 2"));
  CHECK_THROWS_WITH(
      plackett_luce_policy({.prompt_features = one_hot(1), .item_features = one_hot(2), .length = 3}),
      Contains("length = 3; expected 1 to the number of items, 2"));
  const plackett_luce_policy policy = random_policy(1);
  const std::vector<std::size_t> one{0}, missing{3};
  CHECK_THROWS_WITH(policy.sample(missing, 1, random_stream(1)),
                    Contains("prompt 3 is not there; expected 0 to 2"));
  CHECK_THROWS_WITH(policy.given(one, {{0}, {1}}), Contains("each of 1 prompts, got 2"));
  CHECK_THROWS_WITH(policy.given(one, {{0, 1, 0}}), Contains("completion 0 has item 0 twice"));
  CHECK_THROWS_WITH(policy.given(one, {{5}}), Contains("item 5; expected 0 to 4"));
  CHECK_THROWS_WITH(policy.given(one, {{0, 1, 2, 3}}), Contains("has 4 items; there are 3 places"));
}
