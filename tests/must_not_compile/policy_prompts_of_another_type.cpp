// expect: recllm: prompts must lie in a std::vector, array or span of the policy's prompt_type
#include <string>
#include <vector>

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
  const std::vector<std::string> names{"a"};
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, goal, names)) static_cast<void>(m);
}
