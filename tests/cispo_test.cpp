// CISPO: constants instead of clips, and that it learns.
#include <recllm/cispo.hpp>

#include "support/ragged_batch.hpp"
#include "train/bandit.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("cispo of three tokens by hand") {
  // ratios 8, 2, 1/2 with a cap of 5; log-probs -1, -2, -3
  const matrix log_probs = rows_of({{-1, -2, -3}}),
               old = log_probs - rows_of({{std::log(8.0), std::log(2.0), -std::log(2.0)}}), none(0, 0),
               advantages = rows_of({{1, -1, 2}});
  const cispo o;
  const evaluation<double> e =
      o(token_batch<double>{log_probs, old, none, advantages, o.weights(matrix(matrix::Ones(1, 3)))});
  CHECK(relative_error(e.dloss_dlogp, rows_of({{-5, 2, -1}}) / 3.0) < 1e-14);
  CHECK(e.loss == Approx((5.0 - 4.0 + 3.0) / 3.0));
  CHECK(e.clipped_high == 1.0);
}

TEST_CASE("cispo learns the slate bandit from three seeds, with an inner epoch off the sampling policy") {
  for (const std::uint64_t seed : {1u, 2u, 3u})
    for (const cispo& o : {cispo{}, cispo{.clip_low = 1.0, .clip_high = 0.28, .cap = std::nullopt}}) {
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
