// What the run shows: a table of models, learning curves, three users' lists.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/metrics.hpp>
#include <recllm/train/report.hpp>

#include "movies.hpp"

namespace movielens {

/// Scores of every film for each prompt.
using scorer = std::function<std::vector<std::vector<double>>(std::span<const movie_prompt>)>;

/// One model's figures on the test questions.
struct model_row {
  std::string name;
  ranking_report full, pooled;
};

/// Ranks every prompt's pool without the films seen, in chunks.
inline ranking_report rank(const ranking_settings& settings, std::span<const movie_prompt> prompts,
                           const scorer& score) {
  ranking_report report(settings);
  for (std::size_t first = 0; first < prompts.size(); first += 64) {
    const auto chunk = prompts.subspan(first, std::min<std::size_t>(64, prompts.size() - first));
    const std::vector<std::vector<double>> scores = score(chunk);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const excluding seen(chunk[i].seen, settings.catalogue);
      std::vector<std::size_t> candidates;
      for (const std::size_t film : chunk[i].pool)
        if (!seen(film)) candidates.push_back(film);
      report.add(top_k_of(candidates, scores[i], 10), chunk[i].next_items);
    }
  }
  return report;
}

/// What a feed does without learning from sequences: popularity among the topics of the user's last items.
inline scorer popular_topics(const dataset& data, std::span<const double> shares) {
  return [&data, shares](std::span<const movie_prompt> asked) {
    std::vector<std::vector<double>> all;
    for (const movie_prompt& prompt : asked) {
      std::vector<double>& scores = all.emplace_back(shares.begin(), shares.end());
      for (std::size_t i = 0; i < scores.size(); ++i)
        for (std::size_t rank = 0; rank < prompt.topics.size(); ++rank)
          if (std::ranges::find(data.items[i].topics, prompt.topics[rank]) != data.items[i].topics.end())
            scores[i] += shares[i] * 4.0 / static_cast<double>(1 + rank);
    }
    return all;
  };
}

/// The columns of the tables: a name and a figure of a report.
inline const std::vector<std::pair<std::string, double (*)(const ranking_report&)>>& columns() {
  static const std::vector<std::pair<std::string, double (*)(const ranking_report&)>> all{
      {"Recall@5", [](const ranking_report& r) { return measure::mean(r.at(5).recall); }},
      {"NDCG@5", [](const ranking_report& r) { return measure::mean(r.at(5).ndcg); }},
      {"Recall@10", [](const ranking_report& r) { return measure::mean(r.at(10).recall); }},
      {"NDCG@10", [](const ranking_report& r) { return measure::mean(r.at(10).ndcg); }},
      {"Coverage@10", [](const ranking_report& r) { return r.coverage_at(10); }},
      {"Diversity@10", [](const ranking_report& r) { return measure::mean(r.at(10).diversity); }},
      {"Novelty@10", [](const ranking_report& r) { return measure::mean(r.at(10).novelty); }}};
  return all;
}

/// The figures as a table of the report.
inline report_table table_of(const std::string& title, std::span<const model_row> rows,
                             ranking_report model_row::*which) {
  report_table table{.title = title, .header = {"model"}, .bold_best = true};
  for (const auto& [name, figure] : columns()) table.header.push_back(name);
  for (const model_row& row : rows) {
    table.rows.push_back({row.name});
    for (const auto& [name, figure] : columns()) {
      char text[32];
      std::snprintf(text, sizeof text, "%.4f", figure(row.*which));
      table.rows.back().push_back(text);
    }
  }
  return table;
}

/// The layout of the paper's Table 2: a system that does not read sequences, then ours.
inline report_table as_table_2(std::span<const model_row> rows) {
  report_table table =
      table_of("As Table 2 of the paper, on a simulated feed, all posts ranked", rows, &model_row::full);
  std::erase_if(table.rows, [](const std::vector<std::string>& row) {
    return row[0] != "popular topics" && row[0] != "SFT" && row[0] != "SFT + GRPO";
  });
  for (std::vector<std::string>& row : table.rows) {
    row.resize(5);  // Recall@5, NDCG@5, Recall@10, NDCG@10
    if (row[0] == "popular topics") row[0] = "online";
    if (row[0] == "SFT + GRPO") row[0] = "RecLLM-R1";
  }
  table.header.resize(5);
  table.header[0] = "Method";
  return table;
}

