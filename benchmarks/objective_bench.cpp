// Loss and gradient of GRPO for a batch of B completions of T tokens, on the host.
#include <benchmark/benchmark.h>

#include <recllm/core/random.hpp>
#include <recllm/grpo.hpp>

using namespace recllm;

namespace {

token_matrix<float> log_probs_like(Eigen::Index rows, Eigen::Index columns, random_stream rng) {
  token_matrix<float> values(rows, columns);
  for (float& value : values.reshaped()) value = static_cast<float>(-3.0 * rng.uniform());
  return values;
}

void grpo_loss_and_gradient(benchmark::State& state) {
  const Eigen::Index rows = state.range(0), columns = state.range(1);
  const token_matrix<float> current = log_probs_like(rows, columns, random_stream(1)),
                            old = log_probs_like(rows, columns, random_stream(2)),
                            reference = log_probs_like(rows, columns, random_stream(3)),
                            advantages = log_probs_like(rows, columns, random_stream(4)) + 1.5f,
                            mask = token_matrix<float>::Ones(rows, columns);
  const grpo objective{.clip_low = 0.2, .clip_high = 0.28};
  const token_matrix<float> weights = objective.weights(mask);
  for (auto _ : state) {
    const evaluation<float> e = objective(token_batch<float>{current, old, reference, advantages, weights});
    benchmark::DoNotOptimize(e.dloss_dlogp.data());
  }
  state.SetItemsProcessed(state.iterations() * rows * columns);  // tokens
}
BENCHMARK(grpo_loss_and_gradient)->Args({64, 128})->Args({256, 512})->Unit(benchmark::kMillisecond);

}  // namespace
