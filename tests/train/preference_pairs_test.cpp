// Pairs from scored groups: which, in what order, and that dpo learns from them.
#include <recllm/train/preference_pairs.hpp>

#include <cmath>
#include <limits>
#include <set>

#include <recllm/dpo.hpp>
#include <recllm/kto.hpp>
#include <recllm/tabular.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

row_values<double> values(std::initializer_list<double> given) {
  row_values<double> rewards(static_cast<Eigen::Index>(given.size()));
  Eigen::Index i = 0;
  for (const double value : given) rewards(i++) = value;
  return rewards;
}

}  // namespace

TEST_CASE("pairs of two groups, by each way") {
  // Group 7 is rows 0, 2, 3, 5 with rewards 1, 3, 1, 2; group 4 is rows 1 and 4, equal.
  const row_values<double> rewards = values({1, 5, 3, 1, 5, 2});
  const std::vector<std::size_t> groups{7, 4, 7, 7, 4, 7};
  using rows = std::vector<row_pair>;
  CHECK(preference_pairs(rewards, groups) == rows{{2, 0}});
  CHECK(preference_pairs(rewards, groups, {.how = pairing::best_rest}) == rows{{2, 0}, {2, 3}, {2, 5}});
  CHECK(preference_pairs(rewards, groups, {.how = pairing::all}) ==
        rows{{2, 0}, {2, 3}, {2, 5}, {5, 0}, {5, 3}});
  CHECK(preference_pairs(rewards, groups, {.how = pairing::all, .margin = 1.5}) == rows{{2, 0}, {2, 3}});
  CHECK(preference_pairs(rewards, groups, {.how = pairing::all, .margin = 2.0}) == rows{{2, 0}, {2, 3}});
  CHECK(preference_pairs(rewards, groups, {.margin = 2.1}).empty());
}

TEST_CASE("pairs of groups of one, of equal rewards, of none") {
  CHECK(preference_pairs(values({}), {}).empty());
  const std::vector<std::size_t> apart{0, 1, 2}, together{0, 0, 0};
  CHECK(preference_pairs(values({1, 2, 3}), apart, {.how = pairing::all}).empty());
  CHECK(preference_pairs(values({0.1, 0.1, 0.1}), together, {.how = pairing::all}).empty());
}

TEST_CASE("all pairs are those of a brute-force search") {
  random_stream rng(31);
  row_values<double> rewards(20);
  std::vector<std::size_t> groups;
  for (Eigen::Index i = 0; i < 20; ++i) {
    rewards(i) = static_cast<double>(rng.below(4)) / 4.0;
    groups.push_back(rng.below(3));
  }
  std::set<std::pair<std::size_t, std::size_t>> expected, got;
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t j = 0; j < 20; ++j)
      if (groups[i] == groups[j] &&
          rewards(static_cast<Eigen::Index>(i)) >= 0.5 + rewards(static_cast<Eigen::Index>(j)))
        expected.emplace(i, j);
  for (const row_pair& p : preference_pairs(rewards, groups, {.how = pairing::all, .margin = 0.5}))
    CHECK(got.emplace(p.chosen, p.rejected).second);
  CHECK(got == expected);
}

