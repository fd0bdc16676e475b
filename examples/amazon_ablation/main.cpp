// What each part of the Amazon example's training is worth: SFT and GRPO alone and together, reasons,
// rewards, penalties, group sizes, KL, and diversity in the reward against a diversity module. On validation
// items.
#include <cstdio>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/grpo.hpp>
#include <recllm/rerank.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/item_policy.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/train/report.hpp>

#include "../amazon/rankers.hpp"
#include "../amazon/results.hpp"
#include "../amazon/shop.hpp"
#include "../print_table.hpp"

using namespace recllm;
using namespace shop;

namespace {

constexpr std::size_t shown = 10;
constexpr std::ptrdiff_t network_steps = 60;  // of the transformer itself
constexpr std::size_t network_prompts = 128;

/// One row of the table: how a list writer is trained.
struct variant {
  std::string name;
  std::function<double(const slate&, const sequence&)> goal = {};  ///< none: no GRPO
  std::size_t group_size = 12;
  double kl_coef = 0.0, entropy_coef = 1e-3, learning_rate = 1e-2;
  advantage_scale scale = advantage_scale::none;
  bool sft = false;                  ///< cross-entropy on the practice items before
  std::vector<double> weights = {};  ///< to begin with; none: the ranker's order
};

/// Its figures: a report a seed, history masked, and the share of groups without advantage.
struct outcome {
  std::string group, name;
  std::vector<ranking_report> reports;
  double without_advantage = 0.0;

  [[nodiscard]] std::vector<double> per_user(std::vector<double> ranking_values::*what) const {
    std::vector<double> means(reports.front().users());
    for (const ranking_report& one : reports)
      for (std::size_t i = 0; i < means.size(); ++i)
        means[i] += (one.at(shown).*what)[i] / static_cast<double>(reports.size());
    return means;
  }
  [[nodiscard]] double mean(std::vector<double> ranking_values::*what) const {
    return measure::mean(per_user(what));
  }
  [[nodiscard]] double coverage() const {
    double sum = 0.0;
    for (const ranking_report& one : reports) sum += one.coverage_at(shown);
    return sum / static_cast<double>(reports.size());
  }
};

template <class Goal>
std::function<double(const slate&, const sequence&)> reward_of(Goal goal) {
  return [=](const slate& asked, const sequence& list) { return reward::evaluate(goal, asked, list); };
}

std::string text(const char* format, double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

}  // namespace

int main(int argc, char** argv) try {
  std::filesystem::path folder, output = "results/amazon_ablation";
  std::vector<std::uint64_t> seeds{1, 2, 3};
  double epochs = 12, prior_weight = 2;
  std::ptrdiff_t steps = 30;
  std::size_t prompts = 192;
  bool resume = false;
  CLI::App app("What each part of the Amazon example's training is worth, on validation items.");
  app.add_option("--data", folder, "folder with sequences.tsv and items.tsv")->required();
  app.add_option("--output", output, "where models, metrics and the report go")->capture_default_str();
  app.add_option("--seeds", seeds)->capture_default_str();
  app.add_option("--epochs", epochs, "of SFT")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prior-weight", prior_weight, "of the transitions' evidence in the logits")
      ->capture_default_str();
  app.add_option("--grpo-steps", steps)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--prompts", prompts, "a step of GRPO")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--resume", resume, "go on with the SFT of an interrupted run in --output");
  CLI11_PARSE(app, argc, argv);

  const dataset data = read_amazon_sequences(folder);
  const data_split split = leave_one_out(data);
  prove_no_leakage(data, split);
  const std::size_t items = data.items.size();
  const item_facts facts(data);
  const std::vector<shopper> asked = shoppers_of(data, split.validation);
  const std::vector<sequence> sequences = training_sequences(data, split), shorter = without_last(sequences),
                              much_shorter = without_last(sequences, 3);
  const counted_models counts(items, sequences, 0.7);

  std::filesystem::create_directories(output);
  keep_settings(output / "settings.json", resume,
                {{"data", folder.string()}, {"epochs", epochs}, {"seeds", seeds}});
  const interrupt_guard interrupt;
  const auto stop = [&] { return interrupt.requested(); };

