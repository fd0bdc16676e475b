// Does a diversity term in the reward replace the diversity module behind the model? RecLLM-R1 (arXiv
// 2506.19235) says so. Here a language-model recommender is trained by GRPO under several weights of
// diversity and of novelty; each gives a point of accuracy against diversity or novelty. Beside these fronts
// stand their rivals, on the same model without training: maximal-marginal-relevance re-ranking, and a
// constant shift of each item's score by its novelty. Prints the points and writes report.html with the
// fronts.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/baselines.hpp>
#include <recllm/grpo.hpp>
#include <recllm/metrics.hpp>
#include <recllm/rerank.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/ranking.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/fit.hpp>
#include <recllm/train/progress.hpp>
#include <recllm/train/report.hpp>
#include <recllm/train/train.hpp>

#include "../movielens/movies.hpp"

using namespace recllm;
using namespace movielens;
namespace lm = recllm::torch_bridge;

int main(int argc, char** argv) try {
  run_options o;
  o.output = "results/filter_bubble";
  o.learning_rate = 2e-4;
  std::filesystem::path sft_folder;
  std::vector<double> diversity_weights{0, 0.3, 1.0}, novelty_weights{0.03, 0.1};
  CLI::App app("Accuracy against diversity and novelty: GRPO's reward, and re-ranking.");
  CLI::Option_group* source = app.add_option_group("data");
  source->add_option("--data", o.data, "folder with RecBole atomic files (.inter .item .user)");
  source->add_flag("--simulated", o.simulated, "a simulated social feed, written to --output first");
  source->require_option(1);
  app.add_option("--output", o.output, "where the figures and the report go")->capture_default_str();
  app.add_option("--seed", o.seed, "of weights, batches and samples")->capture_default_str();
  app.add_option("--sft", sft_folder, "an SFT model that the movielens example wrote; else one is trained");
  app.add_option("--sft-steps", o.sft_steps, "of 32 lessons each")->capture_default_str();
  app.add_option("--grpo-steps", o.grpo_steps, "of 32 prompts each, for every weight")->capture_default_str();
  app.add_option("--learning-rate", o.learning_rate, "of GRPO")->capture_default_str();
  app.add_option("--kl-coef", o.kl_coef, "weight of the divergence from the SFT model")
      ->capture_default_str();
  app.add_option("--diversity", diversity_weights, "weights of diversity in the reward")
      ->capture_default_str();
  app.add_option("--novelty", novelty_weights, "weights of novelty in the reward")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  // Data and model as in the movielens example: strict time order, leave-one-out, a small Qwen2 from scratch.
  if (o.simulated) {
    o.data = o.output / "feed";
    write_recbole(simulate_feed(feed_size(o.seed)), o.data, feed_columns);
  }
  const dataset data = keep_users_with(
      o.simulated ? deduplicate(read_recbole(o.data, feed_columns)) : read_recbole(o.data), 5);
  const data_split split = leave_one_out(data, strong_engagement{});
  prove_no_leakage(data, split);
  const storyteller story(data);
  const random_stream rng(o.seed);
  const auto [lessons, practice, strangers] = story.material(split, rng);
  const auto allowed = [&](const movie_prompt& asked, std::span<const std::int64_t> so_far) {
    return story.allowed(asked, so_far);
  };
  lm::causal_lm<movie_prompt, movie_answer> sft_model(
      lm::qwen({.vocab_size = static_cast<std::int64_t>(story.tokenizer().vocab_size()),
                .hidden_size = 64,
                .intermediate_size = 192,
                .num_hidden_layers = 2,
                .initializer_range = 0.1},
               rng.split(1'000'000)),
      {.decode = [&](lm::token_ids tokens) { return story.answer(std::move(tokens)); },
       .allowed = allowed,
       .sampling = {.max_new_tokens = 32, .end_tokens = {story.token("<|im_end|>")}},
       .optimizer = {.beta2 = 0.98, .weight_decay = 0.05},
       .dropout = 0.1});
  std::filesystem::create_directories(o.output);
  jsonl_log log(o.output / "metrics.jsonl");
  if (!sft_folder.empty()) {
    sft_model.load(sft_folder);
  } else {
    progress bar({.label = "SFT ", .total = static_cast<std::size_t>(o.sft_steps), .show = {"loss"}});
    for (const auto& m : fit(sft_model, sft{}, lessons,
                             {.steps = o.sft_steps,
                             .batch_size = 32,
                             .learning_rate = 6e-3,
                             .schedule = schedule::linear,
                             .warmup_steps = 50,
                             .seed = o.seed}) |
                             tee(log.with({{"phase", "sft"}})) | tee(bar))
      static_cast<void>(m);
    sft_model.save(o.output / "sft");
  }
  sft_model.reset_optimizer({.weight_decay = 0.0});
  sft_model.set_dropout(0.0);

  // What a list is measured by, and the questions: each user's last liked film, asked once.
  popularity popular(data.items.size());
  popular.fit(training_sequences(data, split));
  const std::vector<double> shares = popular.scores();
  const auto topics_of_film = [&](std::size_t film) -> const std::vector<std::string>& {
    return data.items[film].topics;
  };
  const ranking_settings measured{
      .catalogue = data.items.size(), .topics = topics_of(data.items), .shares = shares};
  std::vector<movie_prompt> questions;
  for (const held_out& question : split.test)
    questions.push_back(
        story.prompt(question.user, history_of(data, question), future_of(data, question).first(1)));
  std::printf("%-24s %8s %12s %10s\n", "", "NDCG@10", "diversity@10", "novelty@10");
  const auto measure_lists = [&](const std::string& front, double weight,
                                 std::span<const std::vector<std::size_t>> lists) {
    ranking_report report(measured);
    for (std::size_t i = 0; i < lists.size(); ++i) report.add(lists[i], questions[i].next_items);
    const auto& at = report.at(10);
    const double ndcg = measure::mean(at.ndcg), diversity = measure::mean(at.diversity),
                 novelty = measure::mean(at.novelty);
    log.write({{"phase", front},
               {"weight", weight},
               {"ndcg@10", ndcg},
               {"diversity@10", diversity},
               {"novelty@10", novelty}});
    std::printf("%-18s %5.2f %8.4f %12.4f %10.4f\n", front.c_str(), weight, ndcg, diversity, novelty);
  };

  // The list that a model writes, film by film, so that a later pick can depend on those before it.
  const auto written = [&](const auto& model) {
    std::vector<std::vector<std::size_t>> lists;
    for (std::size_t first = 0; first < questions.size(); first += 64) {
      const auto chunk =
          std::span(questions).subspan(first, std::min<std::size_t>(64, questions.size() - first));
      std::vector<lm::token_ids> tokens;
      for (const movie_prompt& prompt : chunk) tokens.push_back(prompt.tokens);
      for (lm::generated& said :
           lm::generate(model.model(), tokens, 1,
                        {.max_new_tokens = 32, .temperature = 0.0, .end_tokens = {story.token("<|im_end|>")}},
                        rng, [&](std::size_t i, std::span<const std::int64_t> so_far) {
                          return allowed(chunk[i], so_far);
                        }))
        lists.push_back(story.answer(std::move(said.tokens)).items);
    }
    return lists;
  };
  measure_lists("SFT", 0, written(sft_model));

  // The rivals, on the SFT model without training. `after`: the best 100 films that the user has not seen and
  // the list does not hold yet, with their log-probs as what comes next.
  struct ranked {
    std::vector<std::size_t> films;
    std::vector<double> relevance;
  };
  const lm::ranking_options list_start{.item_tokens = story.item_tokens(),
                                       .answer_token = story.token("<answer>")};
  const auto after = [&](std::span<const lm::token_ids> contexts,
                         std::span<const std::vector<std::size_t>> taken) {
    std::vector<ranked> all;
    for (const auto& log_probs :
         lm::next_item_log_probs(sft_model.model(), contexts, list_start.item_tokens)) {
      ranked& one = all.emplace_back();
      one.films = top_k(log_probs, 100, excluding(taken[all.size() - 1], data.items.size()));
      for (const std::size_t film : one.films) one.relevance.push_back(log_probs[film]);
    }
    return all;
  };
  const auto alike = [&](std::size_t one, std::size_t other) {
    return 1.0 - measure::jaccard_distance(topics_of_film(one), topics_of_film(other));
  };
  std::vector<lm::token_ids> contexts;
  std::vector<ranked> first_picks;
  for (std::size_t first = 0; first < questions.size(); first += 64) {
    std::vector<lm::token_ids> tokens;
    std::vector<std::vector<std::size_t>> seen;
    for (std::size_t i = first; i < std::min(first + 64, questions.size()); ++i) {
      tokens.push_back(questions[i].tokens);
      seen.push_back(questions[i].seen);
    }
    const auto here = lm::list_contexts(sft_model.model(), tokens, list_start);
    contexts.insert(contexts.end(), here.begin(), here.end());
    std::ranges::move(after(here, seen), std::back_inserter(first_picks));
  }

  // MMR and the shift re-rank what the model would say first.
  for (const double lambda : {1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3}) {
    std::vector<std::vector<std::size_t>> lists;
    for (const ranked& one : first_picks) {
      const auto alike_at = [&](std::size_t i, std::size_t j) { return alike(one.films[i], one.films[j]); };
      std::vector<std::size_t>& list = lists.emplace_back();
      for (const std::size_t place : maximal_marginal_relevance(one.relevance, alike_at, {.lambda = lambda}))
        list.push_back(one.films[place]);
    }
    measure_lists("MMR", lambda, lists);
  }
  for (const double shift : {0.1, 0.2, 0.4, 0.8}) {
    std::vector<std::vector<std::size_t>> lists;
    for (const ranked& one : first_picks) {
      std::vector<double> shifted(data.items.size());
      for (std::size_t i = 0; i < one.films.size(); ++i)
        shifted[one.films[i]] = one.relevance[i] + shift * measure::self_information(shares[one.films[i]]);
      lists.push_back(top_k_of(one.films, shifted, list_length));
    }
    measure_lists("logit shift", shift, lists);
  }
  // The same rivals within the loop that writes the list: each film is put into the context before the next
  // is picked, as GRPO's model does it. `pick` chooses a place of the candidates, knowing the list so far.
  const auto written_by = [&](const auto& pick) {
    std::vector<std::vector<std::size_t>> lists(questions.size());
    for (std::size_t first = 0; first < questions.size(); first += 64) {
      const std::size_t end = std::min(first + 64, questions.size());
      std::vector<lm::token_ids> here(contexts.begin() + static_cast<std::ptrdiff_t>(first),
                                      contexts.begin() + static_cast<std::ptrdiff_t>(end));
      std::vector<std::vector<std::size_t>> taken;
      for (std::size_t i = first; i < end; ++i) taken.push_back(questions[i].seen);
      for (std::size_t place = 0; place < list_length; ++place) {
        const std::vector<ranked> next = after(here, taken);
        for (std::size_t i = 0; i < next.size(); ++i) {
          const std::size_t film = next[i].films[pick(next[i], lists[first + i])];
          lists[first + i].push_back(film);
          taken[i].push_back(film);
          here[i].push_back(story.item_tokens()[film]);
        }
      }
    }
    return lists;
  };
  for (const double lambda : {0.9, 0.7, 0.5})
    measure_lists("MMR as written", lambda,
                  written_by([&](const ranked& next, std::span<const std::size_t> list) {
                    std::vector<double> nearest;
                    for (const std::size_t film : next.films) {
                      double most = 0.0;
                      for (const std::size_t listed : list) most = std::max(most, alike(film, listed));
                      nearest.push_back(most);
                    }
                    return next_marginally_relevant(next.relevance, nearest, lambda);
                  }));
  for (const double shift : {0.1, 0.2, 0.4})
    measure_lists(
        "shift as written", shift, written_by([&](const ranked& next, std::span<const std::size_t>) {
          std::vector<double> shifted;
          for (std::size_t i = 0; i < next.films.size(); ++i)
            shifted.push_back(next.relevance[i] + shift * measure::self_information(shares[next.films[i]]));
          return static_cast<std::size_t>(std::ranges::max_element(shifted) - shifted.begin());
        }));

  // GRPO from the same model, once for each weight; twelve lists a prompt, held near the SFT model.
  // Advantages are not divided by the group's deviation, or groups that differ in diversity alone would count
  // like those that differ in accuracy.
  const auto learn = [&](const std::string& front, double weight, const auto& goal) {
    auto policy = sft_model;
    progress bar({.label = front + " " + std::to_string(weight).substr(0, 4),
                  .total = static_cast<std::size_t>(o.grpo_steps)});
    for (const auto& m :
         train(policy, grpo{.kl_coef = o.kl_coef, .scale = advantage_scale::none}, goal, practice,
               {.steps = o.grpo_steps,
               .prompts_per_step = std::min<std::size_t>(32, practice.size()),
               .group_size = o.group_size,
               .learning_rate = o.learning_rate,
               .schedule = schedule::constant,
               .seed = o.seed},
               &sft_model) |
             tee(bar))
      static_cast<void>(m);
    measure_lists(front, weight, written(policy));
  };
  const auto accuracy = reward::lcs(&movie_prompt::next_items) + 0.2 * reward::format();
  for (const double weight : diversity_weights)
    learn("GRPO diversity", weight, accuracy + weight * reward::diversity(topics_of_film));
  for (const double weight : novelty_weights)
    learn("GRPO novelty", weight,
          accuracy + weight * reward::novelty([&](std::size_t film) { return shares[film]; }));

  const auto front = [](const std::string& phase, const std::string& key, const std::string& label) {
    return report_curve{.key = key, .label = label, .phase = phase, .x = "ndcg@10"};
  };
  const std::string problem = write_report(
      o.output / "report.html",
      {.title = "A diversity term in the reward, and a diversity module behind the model",
       .subtitle = message(o.simulated ? "A simulated feed" : "MovieLens-100k", ", seed ", o.seed),
       .sections =
           {{.title = "Fronts",
             .plots = {{.title = "Accuracy against diversity",
                        .caption = "Up and to the right is better.",
                        .y_label = "intra-list diversity@10",
                        .x_label = "NDCG@10",
                        .curves = {front("SFT", "diversity@10", "SFT, as written"),
                                   front("MMR", "diversity@10", "SFT, re-ranked by MMR"),
                                   front("MMR as written", "diversity@10", "SFT, written by MMR"),
                                   front("GRPO diversity", "diversity@10", "GRPO, as written")}},
                       {.title = "Accuracy against novelty",
                        .caption = "Up and to the right is better.",
                        .y_label = "novelty@10, bits",
                        .x_label = "NDCG@10",
                        .curves = {front("SFT", "novelty@10", "SFT, as written"),
                                   front("logit shift", "novelty@10", "SFT, scores shifted by novelty"),
                                   front("shift as written", "novelty@10", "SFT, written with the shift"),
                                   front("GRPO novelty", "novelty@10", "GRPO, as written")}}}}},
       .metrics = o.output / "metrics.jsonl"});
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  std::printf("\nWritten: %s/{report.html,metrics.jsonl}\n", o.output.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
