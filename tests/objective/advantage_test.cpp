// Advantages against hand-computed numbers, their definitions and their invariants.
#include <limits>

#include <recllm/objective/advantage.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

row_values<double> column(std::initializer_list<double> values) {
  row_values<double> x(static_cast<Eigen::Index>(values.size()));
  Eigen::Index i = 0;
  for (const double value : values) x(i++) = value;
  return x;
}

using numbers = std::vector<std::size_t>;

struct random_rewards {
  row_values<double> rewards;
  numbers groups;
};

// Groups of 1 to 6 whose rows are shuffled among each other.
random_rewards draw(std::uint64_t seed) {
  random_stream rng(seed);
  random_rewards r;
  for (std::size_t group = 0; group < 8; ++group)
    r.groups.insert(r.groups.end(), 1 + rng.below(6), 1000 * group + 7);
  const std::vector<std::size_t> order = rng.permutation(r.groups.size());
  numbers shuffled;
  for (const std::size_t i : order) shuffled.push_back(r.groups[i]);
  r.groups = shuffled;
  r.rewards = row_values<double>(static_cast<Eigen::Index>(r.groups.size()));
  for (double& reward : r.rewards) reward = 3.0 + 10.0 * rng.normal();
  return r;
}

}  // namespace

TEST_CASE("group-relative advantages of 1, 2, 3 and of 0, 10") {
  const row_values<double> rewards = column({1, 0, 2, 10, 3});
  const numbers groups{4, 9, 4, 9, 4};
  const row_values<double> sample = group_relative(rewards, groups, {.epsilon = 0.0});
  CHECK(sample(0) == Approx(-1.0));
  CHECK(sample(2) == Approx(0.0).margin(1e-15));
  CHECK(sample(4) == Approx(1.0));
  CHECK(sample(1) == Approx(-std::sqrt(0.5)));
  CHECK(sample(3) == Approx(std::sqrt(0.5)));
  const row_values<double> population =
      group_relative(rewards, groups, {.epsilon = 0.0, .divisor = deviation::population});
  CHECK(population(0) == Approx(-std::sqrt(1.5)));
  CHECK(population(3) == Approx(1.0));
  CHECK(group_relative(rewards, groups, {.epsilon = 1.0})(4) == Approx(0.5));
  CHECK(group_relative(rewards, groups)(4) == Approx(1.0 / 1.0001).epsilon(1e-12));
}

TEST_CASE("other scales divide by the deviation of the step, or by nothing") {
  const row_values<double> rewards = column({1, 2, 3, 0, 10});
  const numbers groups{0, 0, 0, 1, 1};
  // Mean 3.2; squares of the distances: 4.84 + 1.44 + 0.04 + 10.24 + 46.24 = 62.8.
  const row_values<double> batch =
      group_relative(rewards, groups, {.scale = advantage_scale::batch_deviation, .epsilon = 0.0});
  CHECK(batch(0) == Approx(-1.0 / std::sqrt(62.8 / 4.0)));
  CHECK(batch(4) == Approx(5.0 / std::sqrt(62.8 / 4.0)));
  const row_values<double> plain = group_relative(rewards, groups, {.scale = advantage_scale::none});
  CHECK((plain - column({-1, 0, 1, -5, 5})).abs().maxCoeff() < 1e-15);
}

TEST_CASE("leave-one-out compares with the mean of the others") {
  const row_values<double> advantages = leave_one_out(column({1, 2, 6, 5, 4}), numbers{0, 0, 0, 1, 2});
  CHECK((advantages - column({1 - 4.0, 2 - 3.5, 6 - 1.5, 0, 0})).abs().maxCoeff() < 1e-15);
}

