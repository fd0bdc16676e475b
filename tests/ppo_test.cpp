// Proximal policy optimisation: policy and critic loss, token rewards, early stop.
#include <recllm/ppo.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

TEST_CASE("ppo's slope equals finite differences for each normalisation, clipped or not") {
  for (const normalisation average :
       {normalisation::per_sequence, normalisation::per_token, normalisation::constant_length(6)})
    for (const std::optional<double> clip : {std::optional<double>(), std::optional<double>(0.2)})
      check_gradient(ppo{.clip_low = clip, .clip_high = clip, .average = average});
}

TEST_CASE("ppo does not depend on micro-batches") {
  check_splits<double>(ppo{}, {1, 5, 7, 12}, 1e-14);
  check_splits<float>(ppo{}, {1, 5, 7, 12}, 1e-6);
}

TEST_CASE("at ratio 1 ppo's slope is REINFORCE's: minus weight times advantage") {
  const ragged_batch b = random_batch(9);
  for (const std::optional<double> clip :
       {std::optional<double>(), std::optional<double>(0.2), std::optional<double>(0.0)}) {
    const ppo o{.clip_low = clip, .clip_high = clip};
    const matrix weights = o.weights(b.mask);
    const evaluation<double> e = o(b.at(b.old_log_probs, weights));
    CHECK((e.dloss_dlogp == -weights * b.advantages).all());
    CHECK(e.loss == Approx(-(weights * b.advantages).sum()));
    CHECK(e.clipped_low + e.clipped_high == 0.0);
    CHECK(e.approx_kl == 0.0);
    CHECK(e.ratio == e.tokens);
  }
}

TEST_CASE("the critic's loss is value_coef times value_loss with the value clip") {
  const ragged_batch b = random_batch(8);
  const matrix weights = ppo{}.weights(b.mask);
  const value_batch<double> values{b.log_probs, b.old_log_probs, b.ref_log_probs, weights};
  for (const std::optional<double> range : {std::optional<double>(), std::optional<double>(0.1)}) {
    const value_evaluation<double> plain = value_loss(values, range);
    const value_evaluation<double> scaled =
        ppo{.value_clip_range = range, .value_coef = 0.5}.critic_loss(values);
    CHECK(scaled.loss == plain.loss / 2);
    CHECK((scaled.dloss_dvalues == plain.dloss_dvalues / 2).all());
  }
}

TEST_CASE("token rewards: the divergence at each token, the reward at the last") {
  const matrix mask = rows_of({{1, 1, 1}, {1, 1, 0}, {0, 0, 0}});
  const matrix log_probs = rows_of({{-1, -2, -3}, {-1, -1, 7}, {0, 0, 0}}),
               ref = rows_of({{-2, -2, -1}, {-1, -3, -7}, {0, 0, 0}});
  const matrix values = matrix::Zero(3, 3);
  const row_values<double> rewards = rows_of({{10}, {20}, {30}}).col(0);
  const experience<double> x{rewards, log_probs, ref, values, mask};
  CHECK((ppo{.kl_coef = 0.5}.token_rewards(x) == rows_of({{-0.5, 0, 11}, {0, 19, 0}, {0, 0, 0}})).all());
  const matrix none(0, 0);
  const experience<double> alone{rewards, none, none, values, mask};
  CHECK((ppo{.kl_coef = 0}.token_rewards(alone) == rows_of({{0, 0, 10}, {0, 20, 0}, {0, 0, 0}})).all());

  const gae_estimate<double> e = ppo{.lambda = 1, .kl_coef = 0, .whiten_advantages = false}.estimate(alone);
  CHECK((e.returns == rows_of({{10, 10, 10}, {20, 20, 0}, {0, 0, 0}})).all());
  const gae_estimate<double> white = ppo{.lambda = 1, .kl_coef = 0}.estimate(alone);
  CHECK((white.returns == e.returns).all());
  CHECK(white.advantages.sum() == Approx(0.0).margin(1e-12));
  CHECK(white.advantages.square().sum() == Approx(4.0));
}

TEST_CASE("past_target compares the mean divergence from the policy that sampled") {
  tally pass;
  pass.tokens = 10;
  pass.approx_kl = 0.3;
  CHECK(ppo{.target_kl = 0.02}.past_target(pass));
  CHECK_FALSE(ppo{.target_kl = 0.04}.past_target(pass));
  CHECK_FALSE(ppo{}.past_target(pass));
  CHECK_FALSE(ppo{.target_kl = 0.0}.past_target(tally{}));
}

TEST_CASE("ppo says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix one = matrix::Ones(1, 1), none(0, 0);
  const row_values<double> reward = one.col(0);
  CHECK_THROWS_WITH(ppo{.value_coef = -1}.critic_loss(value_batch<double>{one, one, one, one}),
                    Contains("value_coef must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(ppo{.kl_coef = -1}.token_rewards(experience<double>{reward, one, one, one, one}),
                    Contains("kl_coef must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(ppo{}.token_rewards(experience<double>{reward, one, none, one, one}),
                    Contains("log_probs and ref_log_probs must be 1 x 1 as the mask, but one is 0 x 0"));
  CHECK_THROWS_WITH(ppo{}.token_rewards(experience<double>{row_values<double>(2), one, one, one, one}),
                    Contains("got 2 rewards for 1 completions"));
  CHECK_THROWS_WITH(ppo{.clip_low = -1}(token_batch<double>{one, one, one, one, one}),
                    Contains("clip_low must be in [0, 1], but is -1"));
}
