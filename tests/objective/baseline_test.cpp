// OPO, ReMax and GPG against numbers by hand and their definitions.
#include <recllm/objective/baseline.hpp>
#include <recllm/reinforce.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

row_values<double> column(std::initializer_list<double> values) {
  return rows_of({values}).row(0).transpose();
}

using numbers = std::vector<std::size_t>;

}  // namespace

TEST_CASE("opo compares with the mean weighted by length") {
  const row_values<double> rewards = column({1, 3, 5, 5, 7}), lengths = column({1, 3, 4, 2, 9});
  const row_values<double> a = optimal_baseline({rewards, lengths}, numbers{0, 0, 1, 1, 2});
  CHECK((a == column({-1.5, 0.5, 0, 0, 0})).all());
  CHECK(optimal_baseline({rewards, lengths}, numbers{0, 0, 1, 1, 2},
                         {.lone = lone_completion::keeps_reward})(4) == 7.0);
  CHECK((optimal_baseline({rewards, lengths * 0.0}, numbers{0, 0, 1, 1, 2}).head(2) == column({1, 3})).all());
}

TEST_CASE("remax subtracts the greedy completion's reward, gpg makes up for groups without a gradient") {
  CHECK((greedy_baseline(column({1, 2}), column({0.5, 3})) == column({0.5, -1})).all());
  const row_values<double> a = gpg_relative(column({1, 3, 2, 2, 2, 2}), numbers{0, 0, 1, 1, 1, 1});
  CHECK((a == column({-3, 3, 0, 0, 0, 0})).all());
  CHECK((gpg_relative(column({2, 2}), numbers{0, 0}) == 0.0).all());
}

TEST_CASE("as estimators they act on each token, and rewards of tokens count") {
  const row_values<double> rewards = column({1, 3}), baselines = column({0.5, 1});
  const numbers groups{0, 0};
  const token_matrix<float> mask = rows_of({{1, 0, 0}, {1, 1, 1}}).cast<float>();
  const token_matrix<double> extra = rows_of({{0, 9, 9}, {-1, 0, 1}});
  const scored_step plain{.rewards = rewards, .groups = groups, .mask = mask, .baselines = baselines};
  CHECK((reinforce{.advantage = advantage::optimal_baseline}.advantages(plain) ==
         rows_of({{-1.5, 0, 0}, {0.5, 0.5, 0.5}}))
            .all());
  CHECK((reinforce{.advantage = advantage::greedy_baseline}.advantages(plain) ==
         rows_of({{0.5, 0, 0}, {2, 2, 2}}))
            .all());
  CHECK((reinforce{.advantage = advantage::gpg}.advantages(plain) == rows_of({{-1, 0, 0}, {1, 1, 1}})).all());
  const scored_step with{
      .rewards = rewards, .groups = groups, .mask = mask, .token_rewards = extra, .baselines = baselines};
  CHECK((reinforce{.advantage = advantage::greedy_baseline}.advantages(with) ==
         rows_of({{0.5, 0, 0}, {2, 3, 3}}))
            .all());
  CHECK(
      (reinforce{.scale = advantage_scale::none}.advantages(with) == rows_of({{-1, 0, 0}, {1, 1, 1}})).all());
}

TEST_CASE("baselines say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  const row_values<double> two = column({1, 2}), one = column({1});
  const numbers groups{0, 0};
  CHECK_THROWS_WITH(optimal_baseline({two, one}, groups),
                    Contains("optimal_baseline: got 2 rewards but 1 lengths"));
  CHECK_THROWS_WITH(greedy_baseline(two, one), Contains("greedy_baseline: got 2 rewards but 1 baselines"));
  CHECK_THROWS_WITH(gpg_relative(one, groups), Contains("gpg_relative: got 1 rewards but 2 group numbers"));
  const token_matrix<float> mask = token_matrix<float>::Ones(3, 1), right = token_matrix<float>::Ones(2, 1);
  const token_matrix<double> wrong = token_matrix<double>::Ones(1, 1);
  const scored_step bad{.rewards = two, .groups = groups, .mask = mask};
  CHECK_THROWS_WITH(reinforce{}.advantages(bad),
                    Contains("advantages: got 2 rewards but a mask of 3 completions"));
  const scored_step tokens{.rewards = two, .groups = groups, .mask = right, .token_rewards = wrong};
  CHECK_THROWS_WITH(reinforce{}.advantages(tokens),
                    Contains("token_rewards must be 2 x 1 as the mask, but is 1 x 1"));
}
