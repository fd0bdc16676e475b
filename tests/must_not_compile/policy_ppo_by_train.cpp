// expect: such as grpo{}; ppo learns by train_ppo, sft and dpo by fit
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
  for (const auto& m : train(policy, ppo{.kl_coef = 0}, goal, prompts)) static_cast<void>(m);
}
