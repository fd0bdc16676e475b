// Correction for another sampler's log-probs, by hand.
#include <recllm/objective/importance.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

// ratios 2, 4, 1/4 and 1, 3; the last of row 1 is masked, the last row has no tokens
const matrix mask = rows_of({{1, 1, 1}, {1, 1, 0}, {0, 0, 0}}),
             old = rows_of({{2, 4, 0.25}, {1, 3, 1}, {1, 1, 1}}).log();
const matrix rollout = rows_of({{0, 0, 0}, {0, 0, -1e308}, {std::nan(""), 0, 0}});

matrix weights_of(const importance_options& how) {
  return importance_weights<double>(rollout, old, mask, how);
}

bool equals(const matrix& a, const matrix& b) { return (a - b).abs().maxCoeff() < 1e-14; }

}  // namespace

TEST_CASE("ratios are truncated or masked, by token or by completion") {
  CHECK(equals(weights_of({.cap = 3.0}), rows_of({{2, 3, 0.25}, {1, 3, 0}, {0, 0, 0}})));
  CHECK(equals(weights_of({.bound = importance_bound::mask, .cap = 3.5, .floor = 0.5}),
               rows_of({{2, 0, 0}, {1, 3, 0}, {0, 0, 0}})));
  CHECK(equals(weights_of({.cap = 3.0, .floor = 0.5}), rows_of({{2, 3, 0.5}, {1, 3, 0}, {0, 0, 0}})));
  const importance_level whole = importance_level::sequence;
  CHECK(equals(weights_of({.level = whole, .cap = 2.5}), rows_of({{2, 2, 2}, {2.5, 2.5, 0}, {0, 0, 0}})));
  CHECK(equals(weights_of({.level = whole, .bound = importance_bound::mask, .cap = 2.5}),
               rows_of({{2, 2, 2}, {0, 0, 0}, {0, 0, 0}})));
  CHECK(equals(
      weights_of({.level = whole, .cap = 9, .sequence = sequence_ratio::geometric_mean}),
      rows_of({{std::cbrt(2), std::cbrt(2), std::cbrt(2)}, {std::sqrt(3), std::sqrt(3), 0}, {0, 0, 0}})));
  CHECK(equals(weights_of({.cap = 9, .log_ratio_limit = std::log(2.0)}),
               rows_of({{2, 2, 0.5}, {1, 2, 0}, {0, 0, 0}})));
}

TEST_CASE("a ratio on the cap is inside; NaN shows") {
  const matrix one = matrix::Ones(1, 1), log_two = one * std::log(2.0), none = one * 0.0;
  const double two = std::exp(std::log(2.0));
  CHECK(importance_weights<double>(none, log_two, one, {.bound = importance_bound::mask, .cap = two})(0, 0) ==
        two);
  for (const importance_bound bound : {importance_bound::truncate, importance_bound::mask})
    CHECK(std::isnan(importance_weights<double>(none, one * std::nan(""), one, {.bound = bound})(0, 0)));
}

TEST_CASE("importance_weights says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix two = matrix::Ones(1, 2);
  CHECK_THROWS_WITH(importance_weights<double>(rollout, two, mask),
                    Contains("must be 3 x 3 as the mask, but one is 1 x 2"));
  CHECK_THROWS_WITH(weights_of({.cap = 0.0}), Contains("expected cap > 0, floor in [0, cap]"));
  CHECK_THROWS_WITH(weights_of({.cap = 1.0, .floor = 2.0}), Contains("got 1, 2"));
}
