// The three Amazon sets of RecLLM-R1's Table 1 (arXiv 2506.19235): SFT of a small item transformer, then GRPO
// of a list writer on purchases that its ranker was not trained on. Prints the paper's table with our rows.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/progress.hpp>

#include "../print_table.hpp"
#include "rankers.hpp"
#include "results.hpp"
#include "shop.hpp"

using namespace recllm;
using namespace shop;

int main(int argc, char** argv) try {
  std::filesystem::path folder, output = "results/amazon", results;
  std::vector<std::uint64_t> seeds{1, 2, 3};
  double epochs = 12, prior_weight = 2, backward = 0.7, similar = 0.1;
  double learning_rate = 1e-2, entropy_coef = 1e-3, kl_coef = 0.02;
  std::ptrdiff_t grpo_steps = 180;
  std::size_t group_size = 12, prompts = 512, list_length = 20;
  bool reasons = false, with_validation = false, resume = false, validate = false;
  CLI::App app("Trains a recommender on an Amazon set: SFT, then GRPO. All items are ranked.");
  app.add_option("--data", folder, "folder with sequences.tsv and items.tsv")->required();
  app.add_option("--output", output, "where models, metrics and results go")->capture_default_str();
  app.add_option("--results", results, "a file of results of several sets to add to");
  app.add_option("--seeds", seeds, "of weights, batches and samples; one model each")->capture_default_str();
  app.add_option("--epochs", epochs, "of SFT")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prior-weight", prior_weight, "of the transitions' evidence in the logits")
      ->capture_default_str();
  app.add_option("--knn-backward", backward, "sequence kNN's share for a step back")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--grpo-steps", grpo_steps)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--group-size", group_size, "lists a prompt")
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  app.add_option("--prompts", prompts, "a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--list-length", list_length, "items of a list in GRPO")
      ->check(CLI::Range(std::size_t{1}, candidates))
      ->capture_default_str();
  app.add_option("--learning-rate", learning_rate, "of GRPO at its start")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--entropy-coef", entropy_coef, "of GRPO from SFT's order")->capture_default_str();
  app.add_option("--kl-coef", kl_coef, "towards the control, of GRPO from there")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--similar", similar, "weight of items like the next one in the reward")
      ->capture_default_str();
  app.add_flag("--reasons", reasons, "the transformer names the next item's category and brand before it");
  app.add_flag("--with-validation", with_validation, "train on the validation items too");
  app.add_flag("--validate", validate, "measure on the validation items; the test stays unseen");
  app.add_flag("--resume", resume, "go on with the SFT of an interrupted run in --output");
  CLI11_PARSE(app, argc, argv);
  require(!(validate && with_validation), "amazon: --validate and --with-validation exclude each other");
  require(results.empty() || !(validate || with_validation),
          "amazon: --results holds the test's figures alone; leave out --validate and --with-validation");
  if (!results.empty()) (void)read_results(results);  // a fault is told before training

  // Leave-one-out: a user's last item is the test, the last but one the validation. The ranker is trained on
  // all before; with --with-validation on that, too.
  const dataset data = read_amazon_sequences(folder);
  data_split split = leave_one_out(data);
  prove_no_leakage(data, split);
  if (with_validation)
    for (const held_out& question : split.validation)
      split.train_end[question.user] = question.target_position + 1;
  const std::size_t items = data.items.size();
  const item_facts facts(data);
  const std::vector<shopper> asked = shoppers_of(data, validate ? split.validation : split.test);

  // GRPO learns nothing from what SFT has fitted too well. So a second ranker, trained without each user's
  // last training item, makes the slates that the list writer practises on.
  const std::vector<sequence> sequences = training_sequences(data, split), shorter = without_last(sequences);
  const counted_models counts(items, sequences, backward), fold_counts(items, shorter, backward);
  const std::vector<shopper> practice = practice_of(sequences, shorter);

  std::filesystem::create_directories(output);
  keep_settings(output / "settings.json", resume,
                {{"data", folder.string()},
                 {"epochs", epochs},
                 {"seeds", seeds},
                 {"reasons", reasons},
                 {"with_validation", with_validation}});
  const interrupt_guard interrupt;
  const auto stop = [&] { return interrupt.requested(); };
  const auto stopped = [] {
    std::printf("\nStopped. Go on with --resume.\n");
    return 130;
  };
  std::mutex one_writes;
  const std::string set = (folder / "").parent_path().filename();
  const std::string measured_on = validate          ? "validation"
                                  : with_validation ? "trained on the validation items, too"
                                                    : "test";
  std::printf(
      R"(%s (%s): %zu users, %zu items, %zu asked.
Leave-one-out: a user's last item is the test, the last but one the validation; training is on all but
the last %s. Measured here: the %s item, its input all before it. All items are ranked, shown with
the history masked and not; equal scores: the smaller item number first. Settings are chosen on
validation by NDCG@10. Means over seeds %s, which share one practice ranker; intervals: 95%%, by
bootstrap over users. A third of the test pairs of the sets of 2014 fall on the same day, in file order.
)",
      set.c_str(), measured_on.c_str(), data.users.size(), items, asked.size(),
      with_validation ? "one" : "two", validate ? "last but one" : "last",
      nlohmann::json(seeds).dump().c_str());

  // SFT: next items of whole sequences, cross-entropy over the catalogue. One ranker a seed and the one for
  // practice, two at a time, a core each.
  std::vector<training> trainings;
  for (const std::uint64_t seed : seeds)
    trainings.push_back(training_of("seed-" + std::to_string(seed), facts, sequences,
                                    {.epochs = epochs, .seed = seed}, reasons));
  trainings.push_back(
      training_of("practice", facts, shorter, {.epochs = epochs, .seed = seeds.front()}, reasons));
  train_rankers(trainings, output, resume, stop);
  if (stop()) return stopped();

  // The list writer: candidates of the ranker, ordered by more than its scores. GRPO teaches it on the
  // practice items from the ranker's own order on; cross-entropy on the same items is the control; and GRPO
  // goes on from the control, held to it, with a third of the steps at a thirtieth of the rate. Reward: NDCG,
  // and items like the next one, so that most groups have something to compare.
  const auto goal =
      reward::ndcg(&slate::next_items) +
      similar * reward::soft_ndcg(
                    &slate::next_items,
                    measure::attribute_similarity([&](std::size_t item) -> const std::vector<std::size_t>& {
                      return facts.attributes[item];
                    }));
  const std::vector<slate> practised =
      slates_of(trainings.back().model, facts, fold_counts, prior_weight, practice);
  const std::vector<example<slate, sequence>> found = list_lessons_of(practised);
  const std::ptrdiff_t more_steps = std::max<std::ptrdiff_t>(1, grpo_steps / 3);

  struct lists_of_seed {
    std::vector<sequence> transformer, sft, practised, taught, taught_and_practised;
  };
  std::vector<lists_of_seed> lists(seeds.size());
  std::vector<double> without_advantage(2 * seeds.size());  // shares of the groups
  jsonl_log log(output / "metrics.jsonl");
  const auto writers_of_seeds = [&](std::size_t length) {
    std::vector<list_writer> all;
    for (const std::uint64_t seed : seeds)
      all.push_back(untaught_writer(first_weights(1, prior_weight), length, seed));
    return all;
  };
  std::vector<list_writer> alone = writers_of_seeds(list_length), taught = writers_of_seeds(1), both = alone;
  {
    progress bar(
        {.label = "GRPO", .total = seeds.size() * static_cast<std::size_t>(grpo_steps + more_steps)});
    two_at_a_time(2 * seeds.size(), [&](std::size_t number) {
      const std::size_t i = number % seeds.size();
      const bool after_control = number >= seeds.size();
      grpo objective{.kl_coef = 0, .entropy_coef = entropy_coef, .scale = advantage_scale::none};
      if (after_control) {
        for (const auto& m :
             fit(taught[i], sft{}, found, list_lesson_settings(found.size(), seeds[i])) | until(stop)) {
          const std::lock_guard writing(one_writes);
          log.with({{"phase", "list sft"}, {"seed", seeds[i]}})(m);
        }
        both[i] = with_length(taught[i], list_length);
        objective.kl_coef = kl_coef;
        objective.entropy_coef = 0;
      }
      list_writer& writer = after_control ? both[i] : alone[i];
      const list_writer control = writer;
      const std::ptrdiff_t steps = after_control ? more_steps : grpo_steps;
      for (const auto& m : train(writer, objective, goal, practised,
                                 {.steps = steps,
                                 .prompts_per_step = std::min(prompts, practised.size()),
                                 .group_size = group_size,
                                 .learning_rate = after_control ? learning_rate / 30 : learning_rate,
                                 .schedule = schedule::linear,
                                 .seed = seeds[i]},
                                 objective.kl_coef > 0 ? &control : nullptr) |
                               until(stop)) {
        const std::lock_guard writing(one_writes);
        bar(m);
        log.with({{"phase", after_control ? "grpo after list sft" : "grpo"}, {"seed", seeds[i]}})(m);
        without_advantage[number] += m.frac_reward_zero_std / static_cast<double>(steps);
      }
    });
  }
  if (stop()) return stopped();

  // Every model's lists; the slates of some shoppers at a time.
  two_at_a_time(seeds.size(), [&](std::size_t i) {
    const ranker& model = trainings[i].model;
    lists_of_seed& mine = lists[i];
    mine.transformer = ranked_by(model, asked);
    const std::pair<std::vector<sequence>*, list_writer> written[] = {
        {&mine.practised, with_length(alone[i], 2 * longest)},
        {&mine.taught, with_length(taught[i], 2 * longest)},
        {&mine.taught_and_practised, with_length(both[i], 2 * longest)}};
    for (std::size_t first = 0; first < asked.size() && !stop(); first += 1024) {
      const std::vector<slate> slates =
          slates_of(model, facts, counts, prior_weight,
                    std::span(asked).subspan(first, std::min<std::size_t>(1024, asked.size() - first)));
      for (const slate& one : slates) mine.sft.push_back(one.candidates);
      for (const auto& [to, writer] : written)
        std::ranges::move(written_by(writer, slates), std::back_inserter(*to));
    }
  });
  if (stop()) return stopped();

  // Every model's figures.
  std::vector<measured> rows;
  const auto counted = [&](const std::string& name, const auto& model) {
    rows.emplace_back(name, items).add(ranked_by(model, asked), asked);
  };
  counted("popularity", counts.popular);
  counted("Markov chain", counts.chain);
  counted("sequence kNN", counts.neighbours);
  counted("transitions", counts.transitions);
  for (const auto& [name, of] : {std::pair{"transformer", &lists_of_seed::transformer},
                                 {"SFT", &lists_of_seed::sft},
                                 {"SFT + GRPO", &lists_of_seed::practised},
                                 {"SFT, list too", &lists_of_seed::taught},
                                 {"SFT, list too + GRPO", &lists_of_seed::taught_and_practised}}) {
    rows.emplace_back(name, items);
    for (const lists_of_seed& one : lists) rows.back().add(one.*of, asked);
  }
  const std::string tag = " (" + measured_on + ")";
  for (const bool masked : {true, false}) {
    report_table table =
        table_of((masked ? "History masked" : "All items, history included") + tag, rows, masked);
    if (const auto paper = table_1.find(set); paper != table_1.end() && !validate)
      table.rows.insert(table.rows.begin(), paper->second);
    examples::print(table);
  }
  const measured &before = rows[rows.size() - 4], &practised_alone = rows[rows.size() - 3],
                 &control = rows[rows.size() - 2], &final = rows.back();
  report_table differences = empty_table("Differences, history masked, in 1/10000, with intervals" + tag);
  for (const auto& [one, other] : {std::pair{&practised_alone, &before},
                                   {&practised_alone, &control},
                                   {&final, &before},
                                   {&final, &control}})
    differences.rows.push_back(difference_row(one->name() + " less " + other->name(), *one, *other));
  nlohmann::ordered_json figures;
  for (const measured& one : rows) figures[one.name()] = intervals_of(one);
  examples::print(interval_table(final.name() + " with intervals" + tag, figures[final.name()]));
  examples::print(differences);
  const auto shares = std::span(without_advantage);
  std::printf("\ngroups without advantage: %.1f %%, after list SFT %.1f %%\n",
              100 * measure::mean(shares.first(seeds.size())),
              100 * measure::mean(shares.last(seeds.size())));
  write_results(output / "models.json", set + tag, figures);
  if (!results.empty()) write_results(results, set, figures[final.name()]);
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