  // Rankers: one a seed, with and without reasons, and those for practice that have not seen the last items.
  std::vector<training> trainings;
  for (const bool reasons : {false, true}) {
    const std::string in = reasons ? "reasons/" : "";
    for (const std::uint64_t seed : seeds)
      trainings.push_back(training_of(in + "seed-" + std::to_string(seed), facts, sequences,
                                      {.epochs = epochs, .seed = seed}, reasons));
    trainings.push_back(
        training_of(in + "practice", facts, shorter, {.epochs = epochs, .seed = seeds.front()}, reasons));
  }
  trainings.push_back(
      training_of("practice-3", facts, much_shorter, {.epochs = epochs, .seed = seeds.front()}, false));
  train_rankers(trainings, output, resume, stop);
  const auto stopped = [] {
    std::printf("\nStopped. Go on with --resume.\n");
    return 130;
  };
  if (stop()) return stopped();
  const auto plain = [&](std::size_t i) -> const ranker& { return trainings[i].model; };
  const auto reasoning = [&](std::size_t i) -> const ranker& {
    return trainings[seeds.size() + 1 + i].model;
  };

  // Figures of lists, and where they are gathered.
  const std::vector<std::vector<std::string>> topics = topics_of(data.items);
  const std::vector<double> shares = counts.popular.scores();
  const auto reported = [&](std::span<const sequence> lists, bool masked) {
    ranking_report report({.catalogue = items, .cutoffs = {shown}, .topics = topics, .shares = shares});
    for (std::size_t i = 0; i < lists.size(); ++i) {
      sequence list = masked ? without_history(lists[i], asked[i]) : lists[i];
      list.resize(std::min(list.size(), shown));
      report.add(list, asked[i].next_items);
    }
    return report;
  };
  std::vector<outcome> outcomes;
  jsonl_log log(output / "metrics.jsonl");
  std::mutex one_writes;
  const auto add = [&](outcome done, const std::string& front = {}) {
    log.write({{"phase", front.empty() ? "table" : front},
               {"group", done.group},
               {"name", done.name},
               {"ndcg@10", done.mean(&ranking_values::ndcg)},
               {"recall@10", done.mean(&ranking_values::recall)},
               {"diversity@10", done.mean(&ranking_values::diversity)},
               {"novelty@10", done.mean(&ranking_values::novelty)},
               {"coverage@10", done.coverage()}});
    std::fprintf(stderr, "%s, %s: NDCG@10 %.4f\n", done.group.c_str(), done.name.c_str(),
                 done.mean(&ranking_values::ndcg));
    outcomes.push_back(std::move(done));
  };