/// A user's prompt, the model's reasons and its list by title; films that the user went on to like are
/// marked.
inline report_card card_of(const dataset& data, const storyteller& story, const movie_prompt& asked,
                           const movie_answer& said) {
  std::string reasons;
  for (const std::string& topic : said.reasons) reasons += (reasons.empty() ? "" : ", ") + topic;
  std::vector<report_line> films;
  std::size_t hits = 0;
  for (const std::size_t film : said.items) {
    const bool hit = std::ranges::find(asked.next_items, film) != asked.next_items.end();
    hits += hit ? 1 : 0;
    const std::string& year = data.items[film].year;
    films.push_back({message(films.size() + 1, ". ", tidy_title(data.items[film].title),
                             year.empty() ? "" : " (" + year + ")", hit ? "  *" : ""),
                     hit});
  }
  return {
      .title = message(hits, " of ", said.items.size(), " films liked next (*)"),
      .blocks = {{.title = "Prompt", .lines = {{story.decode(asked.tokens), false}}, .folded = true},
                 {.title = "Answer", .lines = {{story.decode(said.tokens), false}}},
                 {.title = message("Genres it saw: ", reasons.empty() ? "none" : reasons), .lines = films}}};
}

/// The same on the terminal.
inline void print(const report_card& card) {
  std::printf("\n%s\n", card.title.c_str());
  for (const report_block& block : card.blocks) {
    std::printf("  %s\n", block.title.c_str());
    for (const report_line& line : block.lines) std::printf("    %s\n", line.text.c_str());
  }
}

/// NDCG@10 of each model with its bootstrap interval, as bars.
inline report_bars bars_of(std::span<const model_row> rows) {
  report_bars bars{.title = "Test, the whole catalogue ranked",
                   .caption = "Bars: half the width of the 95 % bootstrap interval over users.",
                   .groups = {"Recall@5", "NDCG@5", "Recall@10", "NDCG@10"}};
  for (const model_row& row : rows) {
    report_bar bar{.label = row.name};
    for (const std::size_t k : {std::size_t{5}, std::size_t{10}})
      for (const std::vector<double>* values : {&row.full.at(k).recall, &row.full.at(k).ndcg}) {
        const measure::interval range = measure::bootstrap_interval(*values);
        bar.values.push_back(measure::mean(*values));
        bar.errors.push_back((range.high - range.low) / 2);
      }
    bars.bars.push_back(std::move(bar));
  }
  return bars;
}

/// The learning curves of metrics.jsonl.
inline report_section learning_curves() {
  return {.title = "Learning curves",
          .plots = {
              {.title = "SFT: loss",
               .y_label = "nats a token",
               .curves = {{"loss", "training loss", "sft"}},
               .smooth = 25},
              {.title = "Validation: NDCG@10 over SFT",
               .curves = {{"ndcg@10", "the whole catalogue", "sft_eval"}}},
              {.title = "GRPO: reward", .curves = {{"reward", "mean of the rollouts", "grpo"}}, .smooth = 5},
              {.title = "GRPO: components of the reward",
               .curves = {{"rewards/lcs/mean", "LCS", "grpo"},
                          {"rewards/format/mean", "format", "grpo"},
                          {"rewards/grounded/mean", "grounded", "grpo"},
                          {"rewards/out_of_pool/mean", "out of pool", "grpo"},
                          {"rewards/repeats/mean", "repeats", "grpo"},
                          {"rewards/seen/mean", "seen", "grpo"},
                          {"rewards/wrong_count/mean", "wrong count", "grpo"}},
               .smooth = 5},
              {.title = "Held-out users: reward over GRPO",
               .curves = {{"reward", "mean of samples", "grpo_eval"}}},
              {.title = "Validation: NDCG@10 over GRPO",
               .curves = {{"ndcg@10", "the whole catalogue", "grpo_eval"}}},
              {.title = "GRPO: KL to the SFT model",
               .y_label = "nats a token",
               .curves = {{"kl", "", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: entropy",
               .y_label = "nats a token",
               .curves = {{"entropy", "", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: share of tokens clipped",
               .caption = "All 0 with the paper's equation, which has no clip range.",
               .curves = {{"clip_ratio/low_mean", "low", "grpo"}, {"clip_ratio/high_mean", "high", "grpo"}}},
              {.title = "GRPO: groups without advantage",
               .curves = {{"frac_reward_zero_std", "share of groups", "grpo"}},
               .smooth = 5}}};
}

}  // namespace movielens
