// expect: recllm: grounded() needs completions with a member  reasons , a list of topics
#include <string>
#include <vector>

#include <recllm/reward.hpp>

int main() {
  const auto goal = recllm::reward::grounded([](int) { return std::string("war"); });
  return static_cast<int>(recllm::reward::evaluate(goal, 1, std::vector<int>{}));
}
