// GRPO steps against the equation worked out by hand, and the promises of train(): lazy, reproducible,
// resumable.
#include <cmath>
#include <limits>
#include <ranges>
#include <span>

#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train/train.hpp>

#include "bandit.hpp"
#include "support/catch.hpp"

using namespace recllm;
using Catch::Contains;

namespace {

const train_options usual{.steps = 200, .group_size = 16, .learning_rate = 4.0};

template <class Range>
void run(Range&& steps) {
  for (const auto& m : steps) static_cast<void>(m);
}

// What a run leaves: every metric but the time, and the table.
struct outcome {
  std::vector<double> metrics;
  token_matrix<double> logits;
  bool operator==(const outcome& other) const {
    return metrics == other.metrics && (logits == other.logits).all();
  }
};

template <class Range>
outcome outcome_of(const tabular_policy& policy, Range&& steps) {
  outcome o;
  for (const step_metrics& m : steps)
    for_each_field(m, [&](const std::string& name, double value) {
      if (name != "step_time") o.metrics.push_back(value);
    });
  o.logits = policy.logits();
  return o;
}

}  // namespace

TEST_CASE("GRPO learns the slate bandit") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    INFO("seed " << seed);
    tabular_policy policy = bandit::fresh_policy();
    train_options options = usual;
    options.seed = seed;
    CHECK(bandit::expected_reward(policy) < 0.1);
    run(train(policy, grpo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options));
    CHECK(bandit::expected_reward(policy) > 0.95);
  }
}

TEST_CASE(
    "GRPO with a clip, inner epochs and a reference learns too, and stays nearer to it with a larger "
    "kl_coef") {
  double kl[2] = {0, 0};
  for (int strong = 0; strong < 2; ++strong) {
    tabular_policy policy = bandit::fresh_policy();
    const tabular_policy reference = policy;
    train_options options = usual;
    options.inner_epochs = 2;
    options.steps = 150;
    for (const auto& m :
         train(policy, grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = strong == 1 ? 0.3 : 0.01},
               bandit::rank_reward, bandit::users, options, &reference))
      kl[strong] = m.kl;
    if (strong == 0) CHECK(bandit::expected_reward(policy) > 0.9);
  }
  CHECK(kl[1] > 0.0);
  CHECK(kl[0] > 2.0 * kl[1]);
}

TEST_CASE("a step is the paper's equation") {
  // At the sampling policy ratios are 1, so dloss/dlogp = -A / (B |o|) + beta (1 - exp(ref - logp)) / (B
  // |o|).
  for (const std::uint64_t seed : {4u, 5u}) {
    INFO("seed " << seed);
    tabular_policy policy = bandit::random_policy(seed);
    const tabular_policy before = policy, reference = bandit::random_policy(seed + 50);
    const step_input<std::size_t> in{
        .step = 7, .prompts = {1, 0}, .numbers = {1, 0}, .rng = random_stream(seed), .learning_rate = 0.5};
    const step_metrics m = group_step(policy, grpo{.kl_coef = 0.1}, bandit::rank_reward, in,
                                      {.group_size = 6, .max_grad_norm = 0.0}, &reference);

    const tabular_rollouts r = before.sample(in.prompts, 6, in.rng);
    const token_matrix<float> ref = reference.log_probs(r, {0, 12});
    token_matrix<double> gradient = token_matrix<double>::Zero(6, 10);
    double loss = 0, kl = 0, mean_reward = 0, mean_deviation = 0, entropy = 0;
    for (std::size_t group = 0; group < 2; ++group) {
      double mean = 0, squares = 0;
      for (std::size_t row = 6 * group; row < 6 * group + 6; ++row)
        mean += bandit::rank_reward(in.prompts[group], r.completions[row]) / 6;
      for (std::size_t row = 6 * group; row < 6 * group + 6; ++row)
        squares += std::pow(bandit::rank_reward(in.prompts[group], r.completions[row]) - mean, 2);
      const double deviation = std::sqrt(squares / 5);
      mean_reward += mean / 2;
      mean_deviation += deviation / 2;
      for (std::size_t row = 6 * group; row < 6 * group + 6; ++row) {
        const double advantage =
            (bandit::rank_reward(in.prompts[group], r.completions[row]) - mean) / (deviation + 1e-4);
        for (Eigen::Index t = 0; t < 3; ++t) {
          const Eigen::Index cell = static_cast<Eigen::Index>(in.prompts[group]) * 3 + t;
          const int item = r.completions[row][static_cast<std::size_t>(t)];
          const Eigen::Array<double, 1, Eigen::Dynamic> p =
              before.logits().row(cell).exp() / before.logits().row(cell).exp().sum();
          const double d = static_cast<double>(ref(static_cast<Eigen::Index>(row), t)) - std::log(p(item));
          const double slope = (-advantage + 0.1 * (1 - std::exp(d))) / (12 * 3);
          loss += (-advantage + 0.1 * (std::exp(d) - d - 1)) / (12 * 3);
          kl += (std::exp(d) - d - 1) / 36;
          entropy -= (p * p.log()).sum() / 36;
          gradient.row(cell) -= slope * p;
          gradient(cell, item) += slope;
        }
      }
    }
    CHECK((policy.logits() - (before.logits() - 0.5 * gradient)).abs().maxCoeff() < 1e-6);
    CHECK(m.step == 7);
    CHECK(m.loss == Approx(loss).margin(1e-6));
    CHECK(m.kl == Approx(kl));
    CHECK(m.reward == Approx(mean_reward).margin(1e-12));
    CHECK(m.reward_std == Approx(mean_deviation));
    CHECK(m.entropy.value() == Approx(entropy));
    CHECK(m.grad_norm == Approx(std::sqrt(gradient.square().sum())));
    CHECK(m.mean_length == 3.0);
    CHECK(m.num_tokens == 36);
    CHECK(m.learning_rate == 0.5);
    CHECK(m.clip_ratio_low == 0.0);
    CHECK(!m.value_loss);
    CHECK(m.reward_terms.empty());  // a bare function has no name
  }
}

