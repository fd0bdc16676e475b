// expect: recllm: a policy needs  trace(rollouts, recllm::row_block)  that returns an object with
#include <recllm/grpo.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train.hpp>

using namespace recllm;

struct my_policy : tabular_policy {
  using tabular_policy::tabular_policy;
  void trace(const tabular_rollouts&, row_block) = delete;
};

int main() {
  my_policy policy{{}};
  const std::vector<std::size_t> prompts{0};
  for (const auto& m : train(
           policy, grpo{.kl_coef = 0}, [](const std::vector<int>&) { return 1.0; }, prompts))
    static_cast<void>(m);
}
