// Does a diversity term in the reward replace the diversity module behind the model? RecLLM-R1 (arXiv
// 2506.19235) says so. A language-model recommender is taught by SFT; then a list policy over its scores is
// trained by GRPO under several weights of diversity and of novelty. Beside the fronts of accuracy against
// diversity and novelty stand the modules: maximal-marginal-relevance re-ranking, and a constant shift of
// each film's score by its novelty. Prints the points, compares at equal diversity or novelty, and draws the
// fronts.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/baselines.hpp>
#include <recllm/grpo.hpp>
#include <recllm/metrics.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/fit.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/train/report.hpp>
#include <recllm/train/train.hpp>

#include "../movielens/model.hpp"
#include "slate.hpp"

using namespace recllm;
using namespace movielens;
using filter_bubble::slate, filter_bubble::film_list;

int main(int argc, char** argv) try {
  run_options o;
  o.output = "results/filter_bubble";
  o.learning_rate = 60.0;
  std::filesystem::path sft_folder;
  std::vector<double> diversity_weights{0, 0.1, 0.3, 1, 2}, novelty_weights{0.03, 0.05, 0.07};
  CLI::App app("Accuracy against diversity and novelty: GRPO's reward, and re-ranking.");
  CLI::Option_group* source = app.add_option_group("data");
  source->add_option("--data", o.data, "folder with RecBole atomic files (.inter .item .user)");
  source->add_flag("--simulated", o.simulated, "a simulated social feed, written to --output first");
  source->require_option(1);
  app.add_option("--output", o.output, "where the figures and the report go")->capture_default_str();
  app.add_option("--seed", o.seed, "of weights, batches and samples")->capture_default_str();
  app.add_option("--sft", sft_folder, "an SFT model that the movielens example wrote; else one is trained");
  app.add_option("--sft-steps", o.sft_steps, "of 32 lessons each")->capture_default_str();
  app.add_option("--grpo-steps", o.grpo_steps, "of 96 prompts each, for every weight")->capture_default_str();
  app.add_option("--learning-rate", o.learning_rate, "of GRPO at its start")->capture_default_str();
  app.add_option("--diversity", diversity_weights, "weights of diversity in the reward")
      ->capture_default_str();
  app.add_option("--novelty", novelty_weights, "weights of novelty in the reward")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  // Data and model are those of the movielens example: strict time order, leave-one-out, a small Qwen2.
  const dataset data = read_data(o);
  const data_split split = leave_one_out(data, strong_engagement{});
  prove_no_leakage(data, split);
  const storyteller story(data);
  recommender model = untrained_model(story, o);
  std::filesystem::create_directories(o.output);
  jsonl_log log(o.output / "metrics.jsonl");
  if (!sft_folder.empty()) {
    model.load(sft_folder);
  } else {
    const auto lessons = story.material(split, random_stream(o.seed)).lessons;
    progress bar({.label = "SFT ", .total = static_cast<std::size_t>(o.sft_steps), .show = {"loss"}});
    for (const auto& m :
         fit(model, sft{}, lessons, sft_settings(o)) | tee(log.with({{"phase", "sft"}})) | tee(bar))
      static_cast<void>(m);
    model.save(o.output / "sft");
  }

  // The hundred films that the model would name first, for each user. SFT's scores fit what it was trained on
  // too well, so GRPO learns from the validation targets; the test is looked at once.
  const auto slates = [&](std::span<const held_out> questions) {
    std::vector<movie_prompt> asked;
    for (const held_out& question : questions)
      asked.push_back(
          story.prompt(question.user, history_of(data, question), future_of(data, question).first(1)));
    const std::vector<std::vector<double>> log_probs = first_film_log_probs(model, story, asked);
    std::vector<slate> all;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      slate& one = all.emplace_back();
      one.candidates = top_k(log_probs[i], 100, excluding(asked[i].seen, data.items.size()));
      for (const std::size_t film : one.candidates) one.log_probs.push_back(log_probs[i][film]);
      one.next_items = asked[i].next_items;
    }
    return all;
  };
  const std::vector<slate> practice = slates(split.validation), test = slates(split.test);

  // What a front is made of.
  popularity popular(data.items.size());
  popular.fit(training_sequences(data, split));
  const std::vector<double> shares = popular.scores();
  const std::vector<std::vector<std::string>> topics = topics_of(data.items);
  const filter_bubble::film_facts films(topics, shares);
  const auto measured = [&](std::span<const film_list> lists) {
    ranking_report report({.catalogue = data.items.size(), .topics = topics, .shares = shares});
    for (std::size_t i = 0; i < lists.size(); ++i) report.add(lists[i], test[i].next_items);
    return report;
  };
  const auto mean = [](const ranking_report& report, auto what) {
    return measure::mean(report.at(10).*what);
  };
  const auto point = [&](const std::string& front, double weight, const ranking_report& report) {
    const double ndcg = mean(report, &ranking_values::ndcg),
                 diversity = mean(report, &ranking_values::diversity),
                 novelty = mean(report, &ranking_values::novelty);
    log.write({{"phase", front},
               {"weight", weight},
               {"ndcg@10", ndcg},
               {"diversity@10", diversity},
               {"novelty@10", novelty}});
    std::printf("\n%-14s %5.2f %8.4f %12.4f %10.4f", front.c_str(), weight, ndcg, diversity, novelty);
  };

  // The modules behind the model.
  const auto mmr = [&](double lambda) { return measured(re_ranked(test, films, lambda)); };
  const auto shift = [&](double by) { return measured(shifted(test, films, by)); };
  std::printf("%-14s %5s %8s %12s %10s", "", "", "NDCG@10", "diversity@10", "novelty@10");
  point("SFT", 0, mmr(1.0));
  for (const double lambda : {1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3}) point("MMR", lambda, mmr(lambda));
  for (const double by : {0.0, 0.1, 0.2, 0.4, 0.8}) point("logit shift", by, shift(by));

  // A module set so that its lists have as much of `what` as asked for, or a hair more: bisection between
  // doing nothing and `most`, which stays where even that is too little.
  const auto level = [&](const auto& module, double nothing, double most, auto what, double wanted) {
    if (mean(module(nothing), what) >= wanted) return nothing;
    for (int halving = 0; halving < 20; ++halving) {
      const double middle = std::midpoint(nothing, most);
      (mean(module(middle), what) < wanted ? nothing : most) = middle;
    }
    return most;
  };

  // GRPO on the list policy, once for each weight; twelve lists a prompt.
  const auto learn = [&](const std::string& front, double weight, const auto& goal, advantage_scale scale) {
    list_policy<slate> policy = list_writer(films);
    progress bar({.label = front, .total = static_cast<std::size_t>(o.grpo_steps)});
    for (const auto& m : train(policy, grpo{.kl_coef = 0, .scale = scale}, goal, practice,
                               {.steps = o.grpo_steps,
                               .prompts_per_step = std::min<std::size_t>(96, practice.size()),
                               .group_size = o.group_size,
                               .learning_rate = o.learning_rate,
                               .schedule = schedule::linear,
                               .seed = o.seed}) |
                             tee(bar))
      static_cast<void>(m);
    const ranking_report report = measured(policy.greedy(test).completions);
    point(front, weight, report);
    return report;
  };
  const auto compared = [&](const ranking_report& ours, const std::string& module, double at,
                            const ranking_report& rival) {
    const ranking_difference d = compare(ours, rival, {.names = {"ndcg@10"}}).differences.front();
    log.write({{"phase", "against " + module},
               {"set to", at},
               {"ndcg@10", d.a},
               {"its ndcg@10", d.b},
               {"low", d.range.low},
               {"high", d.range.high}});
    std::printf("   %s %.3f: %.4f, difference %+.4f [%+.4f, %+.4f]", module.c_str(), at, d.b, d.a - d.b,
                d.range.low, d.range.high);
  };
  const auto accuracy = reward::ndcg(&slate::next_items);
  const auto diversity =
      reward::diversity([&](std::size_t film) -> const std::vector<std::string>& { return topics[film]; });
  const auto novelty = reward::novelty([&](std::size_t film) { return shares[film]; });
  for (const auto& [front, scale] : {std::pair{"GRPO diversity", advantage_scale::none},
                                     std::pair{"GRPO scaled", advantage_scale::group_deviation}})
    for (const double weight : diversity_weights) {
      const ranking_report ours = learn(front, weight, accuracy + weight * diversity, scale);
      const double lambda =
          level(mmr, 1.0, 0.0, &ranking_values::diversity, mean(ours, &ranking_values::diversity));
      compared(ours, "MMR", lambda, mmr(lambda));
    }
  for (const double weight : novelty_weights) {
    const ranking_report ours =
        learn("GRPO novelty", weight, accuracy + weight * novelty, advantage_scale::none);
    const double by = level(shift, 0.0, 10.0, &ranking_values::novelty, mean(ours, &ranking_values::novelty));
    compared(ours, "shift", by, shift(by));
  }

  const auto front = [](const std::string& phase, const std::string& key, const std::string& label) {
    return report_curve{.key = key, .label = label, .phase = phase, .x = "ndcg@10"};
  };
  const std::string problem = write_report(
      o.output / "report.html",
      {.title = "A diversity term in the reward, and a diversity module behind the model",
       .subtitle = message(o.simulated ? "A simulated feed" : "MovieLens-100k", ", seed ", o.seed),
       .sections = {{.title = "Fronts",
                     .plots = {{.title = "Accuracy against diversity",
                                .caption = "Up and to the right is better.",
                                .y_label = "intra-list diversity@10",
                                .x_label = "NDCG@10",
                                .curves = {front("SFT", "diversity@10", "SFT"),
                                           front("MMR", "diversity@10", "SFT, re-ranked by MMR"),
                                           front("GRPO diversity", "diversity@10", "GRPO"),
                                           front("GRPO scaled", "diversity@10",
                                                 "GRPO, advantages over the group's deviation")}},
                               {.title = "Accuracy against novelty",
                                .caption = "Up and to the right is better.",
                                .y_label = "novelty@10, bits",
                                .x_label = "NDCG@10",
                                .curves = {front("SFT", "novelty@10", "SFT"),
                                           front("logit shift", "novelty@10", "SFT, shifted by novelty"),
                                           front("GRPO novelty", "novelty@10", "GRPO")}}}}},
       .metrics = o.output / "metrics.jsonl"});
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  std::printf("\n\nWritten: %s/{report.html,metrics.jsonl}\n", o.output.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
