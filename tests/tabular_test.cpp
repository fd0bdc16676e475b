// The tabular policy against its closed form: sampling frequencies, entropies, finite differences, plain
// descent.
#include <cmath>
#include <limits>

#include <recllm/tabular.hpp>
#include <recllm/tabular_critic.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

const std::vector<std::size_t> both{0, 1};

tabular_policy random_policy(std::uint64_t seed) {
  tabular_policy policy{{.prompts = 2, .length = 3, .items = 4}};
  random_stream rng(seed);
  for (double& logit : policy.logits().reshaped()) logit = rng.normal();
  return policy;
}

// log softmax of one cell, by the definition.
double log_probability(const token_matrix<double>& logits, std::size_t prompt, Eigen::Index place, int item) {
  double total = 0.0;
  const Eigen::Index row = static_cast<Eigen::Index>(prompt) * 3 + place;
  for (Eigen::Index j = 0; j < 4; ++j) total += std::exp(logits(row, j));
  return logits(row, item) - std::log(total);
}

// The gradient of `value`, a function of a table of logits.
template <class Value>
token_matrix<double> central_differences(const Value& value, const token_matrix<double>& logits) {
  token_matrix<double> gradient(logits.rows(), logits.cols());
  for (Eigen::Index i = 0; i < logits.rows(); ++i)
    for (Eigen::Index j = 0; j < logits.cols(); ++j) {
      token_matrix<double> up = logits, down = logits;
      up(i, j) += 1e-5;
      down(i, j) -= 1e-5;
      gradient(i, j) = (value(up) - value(down)) / 2e-5;
    }
  return gradient;
}

}  // namespace

