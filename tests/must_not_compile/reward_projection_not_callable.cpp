// expect: recllm: a reward's projection must be callable with the prompt
#include <vector>

#include <recllm/reward.hpp>

struct sample {
  std::vector<int> next_items;
};
struct other {
  std::vector<int> next_items;
};

int main() {
  const auto goal = recllm::reward::lcs(&other::next_items);
  return static_cast<int>(recllm::reward::evaluate(goal, sample{}, std::vector<int>{}));
}
