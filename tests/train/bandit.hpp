// The slate bandit that trainers are tried on: each user watches one item next; a list of distinct items
// earns the reciprocal rank of that item.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <recllm/reward.hpp>
#include <recllm/tabular.hpp>

namespace bandit {

inline const std::vector<std::size_t> users{0, 1};
inline const std::vector<int> next{3, 7};

inline recllm::tabular_policy fresh_policy() {
  return recllm::tabular_policy{{.prompts = 2, .length = 3, .items = 10}};
}

// A policy with logits drawn from N(0, 1): nothing is symmetric.
inline recllm::tabular_policy random_policy(std::uint64_t seed) {
  recllm::tabular_policy policy = fresh_policy();
  recllm::random_stream rng(seed);
  for (double& logit : policy.logits().reshaped()) logit = rng.normal();
  return policy;
}

// By hand, so that the trainers are not judged by the library's own measures.
inline double rank_reward(std::size_t user, const std::vector<int>& list) {
  for (std::size_t i = 0; i < list.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (list[i] == list[j]) return -1.0;
  const auto found = std::ranges::find(list, next[user]);
  return found == list.end() ? 0.0 : 1.0 / static_cast<double>(found - list.begin() + 1);
}

// The mean reward of the policy, from `count` lists a user.
inline double expected_reward(const recllm::tabular_policy& policy, std::size_t count = 500) {
  const recllm::tabular_rollouts r = policy.sample(users, count, recllm::random_stream(99));
  double sum = 0.0;
  for (std::size_t row = 0; row < r.completions.size(); ++row)
    sum += rank_reward(r.answered[row], r.completions[row]);
  return sum / static_cast<double>(r.completions.size());
}

}  // namespace bandit
