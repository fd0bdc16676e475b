// Memory that a GRPO step adds to what was held before it, over the step's tokens: it grows with the tokens,
// whatever the vocabulary.
//
// A Qwen2 of four layers of width 256 with random weights. One step samples, scores, pulls back and moves the
// weights, all rows in one pass, without a reference. A group is a prompt of 256 tokens and eight answers of
// 32, so a step of one group computes 504 tokens, of which 256 are scored. Each point is a process of its
// own; a first step of one group is not counted, after it weights and moments are held. Draws a plot beside
// the program. For one thread set OMP_NUM_THREADS=1.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/grpo.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/train/report.hpp>
#include <recllm/train/train.hpp>

#include "keeping_reporter.hpp"
#include "peak_memory.hpp"

using namespace recllm;
namespace lm = recllm::torch_bridge;

namespace {

constexpr std::size_t prompt_tokens = 256, group_size = 8, answer_tokens = 32;

/// Tokens that a group's forward pass computes: nothing is read after an answer's last.
constexpr std::size_t group_tokens = prompt_tokens + group_size * (answer_tokens - 1);

struct text {
  lm::token_ids tokens;
};

/// How a step is computed.
struct way {
  const char* name;
  lm::prompt_attention attention;
  lm::layer_activations activations;
};
constexpr std::array<way, 3> ways{
    {{"kept", lm::prompt_attention::masked, lm::layer_activations::kept},
     {"merged", lm::prompt_attention::merged, lm::layer_activations::kept},
     {"recomputed", lm::prompt_attention::merged, lm::layer_activations::recomputed}}};

/// Bytes at the peaks of two parts of a step, more than were held before each.
struct added_bytes {
  double sampling = 0.0, update = 0.0;
};

added_bytes measure_step(std::int64_t vocabulary, std::size_t groups, const way& how) {
  lm::causal_lm<text, text> policy(
      lm::qwen({.vocab_size = vocabulary,
                .hidden_size = 256,
                .intermediate_size = 1024,
                .num_hidden_layers = 4,
                .num_attention_heads = 4,
                .num_key_value_heads = 2,
                .tie_word_embeddings = true},
               random_stream(1)),
      {.decode = [](lm::token_ids tokens) { return text{std::move(tokens)}; },
       .sampling = {.max_new_tokens = static_cast<std::int64_t>(answer_tokens), .end_tokens = {}},
       .optimizer = {},
       .attention = how.attention,
       .activations = how.activations});
  std::vector<text> prompts(groups);
  random_stream draws(2);
  for (text& prompt : prompts)
    for (std::size_t t = 0; t < prompt_tokens; ++t)
      prompt.tokens.push_back(static_cast<std::int64_t>(draws.uniform() * static_cast<double>(vocabulary)));

  double held = 0.0;
  const auto begin_part = [&] {
    ::malloc_trim(0);
    benchmarks::forget_peak();
    held = benchmarks::peak_bytes();
  };
  added_bytes added;
  bool sampled = false;
  // A step scores its samples before all else, so the first reward ends the sampling.
  const auto goal = [&](const text&, const text& answer) {
    if (!sampled) {
      added.sampling = benchmarks::peak_bytes() - held;
      begin_part();
      sampled = true;
    }
    return static_cast<double>(answer.tokens.front() % 7);
  };
  for (const std::size_t prompts_per_step : {std::size_t{1}, groups}) {
    begin_part();
    sampled = false;
    for (const step_metrics& m :
         train(policy, grpo{.kl_coef = 0}, goal, prompts,
               {.steps = 1, .prompts_per_step = prompts_per_step, .group_size = group_size}))
      benchmark::DoNotOptimize(m);
    added.update = benchmarks::peak_bytes() - held;
  }
  return added;
}

/// The same in a process of its own. This one never touches libtorch, so a fork is safe.
bool measure_apart(std::int64_t vocabulary, std::size_t groups, const way& how, added_bytes& added) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 1;
    try {
      const added_bytes found = measure_step(vocabulary, groups, how);
      if (::write(ends[1], &found, sizeof found) == static_cast<ssize_t>(sizeof found)) status = 0;
    } catch (const std::exception& problem) {
      std::fprintf(stderr, "%s\n", problem.what());
    }
    ::_exit(status);
  }
  ::close(ends[1]);
  const bool complete =
      child > 0 && ::read(ends[0], &added, sizeof added) == static_cast<ssize_t>(sizeof added);
  ::close(ends[0]);
  int status = 0;
  if (child > 0) ::waitpid(child, &status, 0);
  return complete && status == 0;
}

