// expect: recllm: what a policy's trace() returns needs  log_probs()  and  backward(recllm::token_view<float>
#include <recllm/grpo.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train.hpp>

using namespace recllm;

struct my_trace {
  token_matrix<float> log_probs() const;
};

struct my_policy : tabular_policy {
  using tabular_policy::tabular_policy;
  my_trace trace(const tabular_rollouts&, row_block);
};

int main() {
  my_policy policy{{}};
  const std::vector<std::size_t> prompts{0};
  for (const auto& m : train(
           policy, grpo{.kl_coef = 0}, [](const std::vector<int>&) { return 1.0; }, prompts))
    static_cast<void>(m);
}