TEST_CASE("sampled, scored and paired, dpo learns what the reward wants") {
  tabular_policy policy{{.prompts = 2, .length = 2, .items = 4}};
  const tabular_policy reference = policy;
  const std::vector<std::size_t> prompts{1, 0};  // not in the table's order
  const auto reward = [](std::size_t prompt, const std::vector<int>& list) {
    return static_cast<double>(list[0] == static_cast<int>(prompt)) + static_cast<double>(list[1] == 3);
  };
  const tabular_rollouts r = policy.sample(prompts, 16, random_stream(1));
  const row_values<double> rewards = rewards_of(reward, r, prompts);
  const auto pairs = preferences_of(r, prompts, preference_pairs(rewards, r.prompt, {.how = pairing::all}));
  REQUIRE(pairs.size() > 50);
  for (const auto& p : pairs) CHECK(reward(p.prompt, p.chosen) > reward(p.prompt, p.rejected));
  for (const auto& m : fit(policy, dpo{}, pairs, {.epochs = 3, .learning_rate = 5.0}, &reference))
    static_cast<void>(m);
  for (const std::size_t prompt : {0u, 1u}) {
    Eigen::Index first = 0, second = 0;
    policy.logits().row(static_cast<Eigen::Index>(2 * prompt)).maxCoeff(&first);
    policy.logits().row(static_cast<Eigen::Index>(2 * prompt + 1)).maxCoeff(&second);
    CHECK(first == static_cast<Eigen::Index>(prompt));
    CHECK(second == 3);
  }
}

TEST_CASE("sampled, scored and labelled, kto learns what the reward wants") {
  tabular_policy policy{{.prompts = 2, .length = 1, .items = 4}};
  const tabular_policy reference = policy;
  const std::vector<std::size_t> prompts{1, 0};
  const auto reward = [](std::size_t prompt, const std::vector<int>& list) {
    return list[0] == static_cast<int>(prompt) ? 1.0 : 0.0;
  };
  const tabular_rollouts r = policy.sample(prompts, 16, random_stream(1));
  const auto labelled = feedback_of(r, prompts, rewards_of(reward, r, prompts), 0.5);
  REQUIRE(labelled.size() == 32);
  for (std::size_t i = 0; i < labelled.size(); ++i) {
    CHECK(labelled[i].prompt == prompts[i / 16]);
    CHECK(labelled[i].completion == r.completions[i]);
    CHECK(labelled[i].desirable == (reward(labelled[i].prompt, labelled[i].completion) == 1.0));
  }
  for (const auto& m : fit(policy, kto{}, labelled, {.epochs = 20, .learning_rate = 5.0}, &reference))
    static_cast<void>(m);
  for (const Eigen::Index prompt : {0, 1}) {
    Eigen::Index first = 0;
    policy.logits().row(prompt).maxCoeff(&first);
    CHECK(first == prompt);
  }
  CHECK_THROWS_WITH(feedback_of(r, prompts, values({1}), 0.5),
                    Catch::Matchers::Contains("got 1 rewards of 32 completions"));
  const auto broken = [](std::size_t, const std::vector<int>&) { return std::nan(""); };
  CHECK_THROWS_WITH(rewards_of(broken, r, prompts), Catch::Matchers::Contains("the reward of prompt 0"));
}

TEST_CASE("pairs say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  const std::vector<std::size_t> two{0, 0};
  CHECK_THROWS_WITH(preference_pairs(values({1}), two), Contains("got 1 rewards and 2 group numbers"));
  CHECK_THROWS_WITH(preference_pairs(values({1, std::nan("")}), two),
                    Contains("preference_pairs: the reward of completion 1 is"));
  CHECK_THROWS_WITH(preference_pairs(values({1, std::numeric_limits<double>::infinity()}), two),
                    Contains("is inf; expected a finite number"));
  CHECK_THROWS_WITH(preference_pairs(values({1, 2}), two, {.margin = -1.0}),
                    Contains("margin must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(preference_pairs(values({1, 2}), two, {.margin = std::nan("")}),
                    Contains("margin must be"));
  const tabular_policy policy{{.prompts = 2, .length = 1, .items = 2}};
  const std::vector<std::size_t> prompts{0, 1};
  const tabular_rollouts r = policy.sample(prompts, 2, random_stream(1));
  const std::vector<row_pair> missing{{0, 4}}, mixed{{1, 2}};
  CHECK_THROWS_WITH(preferences_of(r, prompts, missing),
                    Contains("rows 0 and 4, but there are 4 completions"));
  CHECK_THROWS_WITH(preferences_of(r, prompts, mixed), Contains("rows 1 and 2 answer prompts 0 and 1"));
}
