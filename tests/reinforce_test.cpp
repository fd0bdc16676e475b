// REINFORCE: minus advantage times log-prob, and that it learns with other baselines.
#include <recllm/reinforce.hpp>

#include "support/ragged_batch.hpp"
#include "train/bandit.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("reinforce of two completions by hand") {
  const matrix log_probs = rows_of({{-1, -2}, {-0.5, 0}}), none(0, 0), mask = rows_of({{1, 1}, {1, 0}}),
               advantages = rows_of({{1, 1}, {-1, 0}});
  const evaluation<double> e =
      reinforce{}(token_batch<double>{log_probs, none, none, advantages, reinforce{}.weights(mask)});
  CHECK(e.loss == 1.25);
  CHECK((e.dloss_dlogp == rows_of({{-0.5, -0.5}, {0.5, 0}})).all());
  CHECK(e.ratio == 0.0);
}

TEST_CASE("reinforce learns the slate bandit from three seeds, with an inner epoch off the sampling policy") {
  for (const std::uint64_t seed : {1u, 2u, 3u})
    for (const reinforce& o :
         {reinforce{.average = normalisation::per_sequence},
          reinforce{.average = normalisation::per_token, .advantage = advantage::leave_one_out}}) {
      INFO("seed " << seed);
      tabular_policy policy = bandit::fresh_policy();
      double reward = 0.0;
      for (const auto& m : train(policy, o, bandit::rank_reward, bandit::users,
                                 {.steps = 300,
                                 .group_size = 16,
                                 .inner_epochs = 2,
                                 .learning_rate = 2.0,
                                 .max_grad_norm = 0.0,
                                 .seed = seed}))
        reward = m.reward;
      CHECK(reward > 0.8);
      CHECK(bandit::expected_reward(policy) > 0.9);
    }
}
