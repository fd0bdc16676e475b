// Overlong penalties and top-entropy masks by hand.
#include <recllm/objective/shaping.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("the overlong penalty falls over the buffer, and stays or goes on falling") {
  const overlong_options dapo{.max_length = 100, .buffer = 20};
  CHECK(overlong_penalty(0, dapo) == 0.0);
  CHECK(overlong_penalty(80, dapo) == 0.0);
  CHECK(overlong_penalty(90, dapo) == -0.5);  // the example of TRL's get_soft_overlong_punishment
  CHECK(overlong_penalty(100, dapo) == -1.0);
  CHECK(overlong_penalty(130, dapo) == -1.0);
  const overlong_options verl{.max_length = 100, .buffer = 20, .factor = 2.0, .floor = false};
  CHECK(overlong_penalty(90, verl) == -1.0);
  CHECK(overlong_penalty(130, verl) == -5.0);
  const overlong_options hard{.max_length = 100};
  CHECK(overlong_penalty(100, hard) == 0.0);
  CHECK(overlong_penalty(101, hard) == -1.0);
  CHECK_THROWS_WITH(overlong_penalty(1, {.max_length = 3, .buffer = 4}),
                    Catch::Matchers::Contains("the buffer is 4 tokens, longer than max_length = 3"));
}

TEST_CASE("the top-entropy mask keeps the share of the step's tokens above the quantile") {
  const matrix entropies = rows_of({{0.1, 0.9, 0.5, 99}, {0.3, 0.7, 99, 99}}),
               mask = rows_of({{1, 1, 1, 0}, {1, 1, 0, 0}});
  const auto top = [&](double share) { return top_entropy_mask<double>(entropies, mask, share); };
  CHECK((top(1.0) == mask).all());
  CHECK((top(0.5) == rows_of({{0, 1, 1, 0}, {0, 1, 0, 0}})).all());  // quantile 0.5 of five: 0.5
  CHECK((top(0.2) == rows_of({{0, 1, 0, 0}, {0, 0, 0, 0}})).all());  // rank 3.2: 0.74
  CHECK((top(0.0) == rows_of({{0, 1, 0, 0}, {0, 0, 0, 0}})).all());  // the largest
  CHECK((top_entropy_mask<double>(entropies, mask * 0.0, 0.2) == 0.0).all());
  const matrix ties = matrix::Constant(1, 4, 0.5), all = matrix::Ones(1, 4);
  CHECK((top_entropy_mask<double>(ties, all, 0.25) == 1.0).all());
}

TEST_CASE("top_entropy_mask says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix one = matrix::Ones(1, 1);
  CHECK_THROWS_WITH(top_entropy_mask<double>(one, matrix::Ones(1, 2), 0.5),
                    Contains("entropies must be 1 x 2"));
  CHECK_THROWS_WITH(top_entropy_mask<double>(one, one, 1.5), Contains("share must be in [0, 1], but is 1.5"));
  CHECK_THROWS_WITH(top_entropy_mask<double>(one * std::nan(""), one, 0.5),
                    Contains("the entropy of row 0, token 0 is NaN"));
}
