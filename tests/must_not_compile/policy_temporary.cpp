// expect: recllm: the policy is borrowed and learns in place: pass a variable, not a temporary
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
  for (const auto& m : train(tabular_policy{{}}, grpo{.kl_coef = 0}, goal, prompts)) static_cast<void>(m);
}
