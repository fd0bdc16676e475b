// expect: recllm: train_ppo needs a critic, a variable with  values(rollouts, recllm::row_block)
#include <recllm/dpo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/ppo.hpp>
#include <recllm/sft.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train.hpp>

using namespace recllm;

int main() {
  tabular_policy policy{{}};
  const std::vector<std::size_t> prompts{0};
  const auto goal = [](const std::vector<int>&) { return 1.0; };
  int critic = 0;
  for (const auto& m : train_ppo(policy, critic, ppo{.kl_coef = 0}, goal, prompts)) static_cast<void>(m);
}
