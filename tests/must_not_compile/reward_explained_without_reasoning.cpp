// expect: recllm: explained() needs completions with a member  reasoning , text
#include <string>
#include <vector>

#include <recllm/reward.hpp>

double wrong() {
  const auto goal = recllm::reward::explained([](int) { return std::string("Heat"); });
  return recllm::reward::evaluate(goal, 0, std::vector<int>{1});
}
