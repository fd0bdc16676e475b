// expect: recllm: evidence() needs completions with a member  reasoning , text
#include <string>
#include <vector>

#include <recllm/reward.hpp>

double wrong() {
  const auto goal = recllm::reward::evidence([](int) { return std::string("war"); });
  return recllm::reward::evaluate(goal, 0, std::vector<int>{1});
}
