// The options of train(), seen by an objective that notes what it is told.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <ranges>
#include <set>
#include <vector>

#include <recllm/grpo.hpp>
#include <recllm/objective/baseline.hpp>
#include <recllm/objective/several_rewards.hpp>

#include "bandit.hpp"
#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

struct told {
  std::vector<token_matrix<float>> weights, importance, old_log_probs, advantages;  // of each micro-batch
  row_values<double> rewards, baselines, column_weights;                            // of the last step
  std::vector<std::size_t> groups;
  token_matrix<double> token_rewards, columns;
};

// grpo that notes what it is told.
struct noting : grpo {
  told* notes = nullptr;

  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    if constexpr (std::same_as<S, float>) {
      notes->weights.emplace_back(b.weights);
      notes->importance.emplace_back(b.importance);
      notes->old_log_probs.emplace_back(b.old_log_probs);
      notes->advantages.emplace_back(b.advantages);
    }
    return grpo::operator()(b);
  }
  [[nodiscard]] token_matrix<double> advantages(const scored_step& step) const {
    notes->rewards = step.rewards;
    notes->baselines = step.baselines;
    notes->column_weights = step.column_weights;
    notes->groups.assign(step.groups.begin(), step.groups.end());
    notes->token_rewards = step.token_rewards;
    notes->columns = step.columns;
    return grpo::advantages(step);
  }
};
static_assert(GroupObjective<noting>);

// A table whose samples are cut off where the first item is odd, and whose sampler misjudges itself by
// `shift`.
struct cut_policy : tabular_policy {
  float shift = 0.0f;
  explicit cut_policy(const tabular_policy& table) : tabular_policy(table) {}

  [[nodiscard]] tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                                        random_stream rng) const {
    tabular_rollouts r = tabular_policy::sample(prompts, group_size, rng);
    for (const std::vector<int>& list : r.completions) r.truncated.push_back(list[0] % 2 == 1);
    r.log_probs += shift;
    return r;
  }
};

template <class Steps>
std::vector<step_metrics> run(Steps&& steps) {
  std::vector<step_metrics> all;
  for (const step_metrics& m : steps) all.push_back(m);
  return all;
}

double first_item(std::size_t, const std::vector<int>& list) { return list[0]; }

const tabular_policy* const none = nullptr;

// A policy without greedy() or entropies().
struct plain {
  using prompt_type = std::size_t;
  struct pass {
    tabular_policy::forward_pass inner;
    [[nodiscard]] token_matrix<float> log_probs() const { return inner.log_probs(); }
    void backward(token_view<float> slope) { inner.backward(slope); }
  };
  tabular_policy table;
  [[nodiscard]] tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                                        random_stream rng) const {
    return table.sample(prompts, group_size, rng);
  }
  [[nodiscard]] token_matrix<float> log_probs(const tabular_rollouts& r, row_block rows) const {
    return table.log_probs(r, rows);
  }
  pass trace(const tabular_rollouts& r, row_block rows) { return {table.trace(r, rows)}; }
  double step(update how) { return table.step(how); }
};

}  // namespace

TEST_CASE("mini-batches: an optimizer step each, every group once a pass, weights of their own") {
  // A table that counts its optimizer steps.
  struct counting : tabular_policy {
    int steps = 0;
    explicit counting(const tabular_policy& table) : tabular_policy(table) {}
    double step(update how) {
      ++steps;
      return tabular_policy::step(how);
    }
  } policy(bandit::random_policy(1));
  const std::vector<std::size_t> prompts{0, 1, 0, 1, 1};
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  run(train(policy, objective, first_item, prompts,
            {.steps = 1, .group_size = 4, .inner_epochs = 3, .mini_batches = 3, .learning_rate = 1.0}));
  CHECK(policy.steps == 9);
  REQUIRE(notes.weights.size() == 9);
  std::set<std::size_t> short_at;  // where the short mini-batch, of one group, comes in a pass
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(notes.weights[i].sum() == Approx(1.0));
    if (notes.weights[i].rows() == 4) short_at.insert(i % 3);
  }
  CHECK(short_at.size() > 1);  // passes go through the mini-batches in orders of their own
  for (std::size_t pass = 0; pass < 3; ++pass) {
    Eigen::Index rows = 0;
    for (std::size_t i = 0; i < 3; ++i) rows += notes.weights[3 * pass + i].rows();
    CHECK(rows == 20);
  }
}