  // List writers practise on the slates of one ranker and are tested on those of another, or of one a seed.
  struct course {
    std::vector<slate> practised;
    std::vector<std::vector<slate>> tested;
    std::vector<example<slate, sequence>> lessons = {};  // of those practised
    [[nodiscard]] const std::vector<slate>& of_seed(std::size_t i) const { return tested[i % tested.size()]; }
  };
  const auto course_of = [&](const ranker& practice_ranker, const std::vector<sequence>& before,
                             std::size_t tests, const auto& tested) {
    course all{{}, std::vector<std::vector<slate>>(tests)};
    two_at_a_time(1 + tests, [&](std::size_t number) {
      if (number < tests)
        all.tested[number] = slates_of(tested(number), facts, counts, prior_weight, asked);
      else
        all.practised = slates_of(practice_ranker, facts, counted_models(items, before, 0.7), prior_weight,
                                  practice_of(sequences, before));
    });
    all.lessons = list_lessons_of(all.practised);
    return all;
  };
  const auto learn = [&](const variant& how, const course& on, std::uint64_t seed,
                         double& without_advantage) {
    const std::vector<double> weights = how.weights.empty() ? first_weights(1.0, prior_weight) : how.weights;
    list_writer writer = untaught_writer(weights, 20, seed);
    if (how.sft) {
      list_writer taught = untaught_writer(weights, 1, seed);
      for ([[maybe_unused]] const auto& m :
           fit(taught, sft{}, on.lessons, list_lesson_settings(on.lessons.size(), seed))) {
      }
      writer = with_length(taught, 20);
    }
    if (!how.goal) return writer;
    const list_writer reference = writer;
    for (const auto& m :
         train(writer, grpo{.kl_coef = how.kl_coef, .entropy_coef = how.entropy_coef, .scale = how.scale},
               how.goal, on.practised,
               {.steps = steps,
               .prompts_per_step = std::min(prompts, on.practised.size()),
               .group_size = how.group_size,
               .learning_rate = how.learning_rate,
               .schedule = schedule::linear,
               .seed = seed},
               how.kl_coef > 0.0 ? &reference : nullptr) |
             until(stop))
      without_advantage += m.frac_reward_zero_std / static_cast<double>(steps);
    return writer;
  };
  const auto run = [&](const std::string& group, const course& on, const std::vector<variant>& variants,
                       const std::string& front = {}, bool masked = true) {
    std::vector<outcome> done;
    for (const variant& how : variants)
      done.push_back(
          {group, how.name, std::vector(seeds.size(), reported({}, masked)), how.goal ? 0.0 : -1.0});
    progress bar({.label = group, .total = variants.size() * seeds.size()});
    two_at_a_time(variants.size() * seeds.size(), [&](std::size_t number) {
      if (stop()) return;
      const std::size_t row = number / seeds.size(), i = number % seeds.size();
      double nothing = 0.0;
      const list_writer writer = learn(variants[row], on, seeds[i], nothing);
      const std::vector<sequence> lists = written_by(writer, on.of_seed(i));
      const std::lock_guard writing(one_writes);
      done[row].reports[i] = reported(lists, masked);
      if (variants[row].goal) done[row].without_advantage += nothing / static_cast<double>(seeds.size());
      bar.advance();
    });
    if (!stop())
      for (outcome& one : done) add(std::move(one), front);
  };

