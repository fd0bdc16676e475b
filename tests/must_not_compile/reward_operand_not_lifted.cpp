// expect: recllm: reward expressions combine with expressions and numbers: lift a function
#include <vector>

#include <recllm/reward.hpp>

using namespace recllm;

int main() {
  const auto goal = reward::diversity() + [](const std::vector<int>& list) { return list.size(); };
  return static_cast<int>(reward::evaluate(goal, 1, std::vector<int>{}));
}