TEST_CASE("a sampled batch has the shapes it promises") {
  const tabular_policy policy = random_policy(1);
  const tabular_rollouts r = policy.sample(both, 5, random_stream(2));
  REQUIRE(r.rows() == 10);
  CHECK(r.prompt == std::vector<std::size_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
  CHECK((r.mask == 1.0f).all());
  CHECK((r.log_probs == policy.log_probs(r, {0, 10})).all());
  for (std::size_t row = 0; row < 10; ++row)
    for (Eigen::Index t = 0; t < 3; ++t)
      CHECK(r.log_probs(static_cast<Eigen::Index>(row), t) ==
            Approx(log_probability(policy.logits(), r.prompt[row], t,
                                   r.completions[row][static_cast<std::size_t>(t)])));
  CHECK(policy.sample({}, 5, random_stream(2)).rows() == 0);
}

TEST_CASE("a row's draws depend on its number only") {
  const tabular_policy policy = random_policy(3);
  const tabular_rollouts few = policy.sample(std::span(both).first(1), 5, random_stream(4));
  const tabular_rollouts more = policy.sample(both, 5, random_stream(4));
  for (std::size_t row = 0; row < few.completions.size(); ++row)
    CHECK(few.completions[row] == more.completions[row]);
}

TEST_CASE("sampling follows the softmax") {
  const tabular_policy policy = random_policy(5);
  const tabular_rollouts r = policy.sample(both, 20000, random_stream(6));
  for (std::size_t prompt = 0; prompt < 2; ++prompt)
    for (Eigen::Index place = 0; place < 3; ++place) {
      std::vector<double> seen(4, 0.0);
      for (std::size_t row = prompt * 20000; row < (prompt + 1) * 20000; ++row)
        seen[static_cast<std::size_t>(r.completions[row][static_cast<std::size_t>(place)])] += 1.0 / 20000;
      for (int item = 0; item < 4; ++item) {
        const double expected = std::exp(log_probability(policy.logits(), prompt, place, item));
        CHECK(std::abs(seen[static_cast<std::size_t>(item)] - expected) <
              5 * std::sqrt(expected * (1 - expected) / 20000));
      }
    }
}

TEST_CASE("the gradient is the finite difference of the weighted log-probs") {
  for (const std::uint64_t seed : {7u, 8u, 9u}) {
    INFO("seed " << seed);
    tabular_policy policy = random_policy(seed);
    const tabular_rollouts r =
        policy.given(std::vector<std::size_t>{1, 0, 1}, {{3, 0, 2}, {1}, {3, 3, 1}});  // the second is short
    random_stream rng(seed + 100);
    token_matrix<float> slope(3, 3);
    for (float& s : slope.reshaped()) s = static_cast<float>(rng.normal());

    const auto value = [&](const token_matrix<double>& logits) {
      double sum = 0.0;
      for (std::size_t row = 0; row < 3; ++row)
        for (std::size_t t = 0; t < r.completions[row].size(); ++t)
          sum +=
              static_cast<double>(slope(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(t))) *
              log_probability(logits, r.answered[row], static_cast<Eigen::Index>(t), r.completions[row][t]);
      return sum;
    };
    const token_matrix<double> before = policy.logits();
    const token_matrix<double> expected = central_differences(value, before);

    // Two traces of one batch gather what one trace of all rows would.
    for (const row_block rows : {row_block{0, 2}, row_block{2, 1}})
      policy.trace(r, rows).backward(slope.middleRows(rows.first, rows.count));
    const double norm = policy.step({.learning_rate = 1.0, .max_grad_norm = 0.0});
    CHECK((before - policy.logits() - expected).abs().maxCoeff() < 1e-8);
    CHECK(norm == Approx(std::sqrt(expected.square().sum())));

    // The gradient was cleared: a second step moves nothing.
    const token_matrix<double> after = policy.logits();
    CHECK(policy.step({.learning_rate = 1.0}) == 0.0);
    CHECK((policy.logits() == after).all());
  }
}

TEST_CASE("entropies are those of the softmax") {
  tabular_policy policy{{.prompts = 1, .length = 2, .items = 4}};
  policy.logits()(1, 2) = 800.0;  // all the probability: entropy 0, not NaN
  const tabular_rollouts r = policy.given(std::vector<std::size_t>{0, 0}, {{0, 0}, {1}});
  const token_matrix<float> entropies = policy.trace(r, {0, 2}).entropies();
  CHECK(entropies(0, 0) == Approx(std::log(4.0)));
  CHECK(entropies(0, 1) == 0.0f);
  CHECK(entropies(1, 0) == Approx(std::log(4.0)));
  CHECK(entropies(1, 1) == 0.0f);  // past the end
}

TEST_CASE("the gradient of the entropies is their finite difference") {
  for (const std::uint64_t seed : {17u, 18u}) {
    INFO("seed " << seed);
    tabular_policy policy = random_policy(seed);
    const tabular_rollouts r = policy.given(both, {{3, 0, 2}, {1, 2, 0}});
    random_stream rng(seed + 100);
    token_matrix<float> slope(2, 3);
    for (float& s : slope.reshaped()) s = static_cast<float>(rng.normal());

    const auto value = [&](const token_matrix<double>& logits) {
      double sum = 0.0;
      for (std::size_t row = 0; row < 2; ++row)
        for (Eigen::Index place = 0; place < 3; ++place)
          for (int item = 0; item < 4; ++item) {
            const double log_prob = log_probability(logits, row, place, item);
            sum -= static_cast<double>(slope(static_cast<Eigen::Index>(row), place)) * std::exp(log_prob) *
                   log_prob;
          }
      return sum;
    };
    const token_matrix<double> before = policy.logits();
    const token_matrix<double> expected = central_differences(value, before);
    auto trace = policy.trace(r, {0, 2});
    trace.backward(token_matrix<float>(token_matrix<float>::Zero(2, 3)), slope);
    policy.step({.learning_rate = 1.0});
    CHECK((before - policy.logits() - expected).abs().maxCoeff() < 1e-8);
  }
}

TEST_CASE("clipping scales the step to the norm it allows") {
  tabular_policy policy{{.prompts = 1, .length = 1, .items = 2}};
  const tabular_rollouts r = policy.given(std::vector<std::size_t>{0}, {{1}});
  policy.trace(r, {0, 1}).backward(token_matrix<float>::Constant(1, 1, -8.0f));
  CHECK(policy.step({.learning_rate = 1.0, .max_grad_norm = 1.0}) == Approx(8.0 * std::sqrt(0.5)));
  CHECK(std::sqrt(policy.logits().square().sum()) == Approx(1.0));
  CHECK(policy.logits()(0, 1) > 0.0);
}

TEST_CASE("a gradient that is not finite is refused and forgotten") {
  tabular_policy policy = random_policy(10);
  const token_matrix<double> before = policy.logits();
  const tabular_rollouts r = policy.sample(both, 1, random_stream(11));
  policy.trace(r, {0, 2}).backward(
      token_matrix<float>::Constant(2, 3, std::numeric_limits<float>::infinity()));
  CHECK_THROWS_WITH(policy.step({}), Catch::Contains("tabular_policy: step: the gradient's norm is") &&
                                         Catch::Contains("the table is unchanged"));
  CHECK((policy.logits() == before).all());
  CHECK(policy.step({}) == 0.0);
}

TEST_CASE("a copy shares nothing") {
  tabular_policy policy = random_policy(12);
  const tabular_policy reference = policy;
  policy.logits()(0, 0) += 1.0;
  CHECK(reference.logits()(0, 0) == Approx(policy.logits()(0, 0) - 1.0));
}

TEST_CASE("a table refuses what is not in it") {
  using Catch::Contains;
  CHECK_THROWS_WITH((tabular_policy{{.prompts = 2, .length = 0, .items = 3}}),
                    Contains("expected sizes above 0, got 2 prompts, 0 places, 3 items"));
  const tabular_policy policy = random_policy(13);
  CHECK_THROWS_WITH(policy.sample(std::vector<std::size_t>{2}, 1, random_stream(0)),
                    Contains("prompt 2 is not in the table; expected 0 to 1"));
  CHECK_THROWS_WITH(policy.given(both, {{0, 1, 2}}),
                    Contains("expected a completion for each of 2 prompts, got 1"));
  CHECK_THROWS_WITH(policy.given(both, {{0}, {0, 1, 2, 3}}),
                    Contains("completion 1 has 4 items; the table has 3 places"));
  CHECK_THROWS_WITH(policy.given(both, {{0}, {0, 4}}), Contains("completion 1 has item 4; expected 0 to 3"));
  CHECK_THROWS_WITH(policy.given(both, {{-1}, {0}}), Contains("completion 0 has item -1; expected 0 to 3"));
}

TEST_CASE("the critic descends a squared error to its target, each cell by its own") {
  tabular_policy policy = random_policy(14);
  tabular_critic critic{{.prompts = 2, .length = 3, .items = 4}};
  const tabular_rollouts r = policy.given(both, {{0, 1, 2}, {3, 3}});
  token_matrix<float> target(2, 3);
  target << 1, 2, 3, 4, 5, 6;
  CHECK((critic.values(r, {0, 2}) == 0.0f).all());
  for (int step = 0; step < 60; ++step) {
    auto trace = critic.trace_values(r, {0, 2});
    trace.backward((trace.values() - target) * r.mask);
    critic.step({.learning_rate = 0.5});
  }
  const token_matrix<float> values = critic.values(r, {1, 1});
  CHECK(values(0, 0) == Approx(4.0f));
  CHECK(values(0, 1) == Approx(5.0f));
  CHECK(values(0, 2) == 0.0f);  // past the end

  critic.trace_values(r, {0, 2}).backward(
      token_matrix<float>::Constant(2, 3, std::numeric_limits<float>::quiet_NaN()));
  CHECK_THROWS_WITH(critic.step({}), Catch::Contains("tabular_critic: step: the gradient's norm is nan"));
  CHECK(critic.values(r, {1, 1})(0, 0) == Approx(4.0f));
}

TEST_CASE("a critic of other sizes than the policy is refused") {
  const tabular_policy policy = random_policy(15);
  const tabular_rollouts r = policy.sample(both, 1, random_stream(0));
  const tabular_critic few{{.prompts = 1, .length = 3}}, short_one{{.prompts = 2, .length = 2}};
  CHECK_THROWS_WITH(few.values(r, {1, 1}),
                    "recllm: tabular_critic: expected prompts below 1 and 3 places, got prompt 1 and 3 "
                    "places; give critic and "
                    "policy the same sizes");
  CHECK_THROWS_WITH(short_one.values(r, {0, 1}), Catch::Contains("2 places, got prompt 0 and 3 places"));
}
