// expect: recllm: a policy needs  using prompt_type = ...;  the type of what it answers
#include <recllm/grpo.hpp>
#include <recllm/train.hpp>

using namespace recllm;

struct my_policy {};

int main() {
  my_policy policy;
  const std::vector<int> prompts{0};
  for (const auto& m : train(
           policy, grpo{.kl_coef = 0}, [](int) { return 1.0; }, prompts))
    static_cast<void>(m);
}
