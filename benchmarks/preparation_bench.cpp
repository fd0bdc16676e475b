// From files of ratings to prompts and labels: rows a second, peak memory, and whether cost is linear.
//
// Reading, 5-core, leave-one-out with its proof, then for each user a prompt (long-term topics, the last
// seven days, the last ten films) and a label; one thread, seconds of the processor. Writes a page with plots
// beside the program.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/data.hpp>
#include <recllm/prompt.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/report.hpp>

#include "keeping_reporter.hpp"
#include "movielens_like.hpp"
#include "peak_memory.hpp"

using namespace recllm;

namespace {

/// Files of so many ratings, gone with the program.
class ratings_files {
 public:
  ratings_files() = default;
  ratings_files(const ratings_files&) = delete;
  ratings_files& operator=(const ratings_files&) = delete;
  ~ratings_files() {
    std::error_code ignored;
    std::filesystem::remove_all(root_.path, ignored);
  }

  const std::filesystem::path& of(benchmarks::movielens_shape shape) {
    const auto [found, is_new] =
        folders_.try_emplace(shape.ratings, root_.path / std::to_string(shape.ratings));
    if (is_new) benchmarks::write_movielens_like(found->second, shape);
    return found->second;
  }

 private:
  detail::scratch_folder root_;
  std::map<std::size_t, std::filesystem::path> folders_;
};

ratings_files files;

struct prepared {
  std::string prompt;
  std::vector<std::size_t> label;
};

constexpr prompt_template<"{long_term} {window} {short_term} Recommend {count} films."> question;

prepared prepare(const dataset& data, held_out asked) {
  const std::span<const event> past = history_of(data, asked), future = future_of(data, asked);
  const std::vector<activity> told = activities(past, data.items, told_by_engagement{});
  return {chatml.render(
              {{"system", "You recommend films."},
               {"user", question("long_term"_a = long_term_text(told),
                                 "window"_a = window_text(told, {.now = future.front().time}),
                                 "short_term"_a = short_term_text(past, data.items, 10), "count"_a = 10)}}),
          next_strong_items(future, 10)};
}

constexpr std::array<const char*, 4> stages{"read", "5-core", "split", "prompts"};

void preparation(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const std::filesystem::path folder = files.of({.ratings = rows});
  std::array<double, stages.size()> seconds{};
  double prompts = 0, characters = 0, peak = 0;
  for (auto _ : state) {
    benchmarks::forget_peak();
    std::clock_t then = std::clock();
    std::size_t stage = 0;
    const auto lap = [&] {
      const std::clock_t now = std::clock();
      seconds[stage++] += static_cast<double>(now - then) / CLOCKS_PER_SEC;
      then = now;
    };
    dataset data = read_movielens(folder);
    lap();
    data = k_core(std::move(data));
    lap();
    const data_split split = leave_one_out(data, strong);
    prove_no_leakage(data, split);
    lap();
    std::vector<prepared> all;
    for (const held_out asked : split.test) all.push_back(prepare(data, asked));
    lap();
    peak = std::max(peak, benchmarks::peak_bytes());
    prompts = static_cast<double>(all.size());
    for (const prepared& one : all) characters += static_cast<double>(one.prompt.size());
  }
  const auto times = static_cast<double>(state.iterations());
  state.SetComplexityN(state.range(0));
  state.counters["rows/s"] =
      benchmark::Counter(times * static_cast<double>(rows), benchmark::Counter::kIsRate);
  state.counters["peak_MiB"] = peak / 0x1p20;
  state.counters["prompts"] = prompts;
  state.counters["characters"] = characters / times / prompts;
  for (std::size_t stage = 0; stage < stages.size(); ++stage)
    state.counters[std::string(stages[stage]) + "_s"] = seconds[stage] / times;
}
BENCHMARK(preparation)
    ->Arg(100'000)
    ->Arg(300'000)
    ->Arg(1'000'000)
    ->Arg(3'000'000)
    ->Arg(10'000'000)
    ->Complexity(benchmark::oN)
    ->Unit(benchmark::kMillisecond);

/// As many ratings as MovieLens-25M has, read.
void reading(benchmark::State& state) {
  const std::filesystem::path folder =
      files.of({.ratings = static_cast<std::size_t>(state.range(0)), .films = 62'423});
  for (auto _ : state) {
    benchmarks::forget_peak();
    benchmark::DoNotOptimize(read_movielens(folder));
  }
  state.counters["rows/s"] = benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                                                benchmark::Counter::kIsRate);
  state.counters["peak_MiB"] = benchmarks::peak_bytes() / 0x1p20;
}
BENCHMARK(reading)->Arg(25'000'095)->Unit(benchmark::kMillisecond);

std::string digits(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

/// b of the least-squares line log y = a + b log x: 1 where y is proportional to x.
double exponent(const std::vector<std::pair<double, double>>& points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(points.size());
  for (const auto& [a, b] : points) {
    x += std::log(a), y += std::log(b);
    xx += std::log(a) * std::log(a), xy += std::log(a) * std::log(b);
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

void write_page(const std::vector<benchmark::BenchmarkReporter::Run>& runs,
                const std::filesystem::path& page) {
  const std::filesystem::path points = std::filesystem::path(page).replace_extension(".jsonl");
  jsonl_log log(points);
  report_table table{.title = "Preparation of prompts",
                     .header = {"rows", "seconds", "rows/s", "prompts", "peak MiB"}};
  std::vector<std::pair<double, double>> costs;
  for (const auto& run : runs) {
    const auto rows = static_cast<double>(run.complexity_n);
    const double seconds = run.cpu_accumulated_time / static_cast<double>(run.iterations);
    costs.emplace_back(rows, seconds);
    table.rows.push_back({digits(rows, 0), digits(seconds, 2), digits(rows / seconds, 0),
                          digits(run.counters.at("prompts"), 0), digits(run.counters.at("peak_MiB"), 0)});
    nlohmann::json line{{"rows", rows / 1e6}, {"all", seconds}, {"peak", run.counters.at("peak_MiB").value}};
    for (const char* stage : stages) line[stage] = run.counters.at(std::string(stage) + "_s").value;
    log.write(line);
  }
  report_plot seconds{.title = "Time", .y_label = "seconds of one core", .x_label = "million rows"};
  seconds.curves.push_back({.key = "all", .x = "rows"});
  for (const char* stage : stages) seconds.curves.push_back({.key = stage, .x = "rows"});
  const report_plot memory{.title = "Peak memory",
                           .y_label = "MiB",
                           .x_label = "million rows",
                           .curves = {{.key = "peak", .x = "rows"}}};
  const std::string law = "seconds grow as rows to the power " + digits(exponent(costs), 3);
  const std::string problem =
      write_report(page, {.title = "From ratings to prompts",
                          .subtitle = law,
                          .sections = {{.tables = {table}, .plots = {seconds, memory}}},
                          .metrics = points});
  std::printf("%s; plots: %s\n%s%s", law.c_str(), page.c_str(), problem.c_str(), problem.empty() ? "" : "\n");
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmarks::keeping_reporter reporter("preparation");
  benchmark::RunSpecifiedBenchmarks(&reporter);
  if (reporter.runs.size() > 1)
    write_page(reporter.runs, std::filesystem::path(argv[0]).replace_extension(".html"));
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
