// PPO steps against the equations worked out by hand, and the promises of train_ppo().
#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>

#include <recllm/ppo.hpp>
#include <recllm/tabular_critic.hpp>
#include <recllm/train/ppo_train.hpp>

#include "bandit.hpp"
#include "support/catch.hpp"

using namespace recllm;
using Catch::Contains;

namespace {

constexpr tabular_options sizes{.prompts = 2, .length = 3, .items = 10};
const ppo_train_options usual{
    .steps = 150, .group_size = 16, .inner_epochs = 4, .learning_rate = 2.0, .critic_learning_rate = 20.0};

template <class Range>
void run(Range&& steps) {
  for (const auto& m : steps) static_cast<void>(m);
}

}  // namespace

TEST_CASE("PPO learns the slate bandit, and its critic what to expect") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    INFO("seed " << seed);
    tabular_policy policy{sizes};
    tabular_critic critic{sizes};
    ppo_train_options options = usual;
    options.seed = seed;
    run(train_ppo(policy, critic, ppo{.value_clip_range = std::nullopt, .kl_coef = 0}, bandit::rank_reward,
                  bandit::users, options));
    CHECK(bandit::expected_reward(policy) > 0.95);
    const tabular_rollouts r = policy.sample(bandit::users, 1, random_stream(1));
    CHECK(critic.values(r, {0, 2}).mean() == Approx(1.0).margin(0.15));
  }
}

TEST_CASE("PPO with mini-batches, a reference and a target learns too") {
  tabular_policy policy{sizes};
  tabular_critic critic{sizes};
  const tabular_policy reference = policy;
  ppo_train_options options = usual;
  options.mini_batches = 2;
  run(train_ppo(policy, critic, ppo{.kl_coef = 0.01, .target_kl = 0.05}, bandit::rank_reward, bandit::users,
                options, &reference));
  CHECK(bandit::expected_reward(policy) > 0.9);
}

TEST_CASE("a PPO step is its equations") {
  // One epoch from a fresh critic (V = 0, lambda = gamma = 1): A_t = R_t = reward - kl_coef * sum of (logp -
  // ref) from t on, ratios are 1, so dloss/dlogp = -A / tokens and dvalue_loss/dV = -value_coef * R / tokens.
  for (const std::uint64_t seed : {4u, 5u}) {
    INFO("seed " << seed);
    tabular_policy policy = bandit::random_policy(seed);
    tabular_critic critic{sizes};
    const tabular_policy before = policy, reference = bandit::random_policy(seed + 50);
    const step_input<std::size_t> in{
        .step = 2, .prompts = {1, 0}, .numbers = {1, 0}, .rng = random_stream(seed), .learning_rate = 0.5};
    const ppo objective{.value_coef = 0.3, .lambda = 1.0, .kl_coef = 0.2, .whiten_advantages = false};
    const step_metrics m = ppo_step(policy, critic, objective, bandit::rank_reward, in,
                                    {.group_size = 4,
                                     .inner_epochs = 1,
                                     .learning_rate = 1.0,
                                     .critic_learning_rate = 2.0,
                                     .max_grad_norm = 0.0},
                                    &reference);

    const tabular_rollouts r = before.sample(in.prompts, 4, in.rng);
    const token_matrix<double> own = r.log_probs.cast<double>(),
                               ref = reference.log_probs(r, {0, 8}).cast<double>();
    token_matrix<double> gradient = token_matrix<double>::Zero(6, 10),
                         values = token_matrix<double>::Zero(2, 3);
    double loss = 0, value_loss = 0;
    for (Eigen::Index row = 0; row < 8; ++row) {
      const std::size_t prompt = r.answered[static_cast<std::size_t>(row)];
      double ahead = bandit::rank_reward(prompt, r.completions[static_cast<std::size_t>(row)]);
      for (Eigen::Index t = 2; t >= 0; --t) {
        ahead -= 0.2 * (own(row, t) - ref(row, t));
        const Eigen::Index cell = static_cast<Eigen::Index>(prompt) * 3 + t;
        const Eigen::Array<double, 1, Eigen::Dynamic> p =
            before.logits().row(cell).exp() / before.logits().row(cell).exp().sum();
        gradient.row(cell) += ahead / 24 * p;
        gradient(cell, r.completions[static_cast<std::size_t>(row)][static_cast<std::size_t>(t)]) -=
            ahead / 24;
        values(static_cast<Eigen::Index>(prompt), t) += 0.3 * ahead / 24;
        loss -= ahead / 24;
        value_loss += 0.3 * 0.5 * ahead * ahead / 24;
      }
    }
    CHECK((policy.logits() - (before.logits() - 0.5 * gradient)).abs().maxCoeff() < 1e-6);
    // The critic moves at its own rate, on the policy's schedule: 2.0 * 0.5 / 1.0.
    for (Eigen::Index row = 0; row < 8; ++row)
      for (Eigen::Index t = 0; t < 3; ++t)
        CHECK(critic.values(r, {row, 1})(0, t) ==
              Approx(values(static_cast<Eigen::Index>(r.answered[static_cast<std::size_t>(row)]), t))
                  .margin(1e-6));
    CHECK(m.loss == Approx(loss).margin(1e-6));
    CHECK(m.value_loss.value() == Approx(value_loss));
    CHECK(m.grad_norm == Approx(std::sqrt(gradient.square().sum())));
  }
}

