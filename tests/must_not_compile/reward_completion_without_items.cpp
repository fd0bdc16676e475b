// expect: recllm: a reward on lists needs completions that are lists of items or have a list  items
#include <string>

#include <recllm/reward.hpp>

int main() {
  const auto goal = recllm::reward::repeats();
  return static_cast<int>(recllm::reward::evaluate(goal, 1, std::string("3, 1, 4")));
}