  const auto again = [&](std::size_t number, const std::string& group, const std::string& name,
                         const std::string& front = {}) {  // of another group's row
    outcome same = outcomes[number];
    same.group = group;
    same.name = name;
    add(std::move(same), front);
  };
  const auto ndcg = reward::ndcg(&slate::next_items);
  const auto like = measure::attribute_similarity(
      [&](std::size_t item) -> const std::vector<std::size_t>& { return facts.attributes[item]; });
  const auto dense = ndcg + 0.1 * reward::soft_ndcg(&slate::next_items, like);
  const auto diversity =
      reward::diversity([&](std::size_t item) -> const std::vector<std::string>& { return topics[item]; });
  const auto novelty = reward::novelty([&](std::size_t item) { return shares[item]; });
  const auto weighted = [&](double weight, const auto& term) {
    return variant{.name = text("%g", weight), .goal = reward_of(dense + weight * term)};
  };
  const std::vector<variant> phases{{.name = "SFT"},
                                    {.name = "SFT, list too", .sft = true},
                                    {.name = "SFT + GRPO", .goal = reward_of(dense)},
                                    {.name = "SFT, list too + GRPO",
                                     .goal = reward_of(dense),
                                     .kl_coef = 0.02,
                                     .entropy_coef = 0.0,
                                     .learning_rate = 1e-2 / 30,
                                     .sft = true}};
  const variant plain_lcs{
      .name = "plain LCS",
      .goal = reward_of(1.0 * reward::lcs(&slate::next_items, measure::uniform_weight{}))},
      exact_match{.name = "exact match", .goal = reward_of(1.0 * reward::hit(&slate::next_items, 1))};
  {
    course on = course_of(plain(seeds.size()), shorter, seeds.size(), plain);
    run("training", on, phases);
    if (stop()) return stopped();
    constexpr std::size_t base = 2;  // SFT + GRPO, which the rows below differ from in one thing each
    again(base, "reward", "NDCG and soft NDCG");
    run("reward", on,
        {{.name = "NDCG = weighted LCS", .goal = reward_of(1.0 * ndcg)}, plain_lcs, exact_match});
    const std::vector<double> may_repeat = first_weights(1.0, prior_weight, 0.0);
    run("penalty, history ranked, too", on,
        {{.name = "SFT", .weights = may_repeat},
         {.name = "without", .goal = reward_of(dense), .weights = may_repeat},
         {.name = "with",
          .goal = reward_of(dense - 0.2 * reward::seen(&slate::history)),
          .weights = may_repeat}},
        {}, false);
    std::vector<variant> sizes, divergences, bonuses;
    for (const std::size_t size : {4, 8, 32})
      sizes.push_back({.name = std::to_string(size), .goal = reward_of(dense), .group_size = size});
    for (const double coef : {0.01, 0.03, 0.1})
      divergences.push_back({.name = text("%g", coef), .goal = reward_of(dense), .kl_coef = coef});
    for (const double coef : {0.0, 0.003, 0.01})
      bonuses.push_back({.name = text("%g", coef), .goal = reward_of(dense), .entropy_coef = coef});
    again(base, "group size", "12");
    run("group size", on, sizes);
    again(base, "KL coefficient", "0");
    run("KL coefficient", on, divergences);
    again(base, "entropy coefficient", "0.001");
    run("entropy coefficient", on, bonuses);
    again(base, "advantages", "less the mean");
    run("advantages", on,
        {{.name = "over the deviation",
          .goal = reward_of(dense),
          .scale = advantage_scale::group_deviation}});

    // Beyond accuracy: a term in the reward, against a module behind the ranker.
    std::vector<variant> diverse, novel;
    for (const double weight : {0.03, 0.1, 0.3, 1.0}) diverse.push_back(weighted(weight, diversity));
    for (const double weight : {0.003, 0.01, 0.03}) novel.push_back(weighted(weight, novelty));
    again(base, "diversity in the reward", "0", "GRPO diversity");
    run("diversity in the reward", on, diverse, "GRPO diversity");
    again(base, "novelty in the reward", "0", "GRPO novelty");
    run("novelty in the reward", on, novel, "GRPO novelty");
    const auto modules = [&](const std::string& group, const std::string& front,
                             std::span<const double> settings, const auto& list_of) {
      for (const double setting : settings) {
        outcome done{group, text("%g", setting), {}, -1.0};
        done.reports.assign(seeds.size(), reported({}, true));
        two_at_a_time(seeds.size(), [&](std::size_t i) {
          std::vector<sequence> lists;
          for (const slate& one : on.of_seed(i)) lists.push_back(list_of(one, setting));
          done.reports[i] = reported(lists, true);
        });
        add(std::move(done), front);
      }
    };
    const auto scores_of = [&](const slate& one) {
      const token_matrix<double> known = one.known.cast<double>();
      std::vector<double> scores;
      for (Eigen::Index c = 0; c < known.rows(); ++c)
        scores.push_back(known(c, 0) + prior_weight * known(c, 1) - 8.0 * known(c, 9));
      return scores;
    };
    const std::vector<double> lambdas{1.0, 0.95, 0.9, 0.8, 0.7, 0.5}, shifts{0.0, 0.03, 0.1, 0.2, 0.4};
    if (!stop())
      modules("MMR, lambda", "MMR", lambdas, [&](const slate& one, double lambda) {
        sequence list;
        for (const std::size_t c : maximal_marginal_relevance(scores_of(one),
                                                              [&](std::size_t a, std::size_t b) {
                                                                return 1.0 - measure::jaccard_distance(
                                                                                 topics[one.candidates[a]],
                                                                                 topics[one.candidates[b]]);
                                                              },
                                                              {.lambda = lambda, .length = shown}))
          list.push_back(one.candidates[c]);
        return list;
      });
    if (!stop())
      modules("logits shifted by novelty", "shift", shifts, [&](const slate& one, double by) {
        std::vector<double> scores = scores_of(one);
        for (std::size_t c = 0; c < scores.size(); ++c)
          scores[c] += by * measure::self_information(shares[one.candidates[c]]);
        sequence list;
        for (const std::size_t c : top_k(scores, shown)) list.push_back(one.candidates[c]);
        return list;
      });
    if (stop()) return stopped();
    auto tested = std::move(on.tested);
    on = course_of(plain(2 * seeds.size() + 2), much_shorter, 0, plain);
    on.tested = std::move(tested);
    run("reward of the three next", on,
        {{.name = "NDCG", .goal = reward_of(1.0 * ndcg)},
         {.name = "weighted LCS", .goal = reward_of(1.0 * reward::lcs(&slate::next_items))},
         plain_lcs,
         exact_match});
  }
  if (stop()) return stopped();
  {
    const ranker untrained = untrained_ranker(facts, false, random_stream(seeds.front()));
    const course on =
        course_of(untrained, shorter, 1, [&](std::size_t) -> const ranker& { return untrained; });
    const std::vector<double> counts_alone = first_weights(0.0, prior_weight);
    run("training, no SFT", on,
        {{.name = "counts alone", .weights = counts_alone},
         {.name = "GRPO only", .goal = reward_of(dense), .weights = counts_alone}});
  }
  if (stop()) return stopped();
  {
    const course on = course_of(reasoning(seeds.size()), shorter, seeds.size(), reasoning);
    run("with reasons", on, phases);
  }
  if (stop()) return stopped();

