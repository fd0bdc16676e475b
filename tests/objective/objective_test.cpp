// What counts as an objective, and that tallies add up.
#include <recllm/grpo.hpp>
#include <recllm/objective/objective.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

struct not_an_objective {
  double operator()(const token_batch<float>&) const { return 0.0; }
};

// The least that is one.
struct zero_objective {
  template <std::floating_point S>
  evaluation<S> operator()(const token_batch<S>& b) const {
    evaluation<S> e;
    e.dloss_dlogp = token_matrix<S>::Zero(b.log_probs.rows(), b.log_probs.cols());
    return e;
  }
};

static_assert(!Objective<not_an_objective>);
static_assert(Objective<zero_objective> && Objective<zero_objective, double>);
static_assert(!StepObjective<zero_objective>);
static_assert(GroupObjective<grpo>);

}  // namespace

TEST_CASE("tallies add up field by field") {
  tally sum{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  sum += tally{10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
  CHECK(sum.tokens == 11);
  CHECK(sum.ratio == 22);
  CHECK(sum.kl == 33);
  CHECK(sum.approx_kl == 44);
  CHECK(sum.clipped_low == 55);
  CHECK(sum.clipped_high == 66);
  CHECK(sum.pairs == 77);
  CHECK(sum.chosen_reward == 88);
  CHECK(sum.rejected_reward == 99);
  CHECK(sum.correct == 110);
  CHECK(sizeof(tally) == 10 * sizeof(double));  // a new field needs a line here and in operator+=
}
