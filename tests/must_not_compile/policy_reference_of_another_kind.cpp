// expect: recllm: a reference policy needs  log_probs(rollouts, recllm::row_block)  for the rollouts of
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
  const int reference = 0;
  for (const auto& m : train(policy, grpo{}, goal, prompts, {}, &reference)) static_cast<void>(m);
}