  // The transformer itself, that for practice: what it has not seen taught by GRPO or by cross-entropy. With
  // reasons a rollout is a category, then a list.
  const std::vector<shopper> practice = practice_of(sequences, shorter);
  const counted_models fold_counts(items, shorter, 0.7);
  const auto network_goal =
      reward::ndcg(&shopper::next_items) + 0.1 * reward::soft_ndcg(&shopper::next_items, like);
  const auto with_counts = [&](const ranker& from, const counted_models& known) {
    lm::item_policy_options options = from.options();
    options.prior = [&](std::span<const std::size_t> history) { return known.transitions.evidence(history); };
    options.prior_weight = prior_weight;
    options.input_dropout = options.dropout = 0.0;
    return ranker(from.model(), std::move(options));
  };
  for (const bool reasons : {false, true}) {
    const ranker& from = reasons ? reasoning(seeds.size()) : plain(seeds.size());
    const std::string group = reasons ? "the transformer, with reasons" : "the transformer";
    outcome before{group, "SFT", {}, -1.0}, taught{group, "SFT on practice", {}, -1.0},
        practised{group, "GRPO on practice", {}, 0.0};
    for (outcome* one : {&before, &taught, &practised}) one->reports.assign(seeds.size(), reported({}, true));
    progress bar({.label = group, .total = seeds.size()});
    two_at_a_time(seeds.size(), [&](std::size_t i) {
      const auto figures = [&](const ranker& model) {
        return reported(ranked_by(with_counts(model, counts), asked), true);
      };
      if (i == 0) before.reports.assign(seeds.size(), figures(from));
      ranker model = with_counts(from, fold_counts);
      const ranker reference = model;
      std::vector<example<shopper, lm::item_answer>> lessons;
      for (const shopper& one : practice) lessons.push_back({{one.history, {}}, {{}, one.next_items}});
      for ([[maybe_unused]] const auto& m : fit(model, sft{}, lessons,
                                                {.steps = network_steps,
                                                .batch_size = std::min(network_prompts, practice.size()),
                                                .learning_rate = 1e-4,
                                                .schedule = schedule::linear,
                                                .seed = seeds[i]}) |
                                                until(stop)) {
      }
      taught.reports[i] = figures(model);
      model = reference;
      for (const auto& m :
           train(model, grpo{.kl_coef = 0.05, .scale = advantage_scale::none}, network_goal, practice,
                 {.steps = network_steps,
                 .prompts_per_step = std::min(network_prompts, practice.size()),
                 .group_size = 12,
                 .learning_rate = 1e-4,
                 .schedule = schedule::linear,
                 .seed = seeds[i]},
                 &reference) |
               until(stop)) {
        const std::lock_guard writing(one_writes);
        practised.without_advantage +=
            m.frac_reward_zero_std /
            static_cast<double>(network_steps * static_cast<std::ptrdiff_t>(seeds.size()));
        log.with({{"phase", group}, {"seed", seeds[i]}})(m);
      }
      practised.reports[i] = figures(model);
      const std::lock_guard writing(one_writes);
      bar.advance();
    });
    if (stop()) return stopped();
    for (outcome* one : {&before, &taught, &practised}) add(std::move(*one));
  }

