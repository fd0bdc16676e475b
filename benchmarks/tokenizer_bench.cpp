// Text to ids and back, by the tokenizer that RECLLM_TOKENIZER names, on the text file that RECLLM_TEXT
// names.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/text/pretrained_tokenizer.hpp>

using namespace recllm;

namespace {

struct given {
  pretrained_tokenizer tokenizer;
  std::string text;
};

/// Null, and the benchmark says so, where the variables are not set.
const given* read(benchmark::State& state) {
  static const std::optional<given> all = []() -> std::optional<given> {
    const char* tokenizer = std::getenv("RECLLM_TOKENIZER");
    const char* file = std::getenv("RECLLM_TEXT");
    if (tokenizer == nullptr || file == nullptr) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    return given{pretrained_tokenizer::load(tokenizer), {std::istreambuf_iterator<char>(in), {}}};
  }();
  if (!all)
    state.SkipWithError("set RECLLM_TOKENIZER to a tokenizer's folder and RECLLM_TEXT to a text file");
  return all ? &*all : nullptr;
}

void count_bytes(benchmark::State& state, const given& all) {
  state.SetBytesProcessed(static_cast<std::int64_t>(all.text.size()) *
                          static_cast<std::int64_t>(state.iterations()));
}

void tokenizer_encode(benchmark::State& state) {
  const given* all = read(state);
  if (all == nullptr) return;
  std::size_t ids = 0;
  for (auto _ : state) ids = all->tokenizer.encode(all->text).size();
  state.counters["ids"] = static_cast<double>(ids);
  count_bytes(state, *all);
}
BENCHMARK(tokenizer_encode)->Unit(benchmark::kMillisecond);

/// The same with nothing remembered of earlier texts.
void tokenizer_encode_cold(benchmark::State& state) {
  const given* all = read(state);
  if (all == nullptr) return;
  for (auto _ : state) {
    state.PauseTiming();
    const pretrained_tokenizer fresh = all->tokenizer;
    state.ResumeTiming();
    benchmark::DoNotOptimize(fresh.encode(all->text));
  }
  count_bytes(state, *all);
}
BENCHMARK(tokenizer_encode_cold)->Unit(benchmark::kMillisecond);

void tokenizer_decode(benchmark::State& state) {
  const given* all = read(state);
  if (all == nullptr) return;
  const std::vector<int> ids = all->tokenizer.encode(all->text);
  for (auto _ : state) benchmark::DoNotOptimize(all->tokenizer.decode(ids));
  count_bytes(state, *all);
}
BENCHMARK(tokenizer_decode)->Unit(benchmark::kMillisecond);

}  // namespace
