// Per-token terms: they add up, scale, and are weighed without hiding anything.
#include <limits>

#include <recllm/objective/terms.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const matrix one = matrix::Ones(1, 1);

}  // namespace

TEST_CASE("terms add up and scale") {
  token_term<double> term{one * 1.0, one * 2.0};
  term += 3.0 * token_term<double>{one * 4.0, one * 5.0};
  CHECK(term.value(0, 0) == 13.0);
  CHECK(term.slope(0, 0) == 17.0);
}

TEST_CASE("what has no weight adds exactly nothing, not even infinity or NaN; what has, shows it") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const token_term<double> term{rows_of({{1.0, inf, nan}}), rows_of({{2.0, nan, inf}})};
  const matrix any = matrix::Zero(1, 3);
  const auto weighted = [&](const matrix& weights) {
    return weighted_sum(term, token_batch<double>{any, any, any, any, weights});
  };
  const evaluation<double> first = weighted(rows_of({{0.5, 0.0, 0.0}}));
  CHECK(first.loss == 0.5);
  CHECK((first.dloss_dlogp == rows_of({{1.0, 0.0, 0.0}})).all());
  CHECK(std::isnan(weighted(rows_of({{0.5, 0.0, 0.1}})).loss));
}

TEST_CASE("weighted_sum says what is wrong with its arguments") {
  const matrix two = matrix::Zero(1, 2);
  CHECK_THROWS_WITH(weighted_sum(token_term<double>{one, one}, token_batch<double>{one, one, one, one, two}),
                    Catch::Matchers::Contains("weights must be 1 x 1"));
}
