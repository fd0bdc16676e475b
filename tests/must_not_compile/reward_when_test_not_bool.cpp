// expect: recllm: when: a test must return a bool
#include <vector>

#include <recllm/reward.hpp>

using namespace recllm;

int main() {
  const auto goal =
      when([](const std::vector<int>& list) { return list; }, reward::diversity()).otherwise(-1.0);
  return static_cast<int>(reward::evaluate(goal, 1, std::vector<int>{}));
}
