// The critic's loss against torch and finite differences.
#include <limits>

#include <recllm/objective/critic.hpp>
#include <recllm/objective/weights.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("the critic's loss equals torch 2.13 (clamp, max, autograd) in double") {
  const matrix mask = rows_of({{1, 1, 1}, {1, 1, 0}}), weights = mask / 5.0;
  const matrix values = rows_of({{0.5, 1.0, -0.4}, {0.0, 0.9, 0.0}}),
               old = rows_of({{0.4, 0.5, 0.0}, {0.1, 0.8, 0.0}});
  const matrix returns = rows_of({{1.0, 0.2, -0.6}, {0.4, 1.5, 0.0}});
  const value_evaluation<double> e = value_loss(value_batch<double>{values, old, returns, weights}, 0.2);
  CHECK(e.loss == Approx(0.157).epsilon(1e-14));
  CHECK(relative_error(e.dloss_dvalues, rows_of({{-0.1, 0.16, 0.0}, {-0.08, -0.12, 0.0}})) < 1e-14);
  CHECK(e.clipped == 1.0);
  const value_evaluation<double> plain = value_loss(value_batch<double>{values, old, returns, weights});
  CHECK(relative_error(plain.dloss_dvalues, weights * (values - returns)) < 1e-14);
  CHECK(plain.loss == Approx((weights * (values - returns).square()).sum() / 2.0));
  CHECK(plain.clipped == 0.0);
}

TEST_CASE("the critic's slope equals finite differences, and NaN shows wherever it comes in") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    // Away from the kinks: changes of 0.2 or 0.9 against a range of 0.5, errors of 0.05 or 0.6.
    random_stream rng(seed);
    const matrix values = random_batch(seed).log_probs, mask = random_batch(seed).mask,
                 weights = token_weights(mask, normalisation::per_token);
    matrix old = values, returns = values;
    const auto either = [&](double a, double b) {
      return (rng.uniform() < 0.5 ? -1.0 : 1.0) * ((rng.uniform() < 0.5 ? a : b) + 0.04 * rng.uniform());
    };
    for (double& x : old.reshaped()) x += either(0.2, 0.9);
    for (double& x : returns.reshaped()) x += either(0.05, 0.6);
    for (const std::optional<double> range : {std::optional<double>(), std::optional<double>(0.5)}) {
      const auto loss = [&](const matrix& x) {
        return value_loss(value_batch<double>{x, old, returns, weights}, range);
      };
      const matrix numeric = numeric_gradient([&](const matrix& x) { return loss(x).loss; }, values);
      CHECK(relative_error(loss(values).dloss_dvalues, numeric) < 1e-8);
    }
  }
  const matrix one = matrix::Ones(1, 1), bad = one * std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(value_loss(value_batch<double>{bad, one, one, one}, 0.2).loss));
  CHECK(std::isnan(value_loss(value_batch<double>{one, bad, one, one}, 0.2).loss));
  CHECK(std::isnan(value_loss(value_batch<double>{one, one, bad, one}, 0.2).loss));
  CHECK(value_loss(value_batch<double>{bad, bad, bad, one * 0.0}, 0.2).loss == 0.0);
}

TEST_CASE("value_loss says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix one = matrix::Ones(1, 1), none(0, 0);
  CHECK_THROWS_WITH(value_loss(value_batch<double>{one, one, one, one}, -1.0),
                    Contains("the clip range must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(value_loss(value_batch<double>{one, one, none, one}),
                    Contains("values are 1 x 1, but old_values, returns or weights are 0 x 0"));
}
