// A composed reward of lists of 10 and 50 items.
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/core/random.hpp>
#include <recllm/reward.hpp>

using namespace recllm;

namespace {

struct user {
  std::vector<std::size_t> next_items, history;
};

std::vector<std::size_t> some_items(std::size_t count, random_stream rng) {
  std::vector<std::size_t> items = rng.permutation(4 * count);
  items.resize(count);
  return items;
}

void composed_reward(benchmark::State& state) {
  const auto length = static_cast<std::size_t>(state.range(0));
  const user prompt{some_items(length, random_stream(1)), some_items(length, random_stream(2))};
  const std::vector<std::size_t> list = some_items(length, random_stream(3));
  const auto goal =
      when(reward::distinct_items(), reward::lcs(&user::next_items) +
                                         0.3 * reward::diversity([](std::size_t item) { return item % 19; }) -
                                         0.5 * reward::seen(&user::history))
          .otherwise(-1.0);
  for (auto _ : state) benchmark::DoNotOptimize(reward::evaluate(goal, prompt, list));
  state.SetItemsProcessed(state.iterations());  // completions
}
BENCHMARK(composed_reward)->Arg(10)->Arg(50);

}  // namespace
