// Trains a language-model recommender on MovieLens from scratch: supervised fine-tuning, then GRPO with
// reasons before the list, after RecLLM-R1 (arXiv 2506.19235). Prints a table and three users' lists and
// writes report.html.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/baselines.hpp>
#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/device.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/fit.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/train/train.hpp>

#include "../print_table.hpp"
#include "model.hpp"
#include "movies.hpp"
#include "results.hpp"
#include "state.hpp"

using namespace recllm;
using namespace movielens;

int main(int argc, char** argv) try {
  run_options o;
  CLI::App app("Trains a small Qwen2 recommender on MovieLens: SFT, then GRPO.");
  CLI::Option_group* source = app.add_option_group("data");
  source->add_option("--data", o.data, "folder with RecBole atomic files (.inter .item .user)");
  source->add_flag("--simulated", o.simulated, "a simulated social feed, written to --output first");
  source->require_option(1);
  app.add_option("--output", o.output, "where metrics, checkpoints, model and report go")
      ->capture_default_str();
  app.add_option("--seed", o.seed, "of weights, batches and samples")->capture_default_str();
  app.add_option("--device", o.device, "cpu, cuda or cuda:NUMBER; by default CUDA where there is one");
  app.add_flag("--quick", o.quick, "a first look in two minutes: too short to beat anything");
  app.add_flag("--resume", o.resume, "go on from the last checkpoint in --output");
  app.add_option("--sft-steps", o.sft_steps, "of 32 lessons each")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--grpo-steps", o.grpo_steps, "of 32 prompts each")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--group-size", o.group_size, "answers a prompt in GRPO")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", o.learning_rate, "of GRPO")->capture_default_str();
  app.add_option("--kl-coef", o.kl_coef, "weight of the divergence from the SFT model")
      ->capture_default_str();
  app.add_option("--clip", o.clip, "clip range of the ratio (default: the paper's equation, without one)");
  app.add_option("--diversity", o.diversity, "weight of the list's diversity of genres in the reward")
      ->capture_default_str();
  app.add_option("--novelty", o.novelty, "weight of the list's novelty in the reward")->capture_default_str();
  app.add_flag(
      "--unconstrained", o.unconstrained,
      "let lists name any film, also seen, repeated or no candidate: the penalties then have work to do");
  CLI11_PARSE(app, argc, argv);
  if (o.quick) {
    std::printf("A first look: far too few steps to beat the baselines.\n");
    o.sft_steps = 50, o.grpo_steps = 3;
  }
  const auto every = [&](std::ptrdiff_t steps, std::ptrdiff_t parts) {
    return std::max<std::ptrdiff_t>(steps / (o.quick ? 1 : parts), 1);
  };
  const at::Device device = lm::pick_device(o.device);
  const std::ptrdiff_t sft_check = every(o.sft_steps, 6), grpo_check = every(o.grpo_steps, 8);

  // Data: strict time order. A user's last liked film is the test, the last but one the validation, and
  // nothing from there on is trained on. One user in ten is never trained on: there rewards are compared.
  const dataset data = read_data(o);
  const data_split split = leave_one_out(data, strong_engagement{});
  prove_no_leakage(data, split);
  const storyteller story(data);
  const random_stream rng(o.seed);
  const auto [lessons, practice, strangers] = story.material(split, rng);

  // The policy: Qwen2, from scratch.
  recommender policy = untrained_model(story, o, device);

  // The reward of its answers.
  popularity popular(data.items.size());
  popular.fit(training_sequences(data, split));
  const std::vector<double> shares = popular.scores();
  const auto goal =
      reward::lcs(&movie_prompt::next_items)            //
      + 0.2 * reward::format()                          //
      + 0.1 * reward::grounded(&movie_prompt::topics)   //
      - 0.2 * reward::out_of_pool(&movie_prompt::pool)  //
      - 0.2 * reward::repeats()                         //
      - 0.2 * reward::seen(&movie_prompt::seen)         //
      - 0.2 * reward::wrong_count(list_length)          //
      +
      o.diversity * reward::diversity([&](std::size_t film) { return std::span(data.items[film].topics); }) +
      o.novelty * reward::novelty([&](std::size_t film) { return shares[film]; });

  // How a model is asked: its log-probs of each film as the first of the list.
  const auto ranker = [&](const recommender& model) {
    return scorer(
        [&](std::span<const movie_prompt> asked) { return first_film_log_probs(model, story, asked); });
  };
  const ranking_settings measured{
      .catalogue = data.items.size(), .topics = topics_of(data.items), .shares = shares};
  const auto questions = [&](std::span<const held_out> asked, bool with_pool) {
    std::vector<movie_prompt> all;
    for (const held_out& question : asked) {
      const auto past = history_of(data, question), target = future_of(data, question).first(1);
      const auto pool = with_pool ? story.draw_pool(item_sequence(target), past, random_stream(question.user))
                                  : std::vector<std::size_t>{};
      all.push_back(story.prompt(question.user, past, target, pool));
    }
    return all;
  };
  const std::vector<movie_prompt> validation = questions(split.validation, false);
  const auto validate = [&] { return measure::mean(rank(measured, validation, ranker(policy)).at(10).ndcg); };
  const auto write = [&](const auto& model, std::span<const movie_prompt> asked) {  // greedily
    std::vector<lm::token_ids> tokens;
    for (const movie_prompt& prompt : asked) tokens.push_back(prompt.tokens);
    std::vector<movie_answer> answers;
    for (lm::generated& said :
         lm::generate(model.model(), tokens, 1,
                      {.max_new_tokens = 32, .temperature = 0.0, .end_tokens = {story.token("<|im_end|>")}},
                      rng, [&](std::size_t i, std::span<const std::int64_t> so_far) {
                        return may_say(story, o, asked[i], so_far);
                      }))
      answers.push_back(story.answer(std::move(said.tokens)));
    return answers;
  };
  const auto written = [&](const auto& model, std::span<const movie_prompt> asked) {
    ranking_report report(measured);
    for (std::size_t first = 0; first < asked.size(); first += 64) {
      const auto chunk = asked.subspan(first, std::min<std::size_t>(64, asked.size() - first));
      const std::vector<movie_answer> answers = write(model, chunk);
      for (std::size_t i = 0; i < chunk.size(); ++i) report.add(answers[i].items, chunk[i].next_items);
    }
    return report;
  };
  const auto reward_of = [&](const auto& model,
                             std::size_t samples) {  // of held-out users, the same draws for every model
    const auto r = model.sample(strangers, samples, random_stream(7));
    double sum = 0.0;
    for (std::size_t i = 0; i < r.completions.size(); ++i)
      sum += reward::evaluate(goal, strangers[r.prompt[i]], r.completions[i]);
    return sum / static_cast<double>(r.completions.size());
  };

  // A run goes through two phases; a checkpoint knows the phase and the steps done in it.
  checkpoints saved(o.output / "checkpoints");
  run_state at = o.resume ? read_state(saved, o) : run_state{};
  const auto save = [&](const std::string& phase, std::ptrdiff_t steps) {
    saved.save(static_cast<std::size_t>(phase == "sft" ? steps : o.sft_steps + steps),
               [&](const std::filesystem::path& folder) {
                 policy.save(folder);
                 write_state(folder, {phase, steps, at.best}, o);
               });
  };
  if (!o.resume) saved.clear();
  if (o.resume && at.phase == "sft") policy.load(saved.latest()->path);
  jsonl_log log = o.resume ? jsonl_log(o.output / "metrics.jsonl", resume_at{at.phase, at.steps})
                           : jsonl_log(o.output / "metrics.jsonl");
  const interrupt_guard interrupt;
  const auto stop = [&] { return interrupt.requested(); };
  const auto paused = [&] {
    std::printf("\nStopped. Go on with --resume; the last checkpoint is %s\n",
                saved.latest() ? saved.latest()->path.c_str() : "none");
    return 130;
  };

  // Phase 1, SFT: imitate the films liked next, and predict each film of the history on the way.
  if (at.phase == "sft") {
    progress bar({.label = "SFT ",
                  .total = static_cast<std::size_t>(o.sft_steps),
                  .first = static_cast<std::size_t>(at.steps),
                  .show = {"loss"}});
    for (const auto& m : fit(policy, sft{}, lessons, sft_settings(o, at.steps)) |
                             tee(log.with({{"phase", "sft"}})) | tee(bar) | until(stop)) {
      const std::ptrdiff_t done = m.step + 1;
      if (done % sft_check == 0 || done == o.sft_steps)
        log.write({{"phase", "sft_eval"}, {"step", done}, {"ndcg@10", validate()}});
      if (done % sft_check == 0 || done == o.sft_steps || stop()) save("sft", done);
    }
    if (stop()) return paused();
    policy.save(o.output / "sft");
    at = {.phase = "grpo"};
  }

  // Phase 2, GRPO (equation 3.3): twelve answers a prompt, compared within their group, held near the SFT
  // model. The reward is not NDCG, so of the models on the way the one that ranks validation best is kept.
  auto reference = policy;
  reference.load(o.output / "sft");
  policy.reset_optimizer({.weight_decay = 0.0});
  policy.set_dropout(0.0);
  if (at.steps > 0) policy.load(saved.latest()->path);
  if (at.steps == 0)
    log.write(
        {{"phase", "grpo_eval"}, {"step", 0}, {"ndcg@10", validate()}, {"reward", reward_of(policy, 4)}});
  {
    progress bar({.label = "GRPO",
                  .total = static_cast<std::size_t>(o.grpo_steps),
                  .first = static_cast<std::size_t>(at.steps)});
    for (const auto& m :
         train(policy, grpo{.clip_low = o.clip, .clip_high = o.clip, .kl_coef = o.kl_coef}, goal, practice,
               {.steps = o.grpo_steps,
               .first_step = at.steps,
               .prompts_per_step = std::min<std::size_t>(32, practice.size()),
               .group_size = o.group_size,
               .learning_rate = o.learning_rate,
               .schedule = schedule::constant,
               .seed = o.seed},
               &reference) |
             tee(log.with({{"phase", "grpo"}})) | tee(bar) | until(stop)) {
      const std::ptrdiff_t done = m.step + 1;
      if (done % grpo_check == 0 || done == o.grpo_steps) {
        const double ndcg = validate();
        log.write(
            {{"phase", "grpo_eval"}, {"step", done}, {"ndcg@10", ndcg}, {"reward", reward_of(policy, 4)}});
        if (ndcg > at.best) {
          at.best = ndcg;
          policy.save(o.output / "model");
        }
      }
      if (done % grpo_check == 0 || done == o.grpo_steps || stop()) save("grpo", done);
    }
    if (stop()) return paused();
  }
  policy.load(o.output / "model");
  story.tokenizer().save(o.output / "model" / "tokenizer.json");

  // The test, looked at once.
  const std::vector<movie_prompt> full = questions(split.test, false), pooled = questions(split.test, true);
  const auto counted = [&](auto model) {
    model.fit(training_sequences(data, split));
    return scorer([model = std::move(model)](std::span<const movie_prompt> asked) {
      std::vector<std::vector<double>> all;
      for (const movie_prompt& prompt : asked) all.push_back(model.scores(prompt.seen));
      return all;
    });
  };
  std::vector<model_row> rows;
  for (const auto& [name, score] :
       std::vector<std::pair<std::string, scorer>>{{"popular topics", popular_topics(data, shares)},
                                                   {"popularity", counted(popularity(data.items.size()))},
                                                   {"Markov chain", counted(markov_chain(data.items.size()))},
                                                   {"sequence kNN", counted(sequence_knn(data.items.size()))},
                                                   {"SFT", ranker(reference)},
                                                   {"SFT + GRPO", ranker(policy)}})
    rows.push_back({name, rank(measured, full, score), rank(measured, pooled, score)});
  const std::vector<model_row> lists{{"SFT", written(reference, full), written(reference, pooled)},
                                     {"SFT + GRPO", written(policy, full), written(policy, pooled)}};
  const double sft_reward = reward_of(reference, 12), grpo_reward = reward_of(policy, 12);
  for (const model_row& row : rows)
    log.write({{"phase", "test"},
               {"model", row.name},
               {"recall@10", measure::mean(row.full.at(10).recall)},
               {"ndcg@10", measure::mean(row.full.at(10).ndcg)},
               {"pool_ndcg@10", measure::mean(row.pooled.at(10).ndcg)}});
  for (const model_row& row : lists)
    log.write({{"phase", "test"},
               {"list_of", row.name},
               {"recall@10", measure::mean(row.full.at(10).recall)},
               {"ndcg@10", measure::mean(row.full.at(10).ndcg)},
               {"pool_ndcg@10", measure::mean(row.pooled.at(10).ndcg)}});
  log.write({{"phase", "test"}, {"sft_reward", sft_reward}, {"grpo_reward", grpo_reward}});

  std::vector<report_table> tables{
      table_of("Test: the last liked film among all films, films seen left out", rows, &model_row::full),
      table_of("Test: the last liked film among 20 candidates named in the prompt", rows, &model_row::pooled),
      table_of("Test: the list that the model writes, among all films", lists, &model_row::full),
      table_of("Test: the list that the model writes, among 20 candidates", lists, &model_row::pooled)};
  if (o.simulated) tables.push_back(as_table_2(rows));
  for (const report_table& table : tables) examples::print(table);
  std::printf("\nMean reward on %zu prompts of users never trained on: SFT %.4f, SFT + GRPO %.4f\n",
              strangers.size(), sft_reward, grpo_reward);

  // Three users never trained on: what the model was told, its reasons and its list.
  std::vector<report_card> cards;
  for (std::size_t number = 1; number < std::min<std::size_t>(strangers.size(), 6); number += 2) {
    const movie_answer said = write(policy, std::span(strangers).subspan(number, 1)).front();
    cards.push_back(card_of(data, story, strangers[number], said));
    print(cards.back());
  }

  const std::string problem = write_report(
      o.output / "report.html",
      {.title = "A language model learns to recommend films",
       .subtitle = message(o.simulated ? "A simulated feed" : "MovieLens-100k", ", seed ", o.seed, ": ",
                           o.sft_steps, " steps of SFT, ", o.grpo_steps, " of GRPO"),
       .sections = {{.title = "The test, looked at once", .tables = tables, .bars = {bars_of(rows)}},
                    learning_curves(),
                    {.title = "Three users never trained on", .cards = cards}},
       .footer = o.simulated ? "Data: simulated; no real user is in it."
                             : "Data: MovieLens-100k, F. Maxwell Harper and Joseph A. Konstan, "
                               "The MovieLens Datasets, ACM TiiS 5 (2015).",
       .metrics = o.output / "metrics.jsonl"});
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  std::printf("\nWritten: %s/{report.html,metrics.jsonl,model/}\n", o.output.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
