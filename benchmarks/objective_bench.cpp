// Loss and gradient of policy objectives for a million tokens, beside one exp of each token.
#include <benchmark/benchmark.h>

#include <recllm/cispo.hpp>
#include <recllm/core/random.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/sapo.hpp>

using namespace recllm;

namespace {

constexpr Eigen::Index rows = 1000, columns = 1000;

template <class S>
token_matrix<S> log_probs_like(random_stream rng) {
  token_matrix<S> values(rows, columns);
  for (S& value : values.reshaped()) value = static_cast<S>(-3.0 * rng.uniform());
  return values;
}

template <class S>
void one_exp(benchmark::State& state) {
  const token_matrix<S> log_probs = log_probs_like<S>(random_stream(1));
  token_matrix<S> out(rows, columns);
  for (auto _ : state) {
    out = log_probs.exp();
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * rows * columns);  // tokens
}

template <class S, class O>
void objective(benchmark::State& state, const O& o) {
  const token_matrix<S> current = log_probs_like<S>(random_stream(1)),
                        old = log_probs_like<S>(random_stream(2)),
                        reference = log_probs_like<S>(random_stream(3)), none,
                        advantages = log_probs_like<S>(random_stream(4)) + S(1.5),
                        mask = token_matrix<S>::Ones(rows, columns), weights = o.weights(mask);
  for (auto _ : state) {
    const evaluation<S> e =
        o(token_batch<S>{current, old, o.needs_reference() ? reference : none, advantages, weights});
    benchmark::DoNotOptimize(e.dloss_dlogp.data());
  }
  state.SetItemsProcessed(state.iterations() * rows * columns);  // tokens
}

template <class S>
void add(const std::string& scalar) {
  const auto named = [&](const char* name, const auto& o) {
    benchmark::RegisterBenchmark((name + scalar).c_str(), [o](benchmark::State& state) {
      objective<S>(state, o);
    })->Unit(benchmark::kMillisecond);
  };
  benchmark::RegisterBenchmark(("one_exp" + scalar).c_str(), one_exp<S>)->Unit(benchmark::kMillisecond);
  named("dapo", grpo{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0, .average = normalisation::per_token});
  named("grpo_k3", grpo{.clip_low = 0.2, .clip_high = 0.2});
  named("gspo", gspo{});
  named("cispo", cispo{});
  named("sapo", sapo{});
}

const bool added = (add<float>("<float>"), add<double>("<double>"), true);

}  // namespace
