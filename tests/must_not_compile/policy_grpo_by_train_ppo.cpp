// expect: such as ppo{}; grpo learns by train
#include <recllm/dpo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/ppo.hpp>
#include <recllm/sft.hpp>
#include <recllm/tabular_critic.hpp>
#include <recllm/train.hpp>

using namespace recllm;

int main() {
  tabular_policy policy{{}};
  const std::vector<std::size_t> prompts{0};
  const auto goal = [](const std::vector<int>&) { return 1.0; };
  tabular_critic critic{{}};
  for (const auto& m : train_ppo(policy, critic, grpo{.kl_coef = 0}, goal, prompts)) static_cast<void>(m);
}
