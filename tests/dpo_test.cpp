// Direct preference optimisation on rows: its pairs, weights, gradients and metrics.
#include <recllm/dpo.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const std::vector<dpo> members{dpo{}, dpo{.beta = 0.4, .label_smoothing = 0.1},
                               dpo{.beta = 0.4, .loss = ipo_loss}, dpo{.beta = 0.05, .loss = hinge_loss},
                               dpo{.loss = ipo_loss, .length_normalised = true}};

// Chosen -1 - 2 against -1 - 1, rejected -4 against -3: margin -1 + 1 = 0; then -1 against -3 over -2 against
// -1: 3.
const matrix mask = rows_of({{1, 1}, {1, 0}, {1, 0}, {0, 1}});
const matrix log_probs = rows_of({{-1, -2}, {-4, 0}, {-1, 0}, {0, -2}});
const matrix ref = rows_of({{-1, -1}, {-3, 0}, {-3, 0}, {0, -1}});
const matrix none(0, 0);

evaluation<double> evaluate(const dpo& o, const matrix& policy) {
  return o(token_batch<double>{policy, none, ref, none, o.weights(mask)});
}

}  // namespace

TEST_CASE("dpo of two pairs by hand") {
  const dpo o{.beta = 0.5};
  const evaluation<double> e = evaluate(o, log_probs);
  CHECK(e.loss == Approx((std::log(2.0) + std::log(1.0 + std::exp(-1.5))) / 2.0));
  const double first = 0.5 * 0.5 / 2.0, second = 0.5 / (1.0 + std::exp(1.5)) / 2.0;
  CHECK(relative_error(e.dloss_dlogp, rows_of({{-first, -first}, {first, 0}, {-second, 0}, {0, second}})) <
        1e-14);
  CHECK(e.pairs == 2.0);
  CHECK(e.tokens == 5.0);
  CHECK(e.chosen_reward == Approx(0.5 * (-1.0 + 2.0)));
  CHECK(e.rejected_reward == Approx(0.5 * (-1.0 - 1.0)));
  CHECK(e.correct == 1.0);  // the first pair is a tie
}

TEST_CASE(
    "where the policy is the reference, dpo's loss is log 2 and its slope moves the completions apart") {
  const evaluation<double> e = evaluate(dpo{.beta = 0.2}, ref);
  CHECK(e.loss == Approx(std::log(2.0)));
  CHECK((e.dloss_dlogp == rows_of({{-0.05, -0.05}, {0.05, 0}, {-0.05, 0}, {0, 0.05}})).all());
}

TEST_CASE("each member's slope equals finite differences") {
  for (const dpo& o : members) check_gradient(o, 14);
}

TEST_CASE("dpo does not depend on micro-batches of whole pairs") {
  for (const dpo& o : members) {
    check_splits<double>(o, {2, 4, 10, 12}, 1e-13);
    check_splits<float>(o, {2, 4, 10, 12}, 1e-6);
  }
}

TEST_CASE("swapping chosen and rejected rows swaps the slopes where half of the labels are wrong") {
  const dpo o{.beta = 0.3, .label_smoothing = 0.5};
  const ragged_batch b = random_batch(4, 2);
  const matrix weights = o.weights(b.mask);
  const auto upside_down = [](const matrix& m) -> matrix { return m.colwise().reverse(); };
  const matrix policy_ = upside_down(b.log_probs), ref_ = upside_down(b.ref_log_probs),
               weights_ = upside_down(weights);
  const evaluation<double> a = o(b.at(b.log_probs, weights));
  const evaluation<double> c = o(token_batch<double>{policy_, none, ref_, none, weights_});
  CHECK(a.loss == Approx(c.loss));
  CHECK(relative_error(upside_down(c.dloss_dlogp), a.dloss_dlogp) < 1e-14);
  CHECK(a.chosen_reward == Approx(c.rejected_reward));
}

TEST_CASE("a pair without tokens adds nothing; a completion without tokens still has a rival") {
  const matrix zero = matrix::Zero(4, 2);
  CHECK(dpo{}(token_batch<double>{zero, none, zero, none, dpo{}.weights(zero)}).loss == 0.0);
  const matrix half = rows_of({{0, 0}, {1, 0}}), policy = rows_of({{0, 0}, {-2, 0}}),
               reference = rows_of({{0, 0}, {-1, 0}});
  const evaluation<double> e =
      dpo{.beta = 1}(token_batch<double>{policy, none, reference, none, dpo{}.weights(half)});
  CHECK(e.loss == Approx(std::log(1.0 + std::exp(-1.0))));
  CHECK((e.dloss_dlogp.row(0) == 0.0).all());
  const matrix empty(0, 3), narrow(2, 0);
  CHECK(dpo{}(token_batch<double>{empty, empty, empty, empty, dpo{}.weights(empty)}).loss == 0.0);
  CHECK(dpo{}(token_batch<double>{narrow, narrow, narrow, narrow, dpo{}.weights(narrow)}).pairs == 0.0);
}

TEST_CASE("dpo says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix odd = matrix::Ones(3, 1), even = matrix::Ones(2, 1);
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{odd, odd, odd, odd, odd}),
                    Contains("rows 2 i and 2 i + 1 are a pair, but there are 3 rows"));
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{even, even, none, even, even}),
                    Contains("dpo: ref_log_probs must be 2 x 1 as log_probs, but is 0 x 0"));
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{even, even, even, even, none}),
                    Contains("dpo: weights must be 2 x 1"));
  CHECK_THROWS_WITH(dpo{.beta = -1}(token_batch<double>{even, even, even, even, even}),
                    Contains("beta must be > 0, but is -1"));
}
