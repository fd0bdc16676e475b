// Products of a few rows by a weight, as in a step of decoding: packed, and at::linear of the same numbers.
// Names: who/type/rows/in/out; for one thread set OMP_NUM_THREADS=1.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/torch/packed_linear.hpp>

using namespace recllm::torch_bridge;

namespace {

enum class who { packed, libtorch };

void product(benchmark::State& state, who by, at::ScalarType type, std::int64_t rows, std::int64_t in,
             std::int64_t out) {
  const at::NoGradGuard no_grad;
  at::manual_seed(1);
  const at::Tensor x = at::randn({rows, in}).to(type), weight = at::randn({out, in}).to(type),
                   exact = x.to(at::kFloat);
  arena memory;
  const packed_linear packed(weight, std::nullopt, memory);

  const at::Tensor ours = packed(exact), theirs = at::linear(x, weight).to(at::kFloat);
  const double tolerance = type == at::kFloat ? 1e-5 : 0x1p-7;  // bf16 has eight bits
  if ((ours - theirs).abs().max().item<double>() > tolerance * theirs.abs().max().item<double>()) {
    state.SkipWithError("packed and libtorch differ");
    return;
  }

  for (auto _ : state) benchmark::DoNotOptimize(by == who::packed ? packed(exact) : at::linear(x, weight));
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(rows * in * out),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

bool add() {
  std::vector<std::pair<const char*, at::ScalarType>> types{{"fp32", at::kFloat}};
  // Without AVX-512 packed_linear multiplies bf16 in float32, and libtorch is slow.
  if (at::get_cpu_capability() == "AVX512") types.emplace_back("bf16", at::kBFloat16);
  for (const auto& [name, type] : types)
    for (const std::int64_t rows : {12, 48})
      for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{
               {128, 512}, {512, 128}, {384, 1536}, {1536, 384}, {384, 16384}})
        for (const who by : {who::packed, who::libtorch})
          benchmark::RegisterBenchmark(
              (std::string(by == who::packed ? "packed/" : "libtorch/") + name + "/" + std::to_string(rows) +
               "/" + std::to_string(in) + "/" + std::to_string(out))
                  .c_str(),
              product, by, type, rows, in, out)
              ->Unit(benchmark::kMicrosecond);
  return true;
}
const bool added = add();

}  // namespace