TEST_CASE("mini-batches in micro-batches are the same steps") {
  std::vector<token_matrix<double>> tables;
  for (const std::size_t micro_rows : {0u, 1u, 3u, 4u, 100u}) {
    tabular_policy policy = bandit::random_policy(2);
    const std::vector<std::size_t> prompts{0, 1, 0, 1, 1};
    run(train(policy, grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0}, bandit::rank_reward, prompts,
              {.steps = 3,
               .group_size = 4,
               .inner_epochs = 2,
               .mini_batches = 2,
               .micro_rows = micro_rows,
               .learning_rate = 1.0,
               .sampling_rounds = 2}));
    tables.push_back(policy.logits());
  }
  for (const token_matrix<double>& table : tables) CHECK((table - tables.front()).abs().maxCoeff() < 1e-5);
}

TEST_CASE("dynamic sampling: groups of equal rewards are dropped and others sampled in their place") {
  // Prompts are numbered by the table's rows; only those above 5 can earn different rewards.
  tabular_policy policy({.prompts = 12, .length = 1, .items = 8});
  std::vector<std::size_t> prompts(12);
  for (std::size_t i = 0; i < 12; ++i) prompts[i] = i;
  std::multiset<std::size_t> asked;
  const auto goal = [&](std::size_t prompt, const std::vector<int>& list) {
    asked.insert(prompt);
    return prompt > 5 ? list[0] : 0.1;
  };
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  train_options options{.steps = 1, .prompts_per_step = 4, .group_size = 16, .sampling_rounds = 12};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    asked.clear();
    options.seed = seed;
    const step_metrics m = run(train(policy, objective, goal, prompts, options)).at(0);
    CHECK(notes.rewards.size() == 4 * 16);  // a full step, of groups that differ
    CHECK(std::set<std::size_t>(notes.groups.begin(), notes.groups.end()).size() == 4);
    for (Eigen::Index first = 0; first < 64; first += 16)
      CHECK(notes.rewards.segment(first, 16).minCoeff() < notes.rewards.segment(first, 16).maxCoeff());
    std::size_t useless = 0;
    for (std::size_t prompt = 0; prompt < 12; ++prompt) {
      CHECK((asked.count(prompt) == 0 || asked.count(prompt) == 16));  // none twice
      if (prompt <= 5) useless += asked.count(prompt) / 16;
    }
    CHECK(m.frac_reward_zero_std == Approx(static_cast<double>(useless) / static_cast<double>(4 + useless)));
    CHECK(m.num_tokens == asked.size());  // what was dropped was paid for, too
  }
}