TEST_CASE("the range is lazy: a step runs when it is read") {
  tabular_policy policy = bandit::fresh_policy();
  int scored = 0;
  const auto goal = [&](std::size_t user, const std::vector<int>& list) {
    ++scored;
    return bandit::rank_reward(user, list);
  };
  const train_options options{.steps = 50, .group_size = 4, .learning_rate = 1.0};
  auto steps = train(policy, grpo{.kl_coef = 0}, goal, bandit::users, options);
  CHECK(scored == 0);
  run(steps | std::views::take(3));
  CHECK(scored == 3 * 8);
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, goal, bandit::users, options))
    if (m.step == 4) break;
  CHECK(scored == 3 * 8 + 5 * 8);
}

TEST_CASE("same seed, same bits; another seed, another run") {
  std::vector<outcome> all;
  for (const std::uint64_t seed : {1u, 1u, 2u}) {
    tabular_policy policy = bandit::fresh_policy();
    all.push_back(
        outcome_of(policy, train(policy, grpo{.kl_coef = 0}, bandit::rank_reward, bandit::users,
                                 {.steps = 20, .prompts_per_step = 1, .learning_rate = 2.0, .seed = seed})));
  }
  CHECK(all[0] == all[1]);
  CHECK(!(all[0] == all[2]));
}

TEST_CASE("a resumed run is the uninterrupted one, bit for bit") {
  const std::vector<std::size_t> prompts{0, 1, 1, 0, 1};
  train_options options{.steps = 17,
                        .prompts_per_step = 2,
                        .group_size = 4,
                        .inner_epochs = 2,
                        .learning_rate = 3.0,
                        .schedule = schedule::cosine,
                        .warmup_steps = 6,
                        .seed = 5};
  tabular_policy whole = bandit::fresh_policy();
  const tabular_policy reference = bandit::random_policy(6);
  const outcome expected =
      outcome_of(whole, train(whole, grpo{}, bandit::rank_reward, prompts, options, &reference));

  for (const std::ptrdiff_t stop : {1, 4, 9, 16}) {
    INFO("stopped after " << stop);
    tabular_policy first = bandit::fresh_policy();
    outcome pieces =
        outcome_of(first, train(first, grpo{}, bandit::rank_reward, prompts, options, &reference) |
                              std::views::take(stop));
    tabular_policy second = bandit::random_policy(7);
    second.logits() = first.logits();
    options.first_step = stop;
    const outcome rest =
        outcome_of(second, train(second, grpo{}, bandit::rank_reward, prompts, options, &reference));
    options.first_step = 0;
    pieces.metrics.insert(pieces.metrics.end(), rest.metrics.begin(), rest.metrics.end());
    CHECK(pieces.metrics == expected.metrics);
    CHECK((second.logits() == expected.logits).all());
  }
}