TEST_CASE("on random groups: definitions, sums of 0, and no trace of the order of rows") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    const auto [rewards, groups] = draw(seed);
    const row_values<double> relative = group_relative(rewards, groups, {.epsilon = 0.0});
    const row_values<double> loo = leave_one_out(rewards, groups);
    for (Eigen::Index i = 0; i < rewards.size(); ++i) {
      double count = 0.0, sum = 0.0, squares = 0.0, advantages = 0.0, loo_sum = 0.0;
      for (Eigen::Index j = 0; j < rewards.size(); ++j)
        if (groups[static_cast<std::size_t>(j)] == groups[static_cast<std::size_t>(i)]) {
          count += 1.0;
          sum += rewards(j);
          advantages += relative(j);
          loo_sum += loo(j);
        }
      for (Eigen::Index j = 0; j < rewards.size(); ++j)
        if (groups[static_cast<std::size_t>(j)] == groups[static_cast<std::size_t>(i)])
          squares += std::pow(rewards(j) - sum / count, 2);
      CHECK(std::abs(advantages) < 1e-12);
      CHECK(std::abs(loo_sum) < 1e-11);
      if (count == 1.0) {
        CHECK(relative(i) == 0.0);
        CHECK(loo(i) == 0.0);
      } else {
        CHECK(relative(i) == Approx((rewards(i) - sum / count) / std::sqrt(squares / (count - 1.0))));
        CHECK(loo(i) == Approx(rewards(i) - (sum - rewards(i)) / (count - 1.0)));
      }
    }
    const row_values<double> backwards =
        group_relative(rewards.reverse(), numbers(groups.rbegin(), groups.rend()), {.epsilon = 0.0});
    CHECK((backwards.reverse() - relative).abs().maxCoeff() < 1e-13);
  }
}

TEST_CASE("equal rewards have advantages of exactly 0") {
  for (const float reward : {0.1f, -0.7f, 1.0f / 3.0f, 1e-30f, 3e8f})
    for (Eigen::Index size = 1; size <= 12; ++size) {
      CAPTURE(reward, size);
      const row_values<double> rewards = row_values<double>::Constant(size, reward);
      const numbers one_group(static_cast<std::size_t>(size), 3);
      for (const advantage_scale scale :
           {advantage_scale::group_deviation, advantage_scale::batch_deviation, advantage_scale::none})
        CHECK((group_relative(rewards, one_group, {.scale = scale, .epsilon = 0.0}) == 0.0).all());
      CHECK((leave_one_out(rewards, one_group) == 0.0).all());
    }
  // ... in a step whose other groups differ, too.
  const row_values<double> mixed = group_relative(column({0.1, 0.1, 0.1, 5, 6}), numbers{0, 0, 0, 1, 1},
                                                  {.scale = advantage_scale::batch_deviation});
  CHECK((mixed.head(3) == 0.0).all());
  CHECK(mixed(4) > 0.0);
}

TEST_CASE("a completion without others has advantage 0, or keeps its reward where that is asked for") {
  const row_values<double> rewards = column({1, 3, 7});
  const numbers groups{0, 0, 1};
  const advantage_options keeps{.scale = advantage_scale::none, .lone = lone_completion::keeps_reward};
  CHECK((group_relative(rewards, groups, keeps) == column({-1, 1, 7})).all());
  CHECK((leave_one_out(rewards, groups, keeps) == column({-2, 2, 7})).all());
  CHECK(group_relative(rewards, groups)(2) == 0.0);
}

TEST_CASE("no rewards, no advantages") {
  CHECK(group_relative(row_values<double>(0), {}).size() == 0);
  CHECK(leave_one_out(row_values<double>(0), {}).size() == 0);
}

TEST_CASE("a reward that is not finite shows in its group, and only there") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {inf, -inf, nan}) {
    const row_values<double> advantages =
        group_relative(column({bad, bad, 1, 2, bad}), numbers{0, 0, 1, 1, 2});
    CHECK(std::isnan(advantages(0)));
    CHECK(std::isnan(advantages(1)));
    CHECK(std::isfinite(advantages(2)));
    CHECK(std::isnan(advantages(4)));
  }
}

TEST_CASE("advantages say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(group_relative(column({1, 2}), numbers{0}),
                    Contains("group_relative: got 2 rewards but 1 group numbers"));
  CHECK_THROWS_WITH(leave_one_out(column({1}), numbers{0, 1}),
                    Contains("leave_one_out: got 1 rewards but 2 group numbers"));
  CHECK_THROWS_WITH(group_relative(column({1}), numbers{0}, {.epsilon = -1.0}),
                    Contains("epsilon must be 0 or more, but is -1"));
}
