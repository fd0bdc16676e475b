// expect: recllm: when: a test must be callable as  test(const prompt&, const completion&)
#include <vector>

#include <recllm/reward.hpp>

using namespace recllm;

int main() {
  const auto goal = when([](const char* text) { return *text != 0; }, reward::diversity()).otherwise(-1.0);
  return static_cast<int>(reward::evaluate(goal, 1, std::vector<int>{}));
}
