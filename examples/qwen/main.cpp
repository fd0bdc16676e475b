// Fine-tunes a pretrained chat model as a recommender of films, after RecLLM-R1 (arXiv 2506.19235): a few
// lessons (SFT) teach the form of an answer, then GRPO on the model's own answers teaches what to answer.
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <recllm/baselines.hpp>
#include <recllm/grpo.hpp>
#include <recllm/model/gguf_pretrained_tokenizer.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/device.hpp>
#include <recllm/train/callbacks.hpp>
#include <recllm/train/checkpoint.hpp>
#include <recllm/train/interrupt.hpp>
#include <recllm/train/progress.hpp>

#include "../print_table.hpp"
#include "films.hpp"
#include "results.hpp"

using namespace recllm;
using namespace films;
namespace lm = recllm::torch_bridge;

int main(int argc, char** argv) try {
  run_options o;
  CLI::App app("Fine-tunes a pretrained chat model as a recommender of films: SFT, then GRPO.");
  app.add_option_function<std::string>(
         "--preset", [&](const std::string&) { o = paper_settings(); },
         "deepseek-r1: settings of the paper, for DeepSeek-R1-Distill-Qwen-1.5B and a GPU")
      ->check(CLI::IsMember({"deepseek-r1"}));
  app.add_option("--model", o.model, "a Hugging Face folder or a .gguf file")->required();
  app.add_option("--data", o.data, "folder with RecBole atomic files (.inter .item .user)")->required();
  app.add_option("--output", o.output, "where metrics, checkpoints, models and report go")
      ->capture_default_str();
  app.add_option("--device", o.device, "cpu, cuda or cuda:NUMBER; by default CUDA where there is one");
  app.add_option("--precision", o.precision, "of the weights: bf16 or float32")
      ->check(CLI::IsMember({"bf16", "float32"}))
      ->capture_default_str();
  app.add_option("--lora-rank", o.lora_rank, "of the adapters that are trained; 0 = all weights are")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", o.seed, "of lessons, batches and samples")->capture_default_str();
  app.add_flag("--resume", o.resume, "go on from the last checkpoint in --output");
  app.add_option("--lessons", o.lessons, "of SFT, each learned once")->capture_default_str();
  app.add_option("--sft-batch", o.sft_batch, "lessons a step")->capture_default_str();
  app.add_option("--sft-learning-rate", o.sft_learning_rate, "of SFT, at its peak")->capture_default_str();
  app.add_option("--grpo-steps", o.grpo_steps, "updates by GRPO")->capture_default_str();
  app.add_option("--prompts", o.prompts, "a step of GRPO")->capture_default_str();
  app.add_option("--group-size", o.group_size, "answers a prompt")->capture_default_str();
  app.add_option("--learning-rate", o.learning_rate, "of GRPO")->capture_default_str();
  app.add_option("--kl-coef", o.kl_coef, "weight of the divergence from the SFT model")
      ->capture_default_str();
  app.add_option("--max-new-tokens", o.max_new_tokens, "of an answer")->capture_default_str();
  app.add_option("--micro-rows", o.micro_rows, "answers a forward pass: less memory (default: all)");
  app.add_flag("--recompute", o.recompute,
               "activations in the backward pass: less memory, a third more work");
  app.add_option("--exam-answers", o.exam_answers, "of each held-out user")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  // Data. One user in ten is held out: nothing of theirs is trained on.
  const dataset data = merged_by_title(keep_users_with(read_recbole(o.data), 5));
  const pretrained_tokenizer tokenizer = load_tokenizer_of(o.model);
  const chat_format& chat = chat_format_of(tokenizer);
  const storyteller story(data, tokenizer, chat);
  const auto [lessons, practice, strangers] = story.material(o.lessons, random_stream(o.seed));

  // The policy: the pretrained model. It writes free text, which story.answer() reads.
  const at::Device device = lm::pick_device(o.device);
  lm::qwen model(o.model, device);
  if (o.precision == "bf16") model.to(at::kBFloat16);
  if (o.lora_rank > 0)
    model.add_lora({.rank = o.lora_rank,
                    .alpha = 2.0 * static_cast<double>(o.lora_rank),
                    .target_modules = {"q_proj", "v_proj"}},
                   random_stream(o.seed).split(1'000'000));
  lm::generation_options sampling{.max_new_tokens = o.max_new_tokens,
                                  .end_tokens = model.config().eos_token_id};
  if (const auto end = tokenizer.token_to_id(chat.reply_end)) sampling.end_tokens.push_back(*end);
  lm::causal_lm<film_prompt, film_answer> policy(
      std::move(model),
      {.decode = [&](lm::token_ids tokens) { return story.answer(std::move(tokens)); },
       .sampling = sampling,
       .optimizer = {.weight_decay = 0.0},
       .activations = o.recompute ? lm::layer_activations::recomputed : lm::layer_activations::kept});

  // The reward of an answer.
  const auto goal = 0.5 * reward::lcs(&film_prompt::next_items)      //
                    + 0.5 * reward::ndcg(&film_prompt::next_items)   //
                    + 0.2 * reward::format()                         //
                    + 0.1 * reward::grounded(&film_prompt::topics)   //
                    - 0.2 * reward::out_of_pool(&film_prompt::pool)  //
                    - 0.2 * reward::repeats()                        //
                    - 0.2 * reward::wrong_count(list_length);

  const interrupt_guard interrupt;
  const auto stop = [&] { return interrupt.requested(); };

  // An examination: answers to the held-out users, the same draws for every model.
  const auto examine = [&](const std::string& name) {
    std::vector<double> earned, valid, ndcg, recall;
    exam result{.model = name};
    progress bar({.label = name + ", exam", .total = strangers.size(), .unit = "users"});
    for (std::size_t first = 0; first < strangers.size() && !stop(); first += 32) {
      const auto asked =
          std::span(strangers).subspan(first, std::min<std::size_t>(32, strangers.size() - first));
      const auto said = policy.sample(asked, o.exam_answers, random_stream(7).split(first));
      for (std::size_t i = 0; i < said.completions.size(); ++i) {
        const film_prompt& prompt = asked[said.prompt[i]];
        const film_answer& answer = said.completions[i];
        earned.push_back(reward::evaluate(goal, prompt, answer));
        valid.push_back(answer.well_formed ? 1.0 : 0.0);
        ndcg.push_back(measure::ndcg_at(answer.items, prompt.next_items, list_length));
        recall.push_back(measure::recall_at(answer.items, prompt.next_items, list_length));
        if (i % o.exam_answers == 0) result.answers.push_back(story.decode(answer.tokens));
      }
      bar.advance(asked.size());
    }
    result.reward = measure::mean(earned), result.valid = measure::mean(valid);
    result.ndcg = measure::mean(ndcg), result.recall = measure::mean(recall);
    std::printf("%s: reward %.4f, valid format %.1f %%, NDCG %.4f, recall %.4f\n", name.c_str(),
                result.reward, 100 * result.valid, result.ndcg, result.recall);
    std::fflush(stdout);
    return result;
  };

  // Phase 1 in numbers; phase 2's are in its call.
  fit_options how{.batch_size = o.sft_batch,
                  .micro_rows = o.micro_rows,
                  .learning_rate = o.sft_learning_rate,
                  .schedule = schedule::linear,
                  .warmup_steps = 2,
                  .seed = o.seed};
  const std::ptrdiff_t sft_steps = steps_of(how, lessons.size());

  // A run goes through two phases; a checkpoint knows the phase and the steps done in it.
  checkpoints saved(o.output / "checkpoints");
  run_state at = o.resume ? read_state(saved, o) : run_state{};
  const auto save = [&](const std::string& phase, std::ptrdiff_t steps) {
    at.phase = phase, at.steps = steps;
    saved.save(phase == "sft" ? steps : sft_steps + steps, [&](const std::filesystem::path& folder) {
      policy.save(folder);
      write_state(folder, at, o);
    });
  };
  if (!o.resume) saved.clear();
  jsonl_log log = o.resume ? jsonl_log(o.output / "metrics.jsonl", resume_at{at.phase, at.steps})
                           : jsonl_log(o.output / "metrics.jsonl");
  const auto paused = [&] {
    std::printf("\nStopped%s\n", saved.latest() ? ". Go on with --resume." : " before the first checkpoint.");
    return 130;
  };

  // Phase 1, SFT: a small set of ideal answers. Only the answers are learned, not the questions.
  if (o.resume) policy.load(saved.latest()->path);
  if (at.exams.empty()) at.exams.push_back(examine("pretrained"));
  if (stop()) return paused();
  if (at.phase == "sft") {
    how.first_step = at.steps;
    progress bar({.label = "SFT ",
                  .total = static_cast<std::size_t>(sft_steps),
                  .first = static_cast<std::size_t>(at.steps)});
    for (const auto& m :
         fit(policy, sft{}, lessons, how) | tee(log.with({{"phase", "sft"}})) | tee(bar) | until(stop))
      if (const std::ptrdiff_t done = m.step + 1; done % 10 == 0 || done == sft_steps || stop())
        save("sft", done);
    if (stop()) return paused();
    policy.save(o.output / "sft");
    policy.reset_optimizer({.weight_decay = 0.0});
    at.exams.push_back(examine("SFT"));
    if (stop()) return paused();
    save("grpo", 0);
  }

  // Phase 2, GRPO (equation 3.3): twelve answers a prompt, compared within their group, held near the SFT
  // model.
  auto reference = policy;
  reference.load(o.output / "sft");
  {
    progress bar({.label = "GRPO",
                  .total = static_cast<std::size_t>(o.grpo_steps),
                  .first = static_cast<std::size_t>(at.steps),
                  .show = {"reward", "kl", "rewards/format/mean"}});
    for (const auto& m : train(policy, grpo{.kl_coef = o.kl_coef}, goal, practice,
                               {.steps = o.grpo_steps,
                               .first_step = at.steps,
                               .prompts_per_step = std::min(o.prompts, practice.size()),
                               .group_size = o.group_size,
                               .micro_rows = o.micro_rows,
                               .learning_rate = o.learning_rate,
                               .seed = o.seed},
                               &reference) |
                             tee(log.with({{"phase", "grpo"}})) | tee(bar) | until(stop))
      if (const std::ptrdiff_t done = m.step + 1; done % 10 == 0 || done == o.grpo_steps || stop())
        save("grpo", done);
    if (stop()) return paused();
  }
  at.exams.push_back(examine("SFT + GRPO"));
  if (stop()) return paused();
  lm::qwen learned = policy.model();
  if (learned.lora()) learned.merge_lora();
  learned.save(o.output / "model", learned.type());
  tokenizer.save(o.output / "model" / "tokenizer.json");

  // What came of it.
  for (const exam& e : at.exams)
    log.write({{"phase", "exam"},
               {"model", e.model},
               {"reward", e.reward},
               {"valid", e.valid},
               {"ndcg", e.ndcg},
               {"recall", e.recall}});
  popularity popular(data.items.size());
  popular.fit(story.training_histories());
  const report_table table = table_of(at.exams, strangers, popular.scores());
  examples::print(table);
  report_section answers{.title = "Three of these users"};
  for (std::size_t i = 0; i < std::min<std::size_t>(3, strangers.size()); ++i)
    answers.cards.push_back(card_of(story, at.exams, strangers, i));
  const std::string problem = write_report(
      o.output / "report.html",
      {.title = "A pretrained chat model learns to recommend films",
       .subtitle = message(o.model.filename().string(), ", MovieLens-100k, seed ", o.seed, ": ",
                           lessons.size(), " lessons of SFT, ", o.grpo_steps, " steps of GRPO"),
       .sections = {{.title = "Before and after", .tables = {table}}, learning_curves(), answers},
       .footer = "Data: MovieLens-100k, F. Maxwell Harper and Joseph A. Konstan, The MovieLens Datasets, ACM "
                 "TiiS 5 (2015).",
       .metrics = o.output / "metrics.jsonl"});
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  std::printf("\nWritten: %s/{report.html,metrics.jsonl,model/}\n", o.output.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