TEST_CASE("the split into micro-batches changes nothing") {
  const tabular_policy reference = bandit::random_policy(8);
  for (const normalisation& average :
       {normalisation::per_sequence, normalisation::per_token, normalisation::constant_length(3)}) {
    std::vector<token_matrix<double>> tables;
    for (const std::size_t micro_rows : {0u, 1u, 3u, 4u, 5u, 7u, 100u}) {
      tabular_policy policy = bandit::random_policy(9);
      run(train(
          policy, grpo{.clip_low = 0.1, .clip_high = 0.1, .average = average}, bandit::rank_reward,
          bandit::users,
          {.steps = 5, .group_size = 4, .inner_epochs = 2, .micro_rows = micro_rows, .learning_rate = 1.0},
          &reference));
      tables.push_back(policy.logits());
    }
    for (const token_matrix<double>& table : tables) CHECK((table - tables.front()).abs().maxCoeff() < 1e-5);
  }
}

TEST_CASE("every prompt is seen once an epoch") {
  std::vector<std::size_t> prompts(7, 0), seen(2, 0);
  prompts[3] = 1;
  tabular_policy policy = bandit::fresh_policy();
  const auto goal = [&](std::size_t user, const std::vector<int>&) {
    ++seen[user];
    return 0.0;
  };
  run(train(policy, grpo{.kl_coef = 0}, goal, prompts, {.steps = 7, .prompts_per_step = 3, .group_size = 2}));
  CHECK(seen == std::vector<std::size_t>{6 * 3 * 2, 1 * 3 * 2});
}

TEST_CASE("equal rewards teach nothing and are said to") {
  tabular_policy policy = bandit::random_policy(10);
  const token_matrix<double> before = policy.logits();
  for (const auto& m :
       train(policy, grpo{.kl_coef = 0}, [](std::size_t, const std::vector<int>&) { return 0.1; },
             bandit::users, {.steps = 3, .group_size = 5})) {
    CHECK(m.frac_reward_zero_std == 1.0);
    CHECK(m.reward == Approx(0.1));
    CHECK(m.reward_std == Approx(0.0).margin(1e-12));
    CHECK(m.grad_norm == 0.0);
  }
  CHECK((policy.logits() == before).all());
}

TEST_CASE("named terms are logged by their raw means") {
  tabular_policy policy = bandit::random_policy(11);
  const tabular_policy before = policy;
  const auto first_item =
      reward::term("first", [](std::size_t, const std::vector<int>& list) { return list[0]; });
  const auto short_list =
      reward::term("even", [](std::size_t, const std::vector<int>& list) { return list[1] % 2 == 0; });
  const auto goal = when(short_list, 2.0 * first_item).otherwise(-1.0);
  const step_input<std::size_t> in{.prompts = {0, 1}, .numbers = {0, 1}, .rng = random_stream(3)};
  const step_metrics m = group_step(policy, grpo{.kl_coef = 0}, goal, in, {.group_size = 20},
                                    static_cast<tabular_policy*>(nullptr));
  double even = 0, first = 0;
  for (const std::vector<int>& list : before.sample(in.prompts, 20, in.rng).completions)
    if (list[1] % 2 == 0) ++even, first += list[0];
  REQUIRE(m.reward_terms.size() == 2);
  CHECK(m.reward_terms[0].name == "even");
  CHECK(m.reward_terms[0].mean == Approx(even / 40));
  CHECK(m.reward_terms[1].name == "first");
  CHECK(m.reward_terms[1].mean == Approx(first / even));  // over those that the gate let through
  CHECK(m.reward == Approx((2 * first - (40 - even)) / 40));
}

TEST_CASE("terms that move with the step follow a resumed run's count") {
  const auto goal = reward::scheduled([](std::ptrdiff_t step) { return static_cast<double>(step); }) *
                    reward::term("one", [](const auto&, const auto&) { return 1.0; });
  tabular_policy policy = bandit::fresh_policy();
  train_options options = usual;
  options.first_step = 3;
  options.steps = 6;
  for (const step_metrics& m : train(policy, grpo{.kl_coef = 0}, goal, bandit::users, options)) {
    CHECK(m.reward == static_cast<double>(m.step));
    REQUIRE(m.reward_terms.size() == 1);
    CHECK(m.reward_terms[0].mean == 1.0);
  }
}

