// expect: recllm: what sample() returns needs  log_probs , a recllm::token_matrix<float> of each token
#include <recllm/grpo.hpp>
#include <recllm/train.hpp>

using namespace recllm;

struct my_rollouts {
  std::vector<std::size_t> prompt;
  std::vector<int> completions;
  token_matrix<float> mask;
};

struct my_policy {
  using prompt_type = int;
  my_rollouts sample(std::span<const int>, std::size_t, random_stream);
};

int main() {
  my_policy policy;
  const std::vector<int> prompts{0};
  for (const auto& m : train(
           policy, grpo{.kl_coef = 0}, [](int) { return 1.0; }, prompts))
    static_cast<void>(m);
}
