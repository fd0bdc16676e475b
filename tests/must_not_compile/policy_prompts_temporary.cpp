// expect: recllm: prompts and examples are borrowed: pass a variable or a span, not a temporary
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
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, goal, std::vector<std::size_t>{0}))
    static_cast<void>(m);
}