  // The table, and what each row has more than the first of its group.
  report_table table{.title = "Validation, history masked; 95 % intervals over users, of the mean over seeds",
                     .header = {"", "NDCG@10", "of the group's first", "Recall@10", "diversity@10",
                                "novelty@10", "coverage@10", "no advantage"}};
  std::vector<report_bars> bars;
  const outcome* first = nullptr;
  nlohmann::ordered_json figures;
  for (const outcome& one : outcomes) {
    const bool begins = first == nullptr || first->group != one.group;
    if (begins) {
      first = &one;
      bars.push_back({.title = one.group,
                      .y_label = "ten-thousandths of NDCG@10",
                      .bars = {{.label = "more than " + one.name}}});
    }
    const std::vector<double> values = one.per_user(&ranking_values::ndcg);
    std::vector<double> more = values;
    std::ranges::transform(more, first->per_user(&ranking_values::ndcg), more.begin(), std::minus<>{});
    const measure::interval range = bootstrap_interval(values), difference = bootstrap_interval(more);
    table.rows.push_back(
        {one.group + ": " + one.name,
         digits(measure::mean(values)) + " [" + digits(range.low) + ", " + digits(range.high) + "]",
         begins ? ""
                : text("%+.4f", measure::mean(more)) + text(" [%+.4f,", difference.low) +
                      text(" %+.4f]", difference.high),
         digits(one.mean(&ranking_values::recall)), text("%.3f", one.mean(&ranking_values::diversity)),
         text("%.2f", one.mean(&ranking_values::novelty)), text("%.3f", one.coverage()),
         one.without_advantage < 0.0 ? "" : text("%.1f %%", 100.0 * one.without_advantage)});
    if (!begins) {
      bars.back().groups.push_back(one.name);
      bars.back().bars.front().values.push_back(1e4 * measure::mean(more));
      bars.back().bars.front().errors.push_back(1e4 * (difference.high - difference.low) / 2.0);
    }
    std::vector<double> of_seeds;
    for (const ranking_report& report : one.reports) of_seeds.push_back(measure::mean(report.at(shown).ndcg));
    figures[one.group][one.name] = {{"ndcg@10", measure::mean(values)},
                                    {"low", range.low},
                                    {"high", range.high},
                                    {"seeds", of_seeds},
                                    {"more", measure::mean(more)},
                                    {"more_low", difference.low},
                                    {"more_high", difference.high}};
  }
  examples::print(table);
  write_file_atomically(output / "ablation.json", figures.dump(2) + "\n");
  const auto front = [](const std::string& phase, const std::string& key, const std::string& label) {
    return report_curve{.key = key, .label = label, .phase = phase, .x = "ndcg@10"};
  };
  std::vector<report_plot> fronts;
  for (const std::string key : {"diversity@10", "novelty@10", "coverage@10"})
    fronts.push_back({.title = "NDCG@10 against " + key,
                      .caption = "Up and to the right is better.",
                      .y_label = key,
                      .x_label = "NDCG@10",
                      .curves = {front("GRPO diversity", key, "diversity in the reward"),
                                 front("GRPO novelty", key, "novelty in the reward"),
                                 front("MMR", key, "SFT, re-ranked by MMR"),
                                 front("shift", key, "SFT, logits shifted by novelty")}});
  const std::string problem =
      write_report(output / "report.html", {.title = "What each part of the training is worth",
                                            .subtitle = folder.filename().string(),
                                            .sections = {{.title = "Table", .tables = {table}},
                                                         {.title = "Rows", .bars = bars},
                                                         {.title = "Beyond accuracy", .plots = fronts}},
                                            .metrics = output / "metrics.jsonl"});
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
