// A table learns to recommend by GRPO, with a reward composed of three terms. Needs Eigen, nothing else.
#include <cstddef>
#include <cstdio>
#include <vector>

#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train.hpp>

using namespace recllm;

int main() {
  const std::vector<std::size_t> users{0, 1};
  const std::vector<int> watched_next{3, 7};  // what each user goes on to watch

  tabular_policy policy{{.prompts = 2, .length = 3, .items = 10}};  // three places for ten items

  const auto goal = when(reward::distinct_items(),
                         1.0 * reward::reciprocal_rank([&](std::size_t user) { return watched_next[user]; }) +
                             0.2 * reward::diversity([](int item) { return item % 4; }))
                        .otherwise(-1.0);

  for (const auto& m : train(policy, grpo{.clip_high = 0.28, .kl_coef = 0}, goal, users,
                             {.steps = 201, .group_size = 16, .learning_rate = 4.0}))
    if (m.step % 50 == 0) {
      std::printf("step %3td   reward %6.3f", m.step, m.reward);
      for (const auto& term : m.reward_terms) std::printf("   %s %.3f", term.name.c_str(), term.mean);
      std::printf("\n");
    }

  for (const std::size_t user : users) {
    const auto lists = policy.sample(std::vector{user}, 1, random_stream(7)).completions;
    std::printf("user %zu, who will watch %d, is shown", user, watched_next[user]);
    for (const int item : lists[0]) std::printf(" %d", item);
    std::printf("\n");
  }
}