/// Arguments: vocabulary, groups, place in `ways`.
void grpo_step(benchmark::State& state) {
  const std::int64_t vocabulary = state.range(0);
  const auto groups = static_cast<std::size_t>(state.range(1));
  const way& how = ways[static_cast<std::size_t>(state.range(2))];
  added_bytes added;
  for (auto _ : state)
    if (!measure_apart(vocabulary, groups, how, added)) {
      state.SkipWithError("the measuring process failed");
      return;
    }
  const double scored = static_cast<double>(groups * group_size * answer_tokens);
  state.SetLabel(how.name);
  state.counters["vocabulary"] = static_cast<double>(vocabulary);
  state.counters["tokens"] = static_cast<double>(groups * group_tokens);
  state.counters["sampling_MiB"] = added.sampling / 0x1p20;
  state.counters["update_MiB"] = added.update / 0x1p20;
  state.counters["logits_MiB"] = scored * static_cast<double>(vocabulary) * sizeof(float) / 0x1p20;
}
BENCHMARK(grpo_step)
    ->ArgsProduct({{49'152, 151'936}, {1, 2, 4, 8, 16}, {0, 1, 2}})
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

/// MiB over tokens of each vocabulary and thing measured.
using curves = std::map<std::pair<std::int64_t, std::string>, std::vector<recllm::detail::log_point>>;

curves curves_of(const std::vector<benchmark::BenchmarkReporter::Run>& runs) {
  curves all;
  for (const auto& run : runs) {
    const auto value = [&](const char* name) { return run.counters.at(name).value; };
    const auto add = [&](const std::string& what, double y) {
      all[{static_cast<std::int64_t>(value("vocabulary")), what}].push_back({value("tokens"), y});
    };
    add("update, " + run.report_label, value("update_MiB"));
    if (run.report_label != ways[0].name) continue;
    add("sampling", value("sampling_MiB"));
    add("logits of all scored tokens", value("logits_MiB"));
  }
  return all;
}

std::string name_of(const curves::value_type& curve) {
  return curve.first.second + ", vocabulary " + std::to_string(curve.first.first);
}

/// b of the least-squares line y = a + b x, MiB a token.
double slope(const std::vector<recllm::detail::log_point>& points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const auto& p : points) x += p.x, y += p.y, xx += p.x * p.x, xy += p.x * p.y;
  const auto n = static_cast<double>(points.size());
  return (n * xy - x * y) / (n * xx - x * x);
}

void draw(const curves& all, const std::filesystem::path& path) {
  recllm::detail::gnuplot_job job{"step_memory", "Memory that a GRPO step adds", "", {}};
  std::ostringstream script;
  script << "set terminal svg size 1080,460 font 'sans-serif,13' background '#ffffff' noenhanced\n"
         << "set key outside right top\nset grid ytics\nset border 3\nset tics nomirror\nset xtics 2000\n"
         << "set xlabel 'tokens of the step'\nset ylabel 'MiB more than before the step'\nset yrange [0:*]\n";
  std::map<std::string, std::size_t> colours;
  std::vector<std::string> elements;
  for (const auto& curve : all) {
    const std::string data = "curve" + std::to_string(elements.size());
    recllm::detail::gnuplot_data(script, data, curve.second);
    const std::size_t colour = colours.try_emplace(curve.first.second, colours.size()).first->second;
    const char* dashes = curve.first.first == all.begin()->first.first ? "2" : "1";
    elements.push_back(message("$", data, " with linespoints pt 7 ps 0.5 lw 2 lc rgb '",
                               recllm::detail::report_colours[colour], "' dt ", dashes, " title ",
                               recllm::detail::gnuplot_text(name_of(curve))));
  }
  job.script = script.str();
  for (const std::string& element : elements) job.add(element, "");
  std::string svg;
  const std::string problem = recllm::detail::draw_svg("gnuplot", job, svg);
  if (problem.empty()) write_file_atomically(path, svg);
  std::printf("%s\n", problem.empty() ? ("plot: " + path.string()).c_str() : problem.c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmarks::keeping_reporter reporter("grpo_step");
  benchmark::RunSpecifiedBenchmarks(&reporter);
  const curves all = curves_of(reporter.runs);
  for (const auto& curve : all)
    if (curve.second.size() > 1)
      std::printf("%-48s %8.1f KiB a token\n", name_of(curve).c_str(), 1024.0 * slope(curve.second));
  if (!all.empty()) draw(all, std::filesystem::path(argv[0]).replace_extension(".svg"));
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
