// Soft adaptive policy optimisation: the gate, and that it learns.
#include <recllm/sapo.hpp>

#include "support/ragged_batch.hpp"
#include "train/bandit.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("the gate is 2 / tau at ratio 1 and closes at both ends") {
  const matrix one = matrix::Ones(1, 1), old = one * 0.0, none(0, 0);
  const auto of = [&](double ratio, double advantage) {
    const matrix log_prob = one * std::log(ratio), a = one * advantage;
    return sapo{.temperature_pos = 1.0,
                .temperature_neg = 2.0}(token_batch<double>{log_prob, old, none, a, one});
  };
  CHECK(of(1.0, 3.0).loss == Approx(-6.0));
  CHECK(of(1.0, -3.0).loss == Approx(3.0));
  CHECK(of(1.0, 3.0).dloss_dlogp(0, 0) == Approx(-3.0));
  CHECK(of(1.0, -3.0).dloss_dlogp(0, 0) == Approx(3.0));
  CHECK(of(30.0, 1.0).loss == Approx(-4.0));
  CHECK(std::abs(of(60.0, 1.0).dloss_dlogp(0, 0)) < 1e-20);
  CHECK(of(2.0, 1.0).loss == Approx(-4.0 / (1.0 + std::exp(-1.0))));
}

TEST_CASE("sapo learns the slate bandit from three seeds, with an inner epoch off the sampling policy") {
  for (const std::uint64_t seed : {1u, 2u, 3u})
    for (const sapo& o : {sapo{}}) {
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
