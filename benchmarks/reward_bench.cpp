// Longest common subsequences, and a whole reward of the twelve rollouts of a group.
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/core/random.hpp>
#include <recllm/measure/lcs.hpp>
#include <recllm/reward.hpp>

using namespace recllm;

namespace {

using item_list = std::vector<std::size_t>;

/// `count` distinct items out of `kinds`, by a rule that peers/rapidfuzz_lcs.py follows, too.
item_list some_items(std::size_t count, std::size_t kinds, std::uint64_t seed) {
  item_list list(kinds);
  std::iota(list.begin(), list.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    std::swap(list[i], list[i + (seed >> 33) % (kinds - i)]);
  }
  list.resize(count);
  return list;
}

/// `f` of 64 pairs of lists of range(0) items, drawn from twice as many, in turn. "sum" is that of all pairs.
template <class F>
void pairs_of_lists(benchmark::State& state, F f) {
  const auto length = static_cast<std::size_t>(state.range(0));
  std::vector<item_list> lists;
  for (std::size_t i = 0; i < 64; ++i) lists.push_back(some_items(length, 2 * length, i));
  std::size_t pair = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(f(lists[pair % 64], lists[(pair * 7 + 1) % 64]));
    ++pair;
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < 64; ++i) sum += static_cast<double>(f(lists[i], lists[(7 * i + 1) % 64]));
  state.counters["sum"] = sum;
}

void lcs_plain(benchmark::State& state) {
  pairs_of_lists(state, [](const item_list& a, const item_list& b) { return measure::lcs_length(a, b); });
}
BENCHMARK(lcs_plain)->Arg(10)->Arg(50)->Arg(200)->Arg(1000);

void lcs_position_weighted(benchmark::State& state) {
  pairs_of_lists(state,
                 [](const item_list& a, const item_list& b) { return measure::position_weighted_lcs(a, b); });
}
BENCHMARK(lcs_position_weighted)->Arg(10)->Arg(50)->Arg(200)->Arg(1000);

struct user {
  item_list next_items, pool, history;
};
struct answer {
  std::string text;
  item_list items;
};

/// Format, LCS, diversity of topics, novelty and four penalties of 12 rollouts of range(0) items: a pool of
/// 50, a history of 50, three topics an item, 600 characters of reasoning.
void group_reward(benchmark::State& state) {
  constexpr std::size_t catalogue = 1000;
  const auto length = static_cast<std::size_t>(state.range(0));
  random_stream rng(1);
  const user prompt{some_items(10, catalogue, 1), some_items(50, catalogue, 2), some_items(50, catalogue, 3)};
  std::vector<std::vector<int>> topics(catalogue);
  std::vector<double> shares(catalogue);
  for (std::size_t item = 0; item < catalogue; ++item) {
    for (int topic = 0; topic < 3; ++topic) topics[item].push_back(static_cast<int>(rng.below(20)));
    shares[item] = 1.0 / static_cast<double>(1 + rng.below(1'000'000));
  }
  std::vector<answer> rollouts;
  for (std::size_t i = 0; i < 12; ++i) {
    std::string text = "<think>" + std::string(600, 'x') + "</think><answer>";
    const item_list list = some_items(length, catalogue, 10 + i);
    for (const std::size_t item : list) text += std::to_string(item) + " ";
    rollouts.push_back({text + "</answer>", list});
  }
  const auto goal =
      when(reward::format(), 0.6 * reward::lcs(&user::next_items) +
                                 0.2 * reward::diversity([&](std::size_t item) -> const std::vector<int>& {
                                   return topics[item];
                                 }) +
                                 0.02 * reward::novelty([&](std::size_t item) { return shares[item]; }) -
                                 0.2 * reward::repeats() - 0.2 * reward::out_of_pool(&user::pool) -
                                 0.2 * reward::seen(&user::history) - 0.2 * reward::wrong_count(length))
          .otherwise(-1.0);
  for (auto _ : state)
    for (const answer& rollout : rollouts) benchmark::DoNotOptimize(reward::evaluate(goal, prompt, rollout));
}
BENCHMARK(group_reward)->Arg(10)->Arg(50)->Unit(benchmark::kMicrosecond);

}  // namespace