TEST_CASE("target_kl ends a step's epochs early") {
  const auto moved = [](std::optional<double> target) {
    tabular_policy policy = bandit::random_policy(6);
    tabular_critic critic{sizes};
    const token_matrix<double> before = policy.logits();
    run(train_ppo(
        policy, critic,
        ppo{.clip_low = std::nullopt, .clip_high = std::nullopt, .kl_coef = 0, .target_kl = target},
        bandit::rank_reward, bandit::users,
        {.steps = 1, .group_size = 8, .inner_epochs = 20, .learning_rate = 1.0, .max_grad_norm = 0.0}));
    return (policy.logits() - before).abs().sum();
  };
  CHECK(moved(1e-4) < 0.5 * moved(std::nullopt));
  CHECK(moved(1e9) == moved(std::nullopt));
}

TEST_CASE("a resumed PPO run is the uninterrupted one, bit for bit, critic and all") {
  ppo_train_options options{.steps = 9,
                            .prompts_per_step = 1,
                            .group_size = 8,
                            .inner_epochs = 2,
                            .mini_batches = 3,
                            .learning_rate = 2.0,
                            .critic_learning_rate = 5.0,
                            .schedule = schedule::linear,
                            .seed = 3};
  const ppo objective{.kl_coef = 0};
  tabular_policy whole{sizes}, pieces{sizes};
  tabular_critic whole_critic{sizes}, pieces_critic{sizes};
  run(train_ppo(whole, whole_critic, objective, bandit::rank_reward, bandit::users, options));
  run(train_ppo(pieces, pieces_critic, objective, bandit::rank_reward, bandit::users, options) |
      std::views::take(4));
  options.first_step = 4;
  run(train_ppo(pieces, pieces_critic, objective, bandit::rank_reward, bandit::users, options));
  CHECK((whole.logits() == pieces.logits()).all());
  const tabular_rollouts r = whole.sample(bandit::users, 1, random_stream(1));
  CHECK((whole_critic.values(r, {0, 2}) == pieces_critic.values(r, {0, 2})).all());
}

TEST_CASE("PPO's split into micro-batches changes nothing") {
  std::vector<token_matrix<double>> tables;
  for (const std::size_t micro_rows : {0u, 1u, 3u, 5u}) {
    tabular_policy policy = bandit::random_policy(7);
    tabular_critic critic{sizes};
    run(train_ppo(
        policy, critic, ppo{.kl_coef = 0}, bandit::rank_reward, bandit::users,
        {.steps = 4, .group_size = 7, .mini_batches = 2, .micro_rows = micro_rows, .learning_rate = 0.5}));
    tables.push_back(policy.logits());
  }
  for (const token_matrix<double>& table : tables) CHECK((table - tables.front()).abs().maxCoeff() < 1e-5);
}

