// What a run remembers and what it shows: settings, state, the examination of each model, the report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/metrics.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/report.hpp>

#include "../same_settings.hpp"
#include "films.hpp"

namespace films {

/// What the command line says. The defaults suit SmolLM2-135M-Instruct on a CPU core.
struct run_options {
  std::filesystem::path model{}, data{}, output = "results/qwen";
  std::string device{}, precision = "bf16";
  std::int64_t lora_rank = 16;  ///< 0 = all weights are trained
  std::uint64_t seed = 1;
  bool resume = false, recompute = false;
  std::size_t lessons = 480, sft_batch = 8;
  double sft_learning_rate = 1e-3;
  std::ptrdiff_t grpo_steps = 50;
  std::size_t prompts = 2, group_size = 12;
  double learning_rate = 3e-4, kl_coef = 0.04;
  std::int64_t max_new_tokens = 60;
  std::size_t micro_rows = 0, exam_answers = 2;
};

/// The paper's settings (section 4.2), for DeepSeek-R1-Distill-Qwen-1.5B: twelve answers a prompt, AdamW at
/// 1e-4; what it does not tell is ours.
inline run_options paper_settings() {
  return {.recompute = true,
          .lessons = 512,
          .sft_batch = 16,
          .sft_learning_rate = 1e-4,
          .grpo_steps = 200,
          .prompts = 16,
          .group_size = 12,
          .learning_rate = 1e-4,
          .max_new_tokens = 512,
          .micro_rows = 48};
}

/// Mean figures of a model's answers to held-out users, and some of the answers.
struct exam {
  std::string model;
  double reward = 0, valid = 0, ndcg = 0, recall = 0;  ///< of the list's list_length places
  std::vector<std::string> answers{};                  ///< the first one of each user
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(exam, model, reward, valid, ndcg, recall, answers)
};

/// How far a run is: the phase ("sft" or "grpo"), the steps done in it, the examinations before.
struct run_state {
  std::string phase = "sft";
  std::ptrdiff_t steps = 0;
  std::vector<exam> exams{};
};

/// The settings that a resumed run must share with the interrupted one.
inline nlohmann::json settings_of(const run_options& o) {
  return {{"model", o.model.string()},
          {"precision", o.precision},
          {"lora_rank", o.lora_rank},
          {"seed", o.seed},
          {"lessons", o.lessons},
          {"sft_batch", o.sft_batch},
          {"sft_learning_rate", o.sft_learning_rate},
          {"grpo_steps", o.grpo_steps},
          {"prompts", o.prompts},
          {"group_size", o.group_size},
          {"learning_rate", o.learning_rate},
          {"kl_coef", o.kl_coef},
          {"max_new_tokens", o.max_new_tokens},
          {"exam_answers", o.exam_answers}};
}

inline void write_state(const std::filesystem::path& folder, const run_state& state, const run_options& o) {
  const nlohmann::json json{
      {"phase", state.phase}, {"steps", state.steps}, {"exams", state.exams}, {"settings", settings_of(o)}};
  write_file_atomically(folder / "state.json",
                        json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// The state of the last checkpoint. Throws where there is none, or where a setting differs.
inline run_state read_state(const checkpoints& saved, const run_options& o) {
  const auto last = saved.latest();
  require(last.has_value(), "--resume: there is no checkpoint in ", o.output.string(),
          "; start without --resume");
  std::ifstream in(last->path / "state.json");
  const nlohmann::json json = nlohmann::json::parse(in);
  examples::require_same_settings(json.at("settings"), settings_of(o));
  return {json.at("phase").get<std::string>(), json.at("steps").get<std::ptrdiff_t>(),
          json.at("exams").get<std::vector<exam>>()};
}

/// The examinations as a table, and what the pool's most popular films would have scored.
inline report_table table_of(const std::vector<exam>& exams, const std::vector<film_prompt>& asked,
                             std::span<const double> popularity) {
  report_table table{
      .title = message("Answers to ", asked.size(), " users never trained on"),
      .caption = message("Means over answers at temperature 1. NDCG and recall of ", list_length,
                         " films among ", pool_size, " candidates; a film outside of the pool is a miss."),
      .header = {"model", "reward", "valid format", "NDCG", "recall"}};
  const auto shown = [](double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.4f", value);
    return std::string(text.data());
  };
  for (const exam& e : exams)
    table.rows.push_back({e.model, shown(e.reward), shown(e.valid), shown(e.ndcg), shown(e.recall)});
  std::vector<double> ndcg, recall;
  for (const film_prompt& prompt : asked) {
    const std::vector<std::size_t> ranked = top_k_of(prompt.pool, popularity, list_length);
    ndcg.push_back(measure::ndcg_at(ranked, prompt.next_items, list_length));
    recall.push_back(measure::recall_at(ranked, prompt.next_items, list_length));
  }
  table.rows.push_back({"(popularity)", "", "", shown(measure::mean(ndcg)), shown(measure::mean(recall))});
  return table;
}

/// One user's question and what each model answered.
inline report_card card_of(const storyteller& story, const std::vector<exam>& exams,
                           const std::vector<film_prompt>& asked, std::size_t number) {
  report_card card{
      .title = message("User ", number + 1),
      .blocks = {
          {.title = "Prompt", .lines = {{story.decode(asked[number].tokens), false}}, .folded = number > 0}}};
  for (const exam& e : exams)
    card.blocks.push_back({.title = e.model, .lines = {{e.answers.at(number), false}}});
  report_block liked{.title = "Liked next"};
  for (const std::size_t film : asked[number].next_items) liked.lines.push_back({story.title(film), true});
  card.blocks.push_back(std::move(liked));
  return card;
}

/// The learning curves of metrics.jsonl.
inline report_section learning_curves() {
  return {.title = "Learning curves",
          .plots = {
              {.title = "SFT: loss", .y_label = "nats a token", .curves = {{"loss", "training loss", "sft"}}},
              {.title = "GRPO: reward", .curves = {{"reward", "mean of the rollouts", "grpo"}}, .smooth = 5},
              {.title = "GRPO: valid format",
               .curves = {{"rewards/format/mean", "share of the rollouts", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: accuracy",
               .curves = {{"rewards/ndcg/mean", "NDCG", "grpo"}, {"rewards/lcs/mean", "LCS", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: penalties and reasons",
               .curves = {{"rewards/out_of_pool/mean", "out of pool", "grpo"},
                          {"rewards/repeats/mean", "repeats", "grpo"},
                          {"rewards/wrong_count/mean", "wrong count", "grpo"},
                          {"rewards/grounded/mean", "grounded", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: KL to the SFT model",
               .y_label = "nats a token",
               .curves = {{"kl", "", "grpo"}},
               .smooth = 5},
              {.title = "GRPO: entropy",
               .y_label = "nats a token",
               .curves = {{"entropy", "", "grpo"}},
               .smooth = 5}}};
}

}  // namespace films