TEST_CASE("a reward that is not finite stops the step and names its term") {
  tabular_policy policy = bandit::random_policy(12);
  const token_matrix<double> before = policy.logits();
  int calls = 0;
  const auto good = reward::term("good", [](const std::vector<int>&) { return 1.0; });
  const auto bad = reward::term("bad", [&](std::size_t user, const std::vector<int>&) {
    return user == 1 && ++calls == 3 ? std::numeric_limits<double>::quiet_NaN() : 0.5;
  });
  const std::vector<std::size_t> prompts{1};
  CHECK_THROWS_AS(run(train(policy, grpo{.kl_coef = 0}, good + bad, prompts, {.steps = 1, .group_size = 4})),
                  non_finite_error);
  calls = 0;
  CHECK_THROWS_WITH(run(train(policy, grpo{.kl_coef = 0}, good + bad, prompts,
                              {.steps = 6, .first_step = 5, .group_size = 4})),
                    "recllm: train: step 5: the reward of prompt 0, rollout 2 is nan: bad is nan; the "
                    "weights are unchanged");
  CHECK((policy.logits() == before).all());
  CHECK_THROWS_WITH(run(train(policy, grpo{.kl_coef = 0},
                              [](const std::vector<int>&) { return std::numeric_limits<double>::infinity(); },
                              bandit::users, {.steps = 1})),
                    Contains("rollout 0 is inf; the weights are unchanged"));

  // The reward is asked by the prompt's own number, not its place in the step.
  const std::vector<std::size_t> many{0, 0, 0, 0, 1, 0};
  calls = 2;
  CHECK_THROWS_WITH(
      run(train(policy, grpo{.kl_coef = 0}, good + bad, many, {.steps = 6, .prompts_per_step = 1})),
      Contains("the reward of prompt 4, rollout 0 is nan"));
}

namespace {

// grpo whose loss, or slope, fails at the `fatal`-th micro-batch.
struct failing : grpo {
  int* countdown = nullptr;
  bool in_slope = false;
  template <std::floating_point S>
  evaluation<S> operator()(const token_batch<S>& b) const {
    evaluation<S> e = grpo::operator()(b);
    if (--*countdown == 0) {
      if (in_slope)
        e.dloss_dlogp(0, 0) = std::numeric_limits<S>::infinity();
      else
        e.loss = std::numeric_limits<double>::quiet_NaN();
    }
    return e;
  }
};

}  // namespace

TEST_CASE("a loss that is not finite stops the step, and nothing of it stays behind") {
  for (const bool in_slope : {false, true}) {
    tabular_policy policy = bandit::random_policy(13), clean = policy;
    const token_matrix<double> before = policy.logits();
    int countdown = 3;
    failing objective;
    objective.kl_coef = 0;
    objective.countdown = &countdown;
    objective.in_slope = in_slope;
    const train_options options{.steps = 4, .group_size = 4, .micro_rows = 2, .learning_rate = 1.0};
    auto steps = train(policy, objective, bandit::rank_reward, bandit::users, options);
    CHECK_THROWS_WITH(run(steps), Contains("recllm: train: step 0: the loss of rows 4 to 5 is ") &&
                                      Contains("its inputs are finite") &&
                                      Contains("the weights are unchanged"));
    CHECK((policy.logits() == before).all());
    run(steps);  // taken up again at the step that failed
    run(train(clean, grpo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options));
    CHECK((policy.logits() == clean.logits()).all());
  }
}