TEST_CASE("PPO stops at what is not finite, policy and critic unchanged") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  tabular_policy policy = bandit::random_policy(8);
  tabular_critic critic{sizes};
  const token_matrix<double> before = policy.logits();
  CHECK_THROWS_WITH(
      run(train_ppo(
          policy, critic, ppo{.kl_coef = 0}, [](const std::vector<int>&) { return nan; }, bandit::users)),
      Contains("recllm: train_ppo: step 0: the reward of prompt ") && Contains(", rollout 0 is nan"));

  // Finite as a double, its square not as a loss.
  CHECK_THROWS_WITH(
      run(train_ppo(
          policy, critic, ppo{.kl_coef = 0}, [](const std::vector<int>&) { return 1e300; }, bandit::users)),
      Contains("recllm: train_ppo: step 0: the "));
  CHECK((policy.logits() == before).all());
  CHECK(policy.step({}) == 0.0);  // no gradient stayed behind
  CHECK(critic.step({}) == 0.0);
}

TEST_CASE("settings of PPO out of range are refused before the first step") {
  tabular_policy policy{sizes};
  tabular_critic critic{sizes};
  const auto trying = [&](ppo_train_options options) {
    return train_ppo(policy, critic, ppo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options);
  };
  CHECK_THROWS_WITH(trying({.mini_batches = 0}), "recllm: train_ppo: mini_batches = 0; expected at least 1");
  CHECK_THROWS_WITH(trying({.critic_learning_rate = -1}),
                    "recllm: train_ppo: critic_learning_rate = -1; expected a positive number");
  CHECK_THROWS_WITH(trying({.group_size = 0}), "recllm: train_ppo: group_size = 0; expected at least 1");
  CHECK_THROWS_WITH(
      train_ppo(policy, critic, ppo{}, bandit::rank_reward, bandit::users),
      Contains("recllm: train_ppo: the objective compares with a reference policy, but none was given"));
  run(trying({.steps = 1, .mini_batches = 100}));  // more than rows: one row each
}

TEST_CASE("PPO's coefficient follows the divergence, and the reference the policy") {
  tabular_policy policy = bandit::random_policy(20), reference = bandit::random_policy(21);
  tabular_critic critic{sizes};
  token_matrix<double> expected = reference.logits();
  double coef = 0.3;
  for (const auto& m : train_ppo(policy, critic, ppo{}, bandit::rank_reward, bandit::users,
                                 {.steps = 6,
                                 .group_size = 4,
                                 .learning_rate = 1.0,
                                 .kl_control = adaptive_kl{.coef = 0.3, .target = 0.1, .horizon = 2.0},
                                 .refresh = {.every = 3, .share = 0.5}},
                                 &reference)) {
    CHECK(m.kl_coef.value() == Approx(coef));
    coef *= 1.0 + std::clamp(m.kl / 0.1 - 1.0, -0.2, 0.2) / 2.0;
    if (m.step % 3 == 2) expected = 0.5 * policy.logits() + 0.5 * expected;
    CHECK((reference.logits() - expected).abs().maxCoeff() < 1e-12);
  }
  const tabular_policy* const none = nullptr;
  const auto start = [&](const ppo_train_options& options) {
    static_cast<void>(
        train_ppo(policy, critic, ppo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options, none));
  };
  CHECK_THROWS_WITH(start({.kl_control = adaptive_kl{}}), Contains("compares with a reference policy"));
  CHECK_THROWS_WITH(start({.refresh = {.every = 1}}), Contains("no reference to follow"));
}

TEST_CASE("PPO does not learn from truncated completions") {
  // A table all of whose samples are cut off: nothing moves.
  struct endless : tabular_policy {
    explicit endless(const tabular_policy& table) : tabular_policy(table) {}
    [[nodiscard]] tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                                          random_stream rng) const {
      tabular_rollouts r = tabular_policy::sample(prompts, group_size, rng);
      r.truncated.assign(r.completions.size(), true);
      return r;
    }
  } policy(bandit::random_policy(22));
  const token_matrix<double> before = policy.logits();
  tabular_critic critic{sizes};
  ppo_train_options options{.steps = 2, .group_size = 4, .mask_truncated = true};
  for (const auto& m :
       train_ppo(policy, critic, ppo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options)) {
    CHECK(m.truncated.value() == 1.0);
    CHECK(m.loss == 0.0);
  }
  CHECK((policy.logits() == before).all());
  options.mask_truncated = false;
  run(train_ppo(policy, critic, ppo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options));
  CHECK((policy.logits() != before).any());
}
