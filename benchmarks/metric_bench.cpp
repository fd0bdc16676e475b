// What it costs to evaluate a model beside the model itself: scores of every item -> ranked lists -> Recall,
// Precision, hit rate, NDCG, MAP and MRR at four cutoffs. peers/recbole_evaluator.py does the same on the
// same scores.
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

#include <recllm/measure/ranking_report.hpp>
#include <recllm/measure/statistics.hpp>

using namespace recllm;

namespace {

constexpr std::size_t users = 512, seen = 8, steps = std::size_t{1} << 22u;

/// Even numbers for all items and an odd one for what is relevant: no ties with it, which libraries break in
/// ways of their own.
float score(std::size_t number) { return static_cast<float>(number) / static_cast<float>(2 * steps); }

/// One user: five relevant items, of which the first is ranked about number `user` % 100, and items seen
/// before.
struct question {
  std::vector<float> scores;
  std::vector<std::size_t> relevant, history;
};

std::vector<question> questions_over(std::size_t items) {
  std::vector<question> questions(users);
  for (std::size_t u = 0; u < users; ++u) {
    question& asked = questions[u];
    for (std::size_t i = 0; i < items; ++i)
      asked.scores.push_back(
          score(2 * ((7919 * u + 104'729 * i + 31 * i * i + 17 * u * i) % 2'147'483'647 % steps)));
    for (std::size_t n = 0; n < 5; ++n) asked.relevant.push_back((13 * u + 101 * n) % items);
    for (std::size_t n = 0; n < seen; ++n) asked.history.push_back((13 * u + 101 * n + 50) % items);
    const double rank = static_cast<double>(u % 100) + 0.5;
    asked.scores[asked.relevant[0]] = score(
        2 * static_cast<std::size_t>((1.0 - rank / static_cast<double>(items)) * static_cast<double>(steps)) +
        1);
  }
  return questions;
}

/// Ranks all users' scores of range(0) items, their histories masked; seconds of a user are the time over
/// 512.
void evaluator(benchmark::State& state) {
  const auto items = static_cast<std::size_t>(state.range(0));
  const std::vector<question> questions = questions_over(items);
  double recall = 0.0, ndcg = 0.0;
  for (auto _ : state) {
    measure::ranking_report report({.catalogue = items, .cutoffs = {5, 10, 20, 50}});
    for (const question& asked : questions)
      report.rank(asked.scores, {.relevant = asked.relevant, .history = asked.history});
    recall = measure::mean(report.at(10).recall);
    ndcg = measure::mean(report.at(10).ndcg);
  }
  state.counters["recall@10"] = recall;
  state.counters["ndcg@10"] = ndcg;
}
BENCHMARK(evaluator)->Arg(1'682)->Arg(12'101)->Arg(62'423)->Unit(benchmark::kMillisecond);

}  // namespace
