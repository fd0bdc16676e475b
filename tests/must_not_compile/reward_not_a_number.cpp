// expect: recllm: a reward must return a number: float, double, an integer or bool
#include <string>
#include <vector>

#include <recllm/reward.hpp>

using namespace recllm;

int main() {
  const auto goal = 2.0 * reward::term("title", [](const std::vector<int>&) { return std::string("Heat"); });
  return static_cast<int>(reward::evaluate(goal, 1, std::vector<int>{}));
}
