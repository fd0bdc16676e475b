// Token weights against the fractions they stand for.
#include <recllm/objective/weights.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const matrix mask = rows_of({{1, 1, 1, 1}, {1, 0, 0, 0}, {0, 0, 0, 0}, {0, 1, 1, 0}});

}  // namespace

TEST_CASE("each normalisation has its divisor; empty completions count among the completions") {
  CHECK(relative_error(token_weights(mask, normalisation::per_sequence),
                       rows_of({{1, 1, 1, 1}, {4, 0, 0, 0}, {0, 0, 0, 0}, {0, 2, 2, 0}}) / 16.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::per_token), mask / 7.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::constant_length(10)), mask / 40.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::constant_length(1)), mask / 4.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::per_sequence_sum), mask / 4.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::padded_length), mask / 16.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::sum_over(5)), mask / 5.0) < 1e-15);
}

TEST_CASE("where asked, empty completions do not count among the completions") {
  CHECK(relative_error(token_weights(mask, normalisation::per_sequence.without_empty()),
                       rows_of({{1, 1, 1, 1}, {4, 0, 0, 0}, {0, 0, 0, 0}, {0, 2, 2, 0}}) / 12.0) < 1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::per_sequence_sum.without_empty()), mask / 3.0) <
        1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::constant_length(10).without_empty()), mask / 30.0) <
        1e-15);
  CHECK(relative_error(token_weights(mask, normalisation::per_token.without_empty()), mask / 7.0) < 1e-15);
}

TEMPLATE_TEST_CASE("weights of a step without tokens are 0, never NaN", "", float, double) {
  using S = TestType;
  for (const normalisation how :
       {normalisation::per_sequence, normalisation::per_sequence.without_empty(), normalisation::per_token,
        normalisation::per_sequence_sum.without_empty(), normalisation::padded_length,
        normalisation::constant_length(5), normalisation::sum_over(3)}) {
    CHECK((token_weights<S>(token_matrix<S>::Zero(3, 4), how) == S(0)).all());
    CHECK(token_weights<S>(token_matrix<S>(0, 4), how).rows() == 0);
    CHECK(token_weights<S>(token_matrix<S>(3, 0), how).cols() == 0);
  }
}

TEST_CASE("normalisations compare equal when they are the same") {
  CHECK(normalisation::per_token == normalisation::per_token);
  CHECK_FALSE(normalisation::per_token == normalisation::per_sequence);
  CHECK(normalisation::constant_length(3) == normalisation::constant_length(3));
  CHECK_FALSE(normalisation::constant_length(3) == normalisation::constant_length(4));
}

TEST_CASE("a length of 0 is refused") {
  CHECK_THROWS_WITH(normalisation::constant_length(0),
                    "recllm: constant_length: the length must be > 0 tokens, but is 0; pass the longest "
                    "completion allowed");
  CHECK_THROWS_WITH(normalisation::sum_over(0),
                    Catch::Matchers::Contains("the divisor must be > 0, but is 0"));
}