TEST_CASE("what made a loss not finite is named") {
  tabular_policy policy = bandit::random_policy(14);
  const tabular_policy good = policy;
  tabular_policy reference = policy;
  reference.logits().setConstant(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_WITH(run(train(policy, grpo{}, bandit::rank_reward, bandit::users, {.steps = 1}, &reference)),
                    Contains("the reference's log-probs are not finite"));
  policy.logits().row(0).setConstant(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_WITH(run(train(policy, grpo{}, bandit::rank_reward, bandit::users, {.steps = 1}, &good)),
                    Contains("the policy's log-probs are not finite"));
}

TEST_CASE("settings out of range are refused before the first step") {
  tabular_policy policy = bandit::fresh_policy();
  const auto trying = [&](train_options options) {
    return train(policy, grpo{.kl_coef = 0}, bandit::rank_reward, bandit::users, options);
  };
  CHECK_THROWS_WITH(trying({.steps = -1}), "recllm: train: steps = -1; expected 0 or more");
  CHECK_THROWS_WITH(trying({.first_step = -2}), "recllm: train: first_step = -2; expected 0 or more");
  CHECK_THROWS_WITH(
      trying({.prompts_per_step = 3}),
      "recllm: train: prompts_per_step = 3, but there are only 2 prompts; use 0 for all of them");
  CHECK_THROWS_WITH(trying({.group_size = 0}), "recllm: train: group_size = 0; expected at least 1");
  CHECK_THROWS_WITH(trying({.inner_epochs = 0}), "recllm: train: inner_epochs = 0; expected at least 1");
  CHECK_THROWS_WITH(trying({.learning_rate = 0}),
                    "recllm: train: learning_rate = 0; expected a positive number");
  CHECK_THROWS_WITH(trying({.warmup_steps = -1}), "recllm: train: warmup_steps = -1; expected 0 or more");
  CHECK_THROWS_WITH(trying({.max_grad_norm = -1}),
                    "recllm: train: max_grad_norm = -1; expected a positive number, or 0 for no clipping");
  const std::vector<std::size_t> nobody;
  CHECK_THROWS_WITH(train(policy, grpo{.kl_coef = 0}, bandit::rank_reward, nobody),
                    "recllm: train: there are no prompts; expected at least one");
  CHECK_THROWS_WITH(train(policy, grpo{.kl_coef = 0.1}, bandit::rank_reward, bandit::users),
                    "recllm: train: the objective compares with a reference policy, but none was given; pass "
                    "the address of a "
                    "frozen copy as the last argument, or set kl_coef to 0 where the objective has one");
  run(trying({.steps = 0}));
  run(trying({.steps = 3, .first_step = 9}));
  CHECK((policy.logits() == 0.0).all());
}

namespace {

// A tabular policy that returns too few rows, or a mask of another shape.
struct broken : tabular_policy {
  using tabular_policy::tabular_policy;
  int what = 0;
  tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                          random_stream rng) const {
    tabular_rollouts r = tabular_policy::sample(prompts, group_size, rng);
    if (what == 0) r.completions.pop_back();
    if (what == 1) r.prompt[0] = 2;
    if (what == 2) r.log_probs = token_matrix<float>::Zero(r.log_probs.rows(), 2);
    return r;
  }
};

}  // namespace

TEST_CASE("a policy that breaks its promise is told how") {
  broken policy{{.prompts = 2, .length = 3, .items = 4}};
  const auto first_step = [&] {
    run(train(policy, grpo{.kl_coef = 0}, bandit::rank_reward, bandit::users, {.group_size = 2}));
  };
  CHECK_THROWS_WITH(first_step(),
                    "recllm: train: the policy returned 3 completions, 4 prompt numbers, a 4 x 3 mask and 4 "
                    "x 3 log-probs; expected "
                    "4 rows of each and as many columns");
  policy.what = 1;
  CHECK_THROWS_WITH(first_step(), "recllm: train: the policy returned prompt number 2; expected 0 to 1");
  policy.what = 2;
  CHECK_THROWS_WITH(first_step(), Contains("a 4 x 3 mask and 4 x 2 log-probs"));
}

namespace {

/// A trace that knows no entropies.
struct plain_policy : tabular_policy {
  struct plain_trace {
    tabular_policy::forward_pass whole;
    [[nodiscard]] token_matrix<float> log_probs() const { return whole.log_probs(); }
    void backward(token_view<float> dloss_dlogp) { whole.backward(dloss_dlogp); }
  };
  [[nodiscard]] plain_trace trace(const tabular_rollouts& r, row_block rows) {
    return {tabular_policy::trace(r, rows)};
  }
};

}  // namespace

TEST_CASE("an entropy bonus keeps the policy open, for any split; a policy that cannot is told so") {
  const train_options options{.steps = 30, .group_size = 16, .learning_rate = 4.0, .seed = 3};
  const auto last_entropy = [&](double coefficient, std::size_t micro_rows) {
    tabular_policy policy = bandit::fresh_policy();
    train_options how = options;
    how.micro_rows = micro_rows;
    double entropy = 0.0;
    for (const auto& m : train(policy, grpo{.kl_coef = 0, .entropy_coef = coefficient}, bandit::rank_reward,
                               bandit::users, how))
      entropy = m.entropy.value();
    return entropy;
  };
  const double free = last_entropy(0.0, 0), open = last_entropy(0.3, 0);
  CHECK(open > free + 0.1);
  CHECK(last_entropy(0.3, 5) == Approx(open).epsilon(1e-4));

  plain_policy plain{bandit::fresh_policy()};
  CHECK_THROWS_WITH(
      run(train(plain, grpo{.kl_coef = 0, .entropy_coef = 0.1}, bandit::rank_reward, bandit::users, options)),
      Contains("entropy_coef is not 0"));
}

TEST_CASE("a group of one, a batch of one, a span of prompts") {
  tabular_policy policy = bandit::fresh_policy();
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, bandit::rank_reward,
                             std::span(bandit::users).first(1), {.steps = 2, .group_size = 1})) {
    CHECK(m.reward_std == 0.0);
    CHECK(m.frac_reward_zero_std == 1.0);
    CHECK(m.grad_norm == 0.0);
  }
}