TEST_CASE("dynamic sampling ends: after its rounds, and when all prompts are tried") {
  tabular_policy policy({.prompts = 12, .length = 1, .items = 8});
  const token_matrix<double> before = policy.logits();
  const std::vector<std::size_t> prompts{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  std::size_t asked = 0;
  const auto equal = [&](std::size_t, const std::vector<int>&) { return ++asked, 0.3; };
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  for (const auto& [rounds, expected] :
       std::vector<std::pair<std::size_t, std::size_t>>{{1, 5}, {2, 10}, {9, 12}}) {
    asked = 0;
    const step_metrics m =
        run(train(policy, objective, equal, prompts,
                  {.steps = 1, .prompts_per_step = 5, .group_size = 2, .sampling_rounds = rounds}))
            .at(0);
    CHECK(asked == 2 * expected);
    CHECK(m.frac_reward_zero_std == Approx(1.0));
    CHECK(m.loss == 0.0);
    CHECK(m.grad_norm == 0.0);
  }
  CHECK(notes.weights.empty());  // nothing was learned from
  CHECK((policy.logits() == before).all());
}

TEST_CASE("a step without a group leaves the coefficient of the divergence as it is") {
  tabular_policy policy = bandit::random_policy(11);
  const tabular_policy reference = bandit::random_policy(12);
  const auto equal = [](std::size_t, const std::vector<int>&) { return 0.3; };
  for (const std::size_t rounds : {0u, 1u}) {
    const auto all = run(train(policy, grpo{}, equal, bandit::users,
                               {.steps = 2,
                                .learning_rate = 1e-9,
                                .sampling_rounds = rounds,
                                .kl_control = adaptive_kl{.coef = 0.2, .target = 50.0, .horizon = 2.0}},
                               &reference));
    CHECK((all[1].kl_coef.value() == 0.2) == (rounds == 1));
  }
}

TEST_CASE("dynamic sampling is resumed bit for bit") {
  const std::vector<std::size_t> prompts{0, 1, 1, 0, 1, 0};
  train_options options{.steps = 9,
                        .prompts_per_step = 2,
                        .group_size = 3,
                        .inner_epochs = 2,
                        .mini_batches = 2,
                        .learning_rate = 2.0,
                        .seed = 3,
                        .sampling_rounds = 3};
  tabular_policy whole = bandit::fresh_policy(), parts = bandit::fresh_policy();
  run(train(whole, grpo{.kl_coef = 0}, bandit::rank_reward, prompts, options));
  run(train(parts, grpo{.kl_coef = 0}, bandit::rank_reward, prompts, options) | std::views::take(4));
  options.first_step = 4;
  run(train(parts, grpo{.kl_coef = 0}, bandit::rank_reward, prompts, options));
  CHECK((whole.logits() == parts.logits()).all());
}

TEST_CASE("parts of other lengths are stacked with zeros and come back as they were") {
  detail::step_batch<tabular_rollouts> batch;
  batch.parts.resize(2);
  batch.parts[0].rollouts.mask = token_matrix<float>::Constant(4, 3, 1.0f);
  batch.parts[1].rollouts.mask = token_matrix<float>::Constant(2, 5, 1.0f);
  batch.groups = {{0, {0, 2}}, {1, {0, 2}}};
  const auto blocks = batch.blocks(0, 2, 1, 2);
  CHECK(blocks.size() == 4);
  const auto mask = [](const auto& part) -> const auto& { return part.rollouts.mask; };
  const token_matrix<float> all = batch.stacked<float>(blocks, mask);
  REQUIRE(all.rows() == 4);
  REQUIRE(all.cols() == 5);
  CHECK(all.topRows(2).leftCols(3).minCoeff() == 1.0f);
  CHECK(all.topRows(2).rightCols(2).maxCoeff() == 0.0f);
  CHECK(all.bottomRows(2).minCoeff() == 1.0f);
  batch.unstack(
      all, blocks, [](auto& part) -> auto& { return part.fixed.weights; });
  CHECK((batch.parts[1].fixed.weights == batch.parts[1].rollouts.mask).all());
  CHECK((batch.parts[0].fixed.weights.topRows(2) == 1.0f).all());
  CHECK((batch.parts[0].fixed.weights.bottomRows(2) == 0.0f).all());  // not of a group that counts
}

TEST_CASE("truncated completions are compared but not learned from") {
  cut_policy policy(bandit::random_policy(3));
  const tabular_rollouts r = policy.sample(bandit::users, 8, random_stream(0).split(0));
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  train_options options{.steps = 1, .group_size = 8, .mask_truncated = true};
  const step_metrics m = run(train(policy, objective, first_item, bandit::users, options)).at(0);
  REQUIRE(notes.weights.size() == 1);
  double cut = 0.0;
  for (Eigen::Index row = 0; row < 16; ++row) {
    // The order of prompts is the seed's: compare by what was earned.
    const bool truncated = static_cast<int>(notes.rewards(row)) % 2 == 1;
    cut += truncated;
    CHECK((notes.weights[0].row(row) == 0.0f).all() == truncated);
    CHECK((notes.advantages[0].row(row) == 0.0f).all() == truncated);
  }
  REQUIRE(cut > 0);
  CHECK(m.truncated.value() == Approx(cut / 16));
  // The others' advantages are those of the whole group.
  const row_values<double> expected = group_relative(notes.rewards, notes.groups);
  for (Eigen::Index row = 0; row < 16; ++row)
    if (static_cast<int>(notes.rewards(row)) % 2 == 0)
      CHECK(static_cast<double>(notes.advantages[0](row, 0)) == Approx(expected(row)));
  options.mask_truncated = false;
  run(train(policy, objective, first_item, bandit::users, options));
  CHECK((notes.weights[1] > 0.0f).all());
}

TEST_CASE("greedy baselines are the rewards of the likeliest lists") {
  tabular_policy policy = bandit::random_policy(4);
  std::vector<double> best;
  for (const std::size_t user : bandit::users) {
    Eigen::Index item = 0;
    policy.logits().row(static_cast<Eigen::Index>(3 * user)).maxCoeff(&item);
    best.push_back(static_cast<double>(item));
  }
  told notes;
  const noting objective{{.kl_coef = 0, .advantage = advantage::greedy_baseline}, &notes};
  const step_input<std::size_t> in{.prompts = {1, 0}, .numbers = {1, 0}, .rng = random_stream(3)};
  const step_metrics m =
      group_step(policy, objective, first_item, in, {.group_size = 4, .greedy_baseline = true}, none);
  REQUIRE(notes.baselines.size() == 8);
  for (Eigen::Index row = 0; row < 8; ++row) {
    CHECK(notes.baselines(row) == best[row < 4 ? 1 : 0]);
    CHECK(static_cast<double>(notes.advantages[0](row, 0)) ==
          Approx(notes.rewards(row) - notes.baselines(row)).margin(1e-6));
  }
  CHECK(m.greedy_reward.value() == Approx((best[0] + best[1]) / 2));
  CHECK_THROWS_WITH(group_step(policy, objective, first_item, in, {.group_size = 4}, none),
                    Contains("0 baselines"));
}

TEST_CASE("several rewards: the addends of the goal are gdpo's columns") {
  tabular_policy policy = bandit::random_policy(5);
  const auto first = reward::term("first", first_item);
  const auto second = reward::term("second", [](const std::vector<int>& list) { return list[1]; });
  told notes;
  const noting objective{{.kl_coef = 0, .advantage = advantage::gdpo}, &notes};
  const step_input<std::size_t> in{.prompts = {1, 0}, .rng = random_stream(3)};
  group_step(policy, objective, 0.5 * (first - 2.0 * second) + 1.0, in, {.group_size = 6}, none);
  REQUIRE(notes.column_weights.size() == 2);
  CHECK(notes.column_weights(0) == 0.5);
  CHECK(notes.column_weights(1) == -1.0);
  for (Eigen::Index row = 0; row < 12; ++row)
    CHECK(notes.rewards(row) == Approx(0.5 * notes.columns(row, 0) - notes.columns(row, 1) + 1.0));
  // Normalised one by one, so that a factor of 1000 on a reward's scale changes nothing (but by epsilon).
  const token_matrix<float> small = notes.advantages[0];
  policy = bandit::random_policy(5);
  const auto large = reward::term("large", [](const std::vector<int>& list) { return 1000.0 * list[0]; });
  group_step(policy, objective, 0.5 * (large - 2.0 * second) + 1.0, in, {.group_size = 6}, none);
  CHECK((notes.advantages[1] - small).abs().maxCoeff() < 1e-3f);
}

TEST_CASE("the surrogate learns from the tokens of highest entropy") {
  tabular_policy policy = bandit::random_policy(6);
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  const step_input<std::size_t> in{.prompts = {0, 1}, .rng = random_stream(3)};
  group_step(policy, objective, first_item, in, {.group_size = 5, .learning_rate = 1e-9, .top_entropy = 0.5},
             none);
  // Six places in all, each sampled five times: the three of highest entropy.
  std::vector<double> entropies;
  for (Eigen::Index cell = 0; cell < 6; ++cell) {
    const Eigen::Array<double, 1, Eigen::Dynamic> p =
        policy.logits().row(cell).exp() / policy.logits().row(cell).exp().sum();
    entropies.push_back(-(p * p.log()).sum());
  }
  std::vector<double> sorted = entropies;
  std::ranges::sort(sorted);
  for (Eigen::Index row = 0; row < 10; ++row)
    for (Eigen::Index t = 0; t < 3; ++t) {
      const double entropy = entropies[static_cast<std::size_t>((row < 5 ? 0 : 3) + t)];
      CHECK(notes.importance.at(0)(row, t) == (entropy >= sorted[3] - 1e-6 ? 1.0f : 0.0f));
    }
}

TEST_CASE("importance: the trainer's log-probs over the sampler's") {
  cut_policy policy(bandit::random_policy(7));
  policy.shift = -0.5f;  // the sampler says e^-0.5 of what it did
  told notes;
  const noting objective{{.kl_coef = 0}, &notes};
  const step_input<std::size_t> in{.prompts = {0, 1}, .rng = random_stream(3)};
  const tabular_rollouts r = policy.sample(in.prompts, 5, in.rng);
  train_options options{.group_size = 5, .learning_rate = 1e-9, .importance = importance_options{}};
  step_metrics m = group_step(policy, objective, first_item, in, options, none);
  CHECK((notes.importance.at(0) - std::exp(0.5f)).abs().maxCoeff() < 1e-5f);
  CHECK((notes.old_log_probs.at(0) - (r.log_probs + 0.5f)).abs().maxCoeff() < 1e-5f);
  CHECK(m.importance_ratio.value() == Approx(std::exp(0.5)));
  options.importance->cap = 1.25;
  options.top_entropy = 0.5;
  m = group_step(policy, objective, first_item, in, options, none);
  CHECK(notes.importance.at(1).maxCoeff() == 1.25f);
  CHECK((notes.importance.at(1) == 0.0f).count() == 15);  // the other half of the tokens
}

TEST_CASE("the divergence as a part of the rewards, with a coefficient that follows it") {
  const tabular_policy start = bandit::random_policy(8);
  tabular_policy reference = bandit::random_policy(9), policy = start;
  told notes;
  const noting objective{{.kl_coef = 0, .advantage = advantage::leave_one_out}, &notes};
  const step_input<std::size_t> in{.prompts = {0, 1}, .rng = random_stream(3)};
  const tabular_rollouts r = policy.sample(in.prompts, 5, in.rng);
  group_step(policy, objective, first_item, in, {.group_size = 5, .kl_in_reward = kl_penalty{.coef = 0.3}},
             &reference);
  const token_matrix<double> expected = -0.3 * (r.log_probs - reference.log_probs(r, {0, 10})).cast<double>();
  CHECK((notes.token_rewards - expected).abs().maxCoeff() < 1e-6);

  // Ziegler's controller, in the reward and in the loss.
  for (const bool in_reward : {true, false}) {
    train_options options{.steps = 6,
                          .group_size = 4,
                          .learning_rate = 2.0,
                          .kl_control = adaptive_kl{.coef = 0.2, .target = 0.5, .horizon = 3.0}};
    if (in_reward) options.kl_in_reward = kl_penalty{};
    policy = start;
    const auto all = run(train(policy, grpo{.kl_coef = 0}, first_item, bandit::users, options, &reference));
    double coef = 0.2;
    for (const step_metrics& m : all) {
      CHECK(m.kl_coef.value() == Approx(coef));
      coef *= 1.0 + std::clamp(m.kl / 0.5 - 1.0, -0.2, 0.2) / 3.0;
    }
    CHECK(all.back().kl_coef.value() != Approx(0.2));
    // Resumed with the last coefficient.
    tabular_policy parts = start;
    const auto head = run(train(parts, grpo{.kl_coef = 0}, first_item, bandit::users, options, &reference) |
                          std::views::take(3));
    options.first_step = 3;
    options.kl_control->coef = all[3].kl_coef.value();
    run(train(parts, grpo{.kl_coef = 0}, first_item, bandit::users, options, &reference));
    CHECK((parts.logits() == policy.logits()).all());
  }
}

TEST_CASE("the reference follows the policy by copies or by a moving average") {
  for (const double share : {1.0, 0.25}) {
    tabular_policy policy = bandit::random_policy(10), reference = policy;
    token_matrix<double> expected = reference.logits();
    for (const auto& m :
         train(policy, grpo{}, first_item, bandit::users,
               {.steps = 5, .group_size = 4, .learning_rate = 1.0, .refresh = {.every = 2, .share = share}},
               &reference)) {
      if (m.step % 2 == 1) expected = share * policy.logits() + (1.0 - share) * expected;
      CHECK((reference.logits() - expected).abs().maxCoeff() < 1e-12);
    }
    CHECK((reference.logits() != policy.logits()).any());
  }
}

TEST_CASE("settings that cannot be kept are refused before the first step") {
  tabular_policy policy = bandit::fresh_policy();
  const tabular_policy frozen = policy;
  const auto start = [&](const train_options& o, const tabular_policy* reference = nullptr) {
    static_cast<void>(train(policy, grpo{.kl_coef = 0}, first_item, bandit::users, o, reference));
  };
  CHECK_THROWS_WITH(start({.mini_batches = 0}), Contains("mini_batches = 0; expected at least 1"));
  CHECK_THROWS_WITH(start({.top_entropy = 0.0}), Contains("top_entropy = 0; expected a share in (0, 1]"));
  CHECK_THROWS_WITH(start({.top_entropy = 1.5}), Contains("top_entropy = 1.5"));
  CHECK_THROWS_WITH(start({.group_size = 1, .sampling_rounds = 2}),
                    Contains("sampling_rounds = 2 drops groups of equal rewards, but group_size = 1"));
  CHECK_THROWS_WITH(start({.kl_in_reward = kl_penalty{}}),
                    Contains("kl_in_reward is set, which needs a reference"));
  CHECK_THROWS_WITH(start({.kl_control = adaptive_kl{}}), Contains("compares with a reference policy"));
  CHECK_THROWS_WITH(start({.refresh = {.every = 2, .share = 2.0}}), Contains("share in (0, 1], got 2 and 2"));
  CHECK_THROWS_WITH(start({.refresh = {.every = 2}}), Contains("there is no reference to follow"));
  CHECK_THROWS_WITH(start({.refresh = {.every = 2}}, &frozen),
                    Contains("must not be const and needs  blend"));

  plain foreign{bandit::fresh_policy()};
  CHECK_THROWS_WITH(
      run(train(foreign, grpo{.kl_coef = 0}, first_item, bandit::users, {.greedy_baseline = true})),
      Contains("the policy needs  greedy("));
  CHECK_THROWS_WITH(run(train(foreign, grpo{.kl_coef = 0}, first_item, bandit::users, {.top_entropy = 0.5})),
                    Contains("trace needs  entropies()"));
}
