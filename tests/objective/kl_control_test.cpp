// The divergence in the reward, and Ziegler's controller.
#include <recllm/objective/kl_control.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("the divergence is taken off at each token that counts") {
  const matrix log_probs = rows_of({{-1, -2, 7}}), ref = rows_of({{-2, -4, -7}}), mask = rows_of({{1, 1, 0}});
  CHECK((kl_in_reward<double>(log_probs, ref, mask, {.coef = 0.5}) == rows_of({{-0.5, -1, 0}})).all());
  CHECK((kl_in_reward<double>(log_probs, ref, mask, {0.5, kl_estimator::k2}) == rows_of({{-0.25, -1, 0}}))
            .all());
  CHECK_THROWS_WITH(kl_in_reward<double>(log_probs, ref, mask, {.coef = -1}),
                    Catch::Matchers::Contains("coef must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(kl_in_reward<double>(log_probs, matrix(0, 0), mask),
                    Catch::Matchers::Contains("must be 1 x 3 as the mask, but one is 0 x 0"));
}

TEST_CASE("the controller changes by at most a fifth in a horizon and stands still on target") {
  adaptive_kl kl{.coef = 0.2, .target = 6.0, .horizon = 100.0};
  CHECK(kl.update(6.0, 10) == 0.2);
  CHECK(kl.update(6.6, 10) == Approx(0.2 * 1.01));
  CHECK(kl.update(600.0, 100) == Approx(0.2 * 1.01 * 1.2));
  CHECK(kl.update(0.0, 100) == Approx(0.2 * 1.01 * 1.2 * 0.8));
  CHECK(kl.coef == Approx(0.2 * 1.01 * 1.2 * 0.8));
}

TEST_CASE("the controller says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH((adaptive_kl{.target = 0.0}.update(1.0)), Contains("target and horizon must be > 0"));
  CHECK_THROWS_WITH(adaptive_kl{}.update(std::nan("")), Contains("expected a finite divergence"));
}
