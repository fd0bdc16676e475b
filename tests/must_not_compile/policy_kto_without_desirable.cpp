// expect: recllm: this objective learns from labels, so fit needs examples with  prompt
#include <recllm/kto.hpp>
#include <recllm/tabular.hpp>

using namespace recllm;

int main() {
  tabular_policy policy{{}};
  const std::vector<example<std::size_t, std::vector<int>>> examples(1);
  for (const auto& m : fit(policy, kto{}, examples, {}, &policy)) static_cast<void>(m);
}
