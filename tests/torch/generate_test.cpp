// Sampling in a batch that rows leave as they end: against each row sampled alone, without a cache.
#include <recllm/torch/generate.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

constexpr std::int64_t vocabulary = 11;

const qwen& small_model() {
  static const qwen model({.vocab_size = vocabulary,
                           .hidden_size = 32,
                           .num_attention_heads = 4,
                           .num_key_value_heads = 2,
                           .initializer_range = 0.3},
                          random_stream(2));
  return model;
}

/// By prompt some of the tokens, which depend on how many were said; any token at every third place.
token_ids some_tokens(std::size_t prompt, std::span<const std::int64_t> so_far) {
  token_ids tokens;
  if (so_far.size() % 3 == 2) return tokens;
  for (std::int64_t token = 0; token < vocabulary; ++token)
    if ((static_cast<std::size_t>(token) + prompt + so_far.size()) % 3 != 1) tokens.push_back(token);
  return tokens;
}

/// One completion by the definition: the whole text is computed again for every token.
generated alone(const token_ids& prompt, std::size_t number, const generation_options& how, random_stream rng,
                const token_constraint& allowed) {
  generated said;
  token_ids text = prompt;
  while (!said.ended && static_cast<std::int64_t>(said.tokens.size()) < how.max_new_tokens) {
    const std::vector<token_ids> one{text};
    const at::Tensor logits = next_token_log_probs(small_model(), one);
    std::vector<double> p;
    const token_ids may = allowed ? allowed(number, said.tokens) : token_ids{};
    double sum = 0.0;
    for (std::int64_t v = 0; v < vocabulary; ++v) {
      const bool out = !may.empty() && std::ranges::find(may, v) == may.end();
      const double scaled = logits[0][v].item<double>() / (how.temperature == 0.0 ? 1.0 : how.temperature);
      p.push_back(out ? 0.0 : std::exp(scaled));
      sum += p.back();
    }
    std::size_t token = 0;
    if (how.temperature == 0.0) {
      token = static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
    } else {
      const double drawn = static_cast<float>(rng.uniform()) * sum;
      for (double below = p[0]; below <= drawn; below += p[++token]) {
      }
    }
    said.tokens.push_back(static_cast<std::int64_t>(token));
    text.push_back(said.tokens.back());
    said.log_probs.push_back(static_cast<float>(std::log(p[token] / sum)));
    said.ended = std::ranges::find(how.end_tokens, said.tokens.back()) != how.end_tokens.end();
    for (const token_ids& stop : how.stop_sequences)
      said.ended = said.ended || (said.tokens.size() >= stop.size() &&
                                  std::equal(stop.begin(), stop.end(),
                                             said.tokens.end() - static_cast<std::ptrdiff_t>(stop.size())));
  }
  return said;
}

}  // namespace

TEST_CASE("a row's completion is the one that it draws alone, whenever the others end", "[generate]") {
  const std::vector<token_ids> prompts{{3, 7, 1}, {5}, {2, 2, 9, 10, 4, 0, 1}};
  constexpr std::size_t group = 9;
  const generation_options ends{.max_new_tokens = 20, .end_tokens = {0, 6}};
  generation_options stops{.max_new_tokens = 16, .temperature = 1.4, .end_tokens = {3}};
  stops.stop_sequences = {{4, 1}, {1, 1}, {2, 9, 7}, {5, 8}};
  const generation_options never{.max_new_tokens = 7, .temperature = 0.7, .end_tokens = {}};
  const generation_options greedy{.max_new_tokens = 12, .temperature = 0.0, .end_tokens = {0, 4}};
  for (const std::uint64_t seed : {11, 12, 13})
    for (const generation_options& options : {ends, stops, never, greedy})
      for (const token_constraint& allowed : {token_constraint{}, token_constraint(some_tokens)}) {
        INFO("seed " << seed << ", temperature " << options.temperature << (allowed ? ", constrained" : ""));
        std::map<std::size_t, token_ids> told;
        generation_options how = options;
        how.on_token = [&](std::size_t row, std::int64_t token) { told[row].push_back(token); };
        const random_stream rng(seed);
        const auto out = generate(small_model(), prompts, group, how, rng, allowed);
        REQUIRE(out.size() == prompts.size() * group);
        std::set<std::size_t> lengths;
        for (std::size_t r = 0; r < out.size(); ++r) {
          const generated one = alone(prompts[r / group], r / group, options, rng.split(r), allowed);
          INFO("row " << r);
          REQUIRE(out[r].tokens == one.tokens);
          CHECK(told[r] == one.tokens);
          CHECK(out[r].ended == one.ended);
          for (std::size_t t = 0; t < one.tokens.size(); ++t)
            REQUIRE(out[r].log_probs[t] == Approx(one.log_probs[t]).margin(1e-5));
          lengths.insert(one.tokens.size());
        }
        if (options.temperature > 0.0 && !options.end_tokens.empty()) CHECK(lengths.size() > 5);
      }
}

TEST_CASE("nothing to complete, and settings out of range", "[generate]") {
  CHECK(generate(small_model(), std::vector<token_ids>{}, 3, {.end_tokens = {}}, random_stream(1)).empty());
  const std::vector<token_ids> prompts{{1}};
  CHECK_THROWS_WITH(generate(small_model(), prompts, 0, {.end_tokens = {}}, random_stream(1)),
                    Catch::Contains("recllm: generate: group_size"));
  CHECK_THROWS_WITH(
      generate(small_model(), prompts, 1, {.temperature = -1.0, .end_tokens = {}}, random_stream(1)),
      Catch::Contains("temperature = -1"));
}
