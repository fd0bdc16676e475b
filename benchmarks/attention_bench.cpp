// Attention of a group of G completions to their prompt and to themselves, forward and backward: with a mask
// over all of the group's tokens, and merged. Arguments: prompt, completion, group. For one thread set
// OMP_NUM_THREADS=1.
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/torch/attention.hpp>

using namespace recllm::torch_bridge;

namespace {

void group_attention(benchmark::State& state, prompt_attention attention) {
  const token_ids prompt(static_cast<std::size_t>(state.range(0)), 0),
      completion(static_cast<std::size_t>(state.range(1)), 0);
  const std::vector<prompt_group> groups{{prompt, std::vector<std::span<const std::int64_t>>(
                                                      static_cast<std::size_t>(state.range(2)), completion)}};
  const packed_batch batch = pack(groups, at::kCPU, attention);
  constexpr std::int64_t heads = 6, kv_heads = 2, size = 64;
  torch::manual_seed(1);
  const auto input = [&](std::int64_t of) {
    return at::randn({batch.tokens.numel(), of, size}).requires_grad_();
  };
  const at::Tensor q = input(heads), k = input(kv_heads), v = input(kv_heads);
  const at::Tensor slopes = at::randn({batch.tokens.numel(), heads, size});
  for (auto _ : state) {
    attend(batch, q, k, v).backward(slopes);
    benchmark::DoNotOptimize(q.grad().data_ptr());
  }
  state.counters["tokens"] = static_cast<double>(batch.tokens.numel());
}

}  // namespace

BENCHMARK_CAPTURE(group_attention, masked, prompt_attention::masked)
    ->Args({128, 64, 12})
    ->Args({512, 64, 12})
    ->Args({1024, 64, 12})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(group_attention, merged, prompt_attention::merged)
    ->Args({128, 64, 12})
    ->Args({512, 64, 12})
    ->Args({1024, 64, 12})
    ->Unit(benchmark::kMillisecond);
