// Group sequence policy optimisation: the paper's equation, and that it learns.
#include <recllm/gspo.hpp>

#include "support/ragged_batch.hpp"
#include "train/bandit.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("gspo of two completions by hand") {
  // ratios 4 and 1 in one completion: s = 2; 1/4 in the other; the clip holds the first back
  const matrix log_probs = rows_of({{std::log(4.0), 0}, {std::log(0.25), 0}}), old = matrix::Zero(2, 2),
               none(0, 0), mask = rows_of({{1, 1}, {1, 0}}), advantages = rows_of({{1, 1}, {2, 0}});
  const gspo o{.clip_low = 0.2, .clip_high = 0.5};
  const evaluation<double> e = o(token_batch<double>{log_probs, old, none, advantages, o.weights(mask)});
  CHECK(e.loss == Approx(-(1.5 + 0.25 * 2.0) / 2.0));
  CHECK(relative_error(e.dloss_dlogp, rows_of({{0, 0}, {-0.25, 0}})) < 1e-14);
  CHECK(e.clipped_high == 2.0);
  CHECK(e.ratio == Approx(2.0 + 2.0 + 0.25));
}

TEST_CASE("gspo learns the slate bandit from three seeds, with an inner epoch off the sampling policy") {
  for (const std::uint64_t seed : {1u, 2u, 3u})
    for (const gspo& o : {gspo{.clip_low = 0.2, .clip_high = 0.2},
                          gspo{.clip_low = 0.2, .clip_high = 0.2, .per_token = true}}) {
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
