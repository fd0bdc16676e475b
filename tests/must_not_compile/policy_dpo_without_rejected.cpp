// expect: recllm: this objective compares pairs, so fit needs examples with  prompt , chosen  and  rejected
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
  const std::vector<example<std::size_t, std::vector<int>>> examples(1);
  for (const auto& m : fit(policy, dpo{}, examples, {}, &policy)) static_cast<void>(m);
}
