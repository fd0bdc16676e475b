// expect: recllm: a reward's projection to a share or a count must return a number
#include <string>
#include <vector>

#include <recllm/reward.hpp>

int main() {
  const auto goal = recllm::reward::novelty([](int) { return std::string("often"); });
  return static_cast<int>(recllm::reward::evaluate(goal, 1, std::vector<int>{}));
}
