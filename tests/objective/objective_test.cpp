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
  tally sum{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  sum += tally{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160};
  CHECK(sum.tokens == 11);
  CHECK(sum.ratio == 22);
  CHECK(sum.kl == 33);
  CHECK(sum.approx_kl == 44);
  CHECK(sum.clipped_low == 55);
  CHECK(sum.clipped_high == 66);
  CHECK(sum.capped == 77);
  CHECK(sum.entropy == 88);
  CHECK(sum.pairs == 99);
  CHECK(sum.chosen == 110);
  CHECK(sum.rejected == 121);
  CHECK(sum.chosen_reward == 132);
  CHECK(sum.rejected_reward == 143);
  CHECK(sum.chosen_log_prob == 154);
  CHECK(sum.rejected_log_prob == 165);
  CHECK(sum.correct == 176);
  CHECK(sizeof(tally) == 16 * sizeof(double));  // a new field needs a line here and in operator+=
}
