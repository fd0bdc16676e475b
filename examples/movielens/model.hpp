// The recommender that the examples train: data, a small language model from scratch, and how it is taught
// and asked.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include <recllm/data.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/ranking.hpp>
#include <recllm/train/fit.hpp>

#include "movies.hpp"

namespace movielens {

namespace lm = recllm::torch_bridge;

using recommender = lm::causal_lm<movie_prompt, movie_answer>;

/// The users with at least five events of --data, or of a simulated feed, which is written to --output first.
inline dataset read_data(const run_options& o) {
  if (!o.simulated) return keep_users_with(read_recbole(o.data), 5);
  write_recbole(simulate_feed(feed_size(o.seed)), o.output / "feed", feed_columns);
  return keep_users_with(deduplicate(read_recbole(o.output / "feed", feed_columns)), 5);
}

/// The tokens that may come next: lists can name only what may be recommended, unless --unconstrained says
/// otherwise (none named: any token).
inline lm::token_ids may_say(const storyteller& story, const run_options& o, const movie_prompt& asked,
                             std::span<const std::int64_t> so_far) {
  return o.unconstrained ? lm::token_ids{} : story.allowed(asked, so_far);
}

/// Qwen2, from scratch: two layers of width 64. Borrows story and o.
inline recommender untrained_model(const storyteller& story, const run_options& o,
                                   at::Device device = at::kCPU) {
  return recommender(lm::qwen({.vocab_size = static_cast<std::int64_t>(story.tokenizer().vocab_size()),
                               .hidden_size = 64,
                               .intermediate_size = 192,
                               .num_hidden_layers = 2,
                               .initializer_range = 0.1},
                              random_stream(o.seed).split(1'000'000), device),
                     {.decode = [&story](lm::token_ids tokens) { return story.answer(std::move(tokens)); },
                      .allowed =
                          [&story, &o](const movie_prompt& asked, std::span<const std::int64_t> so_far) {
                            return may_say(story, o, asked, so_far);
                          },
                      .sampling = {.max_new_tokens = 32, .end_tokens = {story.token("<|im_end|>")}},
                      .optimizer = {.beta2 = 0.98, .weight_decay = 0.05},
                      .dropout = 0.1});
}

/// How SFT teaches it.
inline fit_options sft_settings(const run_options& o, std::ptrdiff_t first_step = 0) {
  return {.steps = o.sft_steps,
          .first_step = first_step,
          .batch_size = 32,
          .learning_rate = 6e-3,
          .schedule = schedule::linear,
          .warmup_steps = 50,
          .seed = o.seed};
}

/// Its log-probs of each film as the first of the list, after its own reasons; a row a prompt.
inline std::vector<std::vector<double>> first_film_log_probs(const recommender& model,
                                                             const storyteller& story,
                                                             std::span<const movie_prompt> asked) {
  std::vector<std::vector<double>> all;
  for (std::size_t first = 0; first < asked.size(); first += 64) {
    std::vector<lm::token_ids> tokens;
    for (const movie_prompt& prompt : asked.subspan(first, std::min<std::size_t>(64, asked.size() - first)))
      tokens.push_back(prompt.tokens);
    std::ranges::move(
        lm::item_log_probs(model.model(), tokens,
                           {.item_tokens = story.item_tokens(), .answer_token = story.token("<answer>")}),
        std::back_inserter(all));
  }
  return all;
}

}  // namespace movielens
