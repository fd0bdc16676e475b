// expect: recllm: a pair loss is called as  loss(pair_log_probs, pair_options)
#include <recllm/dpo.hpp>

using namespace recllm;

int main() {
  const dpo objective{.loss = [](double margin) { return margin; }};
  return objective.needs_reference() ? 1 : 0;
}
