// expect: recllm: format() needs completions that are text or have a member  text , or  well_formed  (bool)
#include <vector>

#include <recllm/reward.hpp>

int main() {
  return static_cast<int>(recllm::reward::evaluate(recllm::reward::format(), 1, std::vector<int>{}));
}
