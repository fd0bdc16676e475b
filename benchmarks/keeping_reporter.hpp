// What Google Benchmark's console shows, kept for a page.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

namespace benchmarks {

/// Keeps the runs of one benchmark.
class keeping_reporter : public benchmark::ConsoleReporter {
 public:
  explicit keeping_reporter(std::string function) : function_(std::move(function)) {}
  std::vector<Run> runs;
  void ReportRuns(const std::vector<Run>& reports) override {
    for (const Run& run : reports)
      if (run.run_type == Run::RT_Iteration && run.run_name.function_name == function_ && !run.error_occurred)
        runs.push_back(run);
    ConsoleReporter::ReportRuns(reports);
  }

 private:
  std::string function_;
};

}  // namespace benchmarks
