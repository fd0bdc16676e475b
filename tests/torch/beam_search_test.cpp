// Beam search against a search by its definition, which computes every text again and tries every token;
// against all completions of a small trie; against greedy decoding and the policy's own log-probs.
#include <recllm/torch/beam_search.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include <recllm/text/item_trie.hpp>
#include <recllm/torch/causal_lm.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

constexpr std::int64_t vocabulary = 13;

struct text {
  token_ids tokens;
};

const std::vector<token_ids> prompts{{3, 7, 1}, {5}, {2, 2, 9, 12, 4, 0, 1}};

const qwen& small_model() {
  static const qwen model({.vocab_size = vocabulary,
                           .hidden_size = 32,
                           .num_attention_heads = 4,
                           .num_key_value_heads = 2,
                           .initializer_range = 0.35},
                          random_stream(2));
  return model;
}

/// By prompt some of the tokens, which depend on the last one; any token at every third place.
token_ids some_tokens(std::size_t prompt, std::span<const std::int64_t> so_far) {
  token_ids tokens;
  if (so_far.size() % 3 == 2) return tokens;
  const std::size_t last = so_far.empty() ? 0 : static_cast<std::size_t>(so_far.back());
  for (std::int64_t token = 0; token < vocabulary; ++token)
    if ((static_cast<std::size_t>(token) + prompt + last) % 4 != 1) tokens.push_back(token);
  return tokens;
}

/// Log-probs of the next token, -infinity where it is not allowed.
std::vector<double> next_log_probs(token_ids context, const token_ids& may, bool renormalised) {
  const std::vector<token_ids> one{std::move(context)};
  const at::Tensor all = next_token_log_probs(small_model(), one);
  std::vector<double> log_probs;
  double mass = 0.0;
  for (std::int64_t v = 0; v < vocabulary; ++v) {
    const bool allowed = may.empty() || std::ranges::find(may, v) != may.end();
    log_probs.push_back(allowed ? all[0][v].item<double>() : -INFINITY);
    mass += std::exp(log_probs.back());
  }
  if (renormalised)
    for (double& x : log_probs) x -= std::log(mass);
  return log_probs;
}

struct slow_beam {
  token_ids tokens{};
  double log_prob = 0.0, penalties = 0.0, score = 0.0;
  bool ended = false;
};

void best_first(std::vector<slow_beam>& beams) {
  std::ranges::stable_sort(beams, [](const auto& a, const auto& b) { return a.score > b.score; });
}

/// One prompt's beam search, as transformers defines it.
std::vector<slow_beam> slow_search(std::size_t prompt, const beam_options& o,
                                   const token_constraint& allowed) {
  const std::size_t width = o.num_beams / o.num_beam_groups;
  struct group {
    std::vector<slow_beam> running{slow_beam{}}, finished{};
    bool stopped = false;
  };
  std::vector<group> groups(o.num_beam_groups);
  const auto scored = [&](slow_beam beam, std::int64_t length) {
    beam.score = (beam.log_prob - beam.penalties) / std::pow(static_cast<double>(length), o.length_penalty);
    return beam;
  };
  for (std::int64_t length = 1; length <= o.max_new_tokens; ++length) {
    std::vector<std::int64_t> chosen_before;
    for (group& g : groups) {
      if (g.stopped) continue;
      std::vector<slow_beam> all;
      for (const slow_beam& beam : g.running) {
        token_ids context = prompts[prompt];
        context.insert(context.end(), beam.tokens.begin(), beam.tokens.end());
        const auto log_probs = next_log_probs(
            std::move(context), allowed ? allowed(prompt, beam.tokens) : token_ids{}, o.renormalised);
        for (std::int64_t v = 0; v < vocabulary; ++v) {
          const double log_prob = log_probs[static_cast<std::size_t>(v)];
          if (std::isinf(log_prob)) continue;
          slow_beam longer = beam;
          longer.tokens.push_back(v);
          longer.log_prob += log_prob;
          longer.penalties += o.diversity_penalty * static_cast<double>(std::ranges::count(chosen_before, v));
          longer.ended = std::ranges::find(o.end_tokens, v) != o.end_tokens.end();
          all.push_back(scored(longer, length));
        }
      }
      best_first(all);
      g.running.clear();
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].ended && i < width) g.finished.push_back(all[i]);
        if (!all[i].ended && g.running.size() < width) g.running.push_back(all[i]);
      }
      best_first(g.finished);
      if (g.finished.size() > width) g.finished.resize(width);
      for (const slow_beam& beam : g.running) chosen_before.push_back(beam.tokens.back());
      if (g.running.empty()) g.stopped = true;
      if (!g.stopped && g.finished.size() == width && length < o.max_new_tokens) {
        const bool to_the_end = o.early_stopping == stop_early::never && o.length_penalty > 0.0;
        g.stopped =
            o.early_stopping == stop_early::yes ||
            scored(g.running[0], to_the_end ? o.max_new_tokens : length).score <= g.finished.back().score;
      }
    }
  }
  std::vector<slow_beam> found;
  for (group& g : groups) {
    if (!g.stopped) g.finished.insert(g.finished.end(), g.running.begin(), g.running.end());
    best_first(g.finished);
    if (g.finished.size() > width) g.finished.resize(width);
    found.insert(found.end(), g.finished.begin(), g.finished.end());
  }
  best_first(found);
  return found;
}

double sum(const std::vector<float>& log_probs) {
  double total = 0.0;
  for (const float x : log_probs) total += static_cast<double>(x);
  return total;
}

causal_lm<text, text> policy_of(decltype(causal_lm<text, text>::options::allowed) allowed) {
  return {small_model(),
          {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
           .allowed = std::move(allowed),
           .sampling = {.max_new_tokens = 5, .end_tokens = {0}},
           .optimizer = {}}};
}

}  // namespace

TEST_CASE("the search finds what its definition finds", "[beam_search]") {
  constexpr std::uint64_t seed = 5;
  random_stream rng(seed);
  for (int round = 0; round < 60; ++round) {
    beam_options o;
    o.num_beam_groups = 1 + rng.below(3);
    o.num_beams = o.num_beam_groups * (1 + rng.below(4));
    if (o.num_beam_groups > 1) o.diversity_penalty = 2.0 * rng.uniform();
    o.length_penalty = std::vector<double>{-0.7, 0.0, 0.5, 1.0, 2.0}[rng.below(5)];
    o.max_new_tokens = static_cast<std::int64_t>(1 + rng.below(6));
    for (std::int64_t end : {0, 6, 9})
      if (rng.below(2) == 0) o.end_tokens.push_back(end);
    o.early_stopping = std::vector{stop_early::no, stop_early::yes, stop_early::never}[rng.below(3)];
    o.renormalised = rng.below(2) == 0;
    const token_constraint allowed = rng.below(2) == 0 ? token_constraint(some_tokens) : token_constraint{};
    INFO("seed " << seed << ", round " << round << ": " << o.num_beams << " beams, " << o.num_beam_groups
                 << " groups, length_penalty " << o.length_penalty);
    const auto found = beam_search(small_model(), prompts, o, allowed);
    REQUIRE(found.size() == prompts.size());
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      const auto expected = slow_search(p, o, allowed);
      REQUIRE(found[p].size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        REQUIRE(found[p][i].tokens == expected[i].tokens);
        CHECK(found[p][i].ended == expected[i].ended);
        CHECK(found[p][i].score == Approx(expected[i].score).margin(1e-4));
        CHECK(sum(found[p][i].log_probs) == Approx(expected[i].log_prob).margin(1e-4));
      }
    }
  }
}

TEST_CASE("with as many beams as there are completions, all are found in the order of their probabilities",
          "[beam_search]") {
  const std::vector<token_ids> items{{1, 2}, {1, 3, 2}, {4, 2}, {5, 1}, {5, 1, 7, 8}};
  const item_trie trie(items);
  const item_list_walk start(trie, {.separator = 9, .end = 0, .length = 2});
  const auto follows = [&](std::span<const std::int64_t> so_far) { return allowed_in_list(start, so_far); };
  std::vector<token_ids> lists;
  for (const token_ids& a : items)
    for (const token_ids& b : items) {
      if (a == b) continue;
      token_ids& list = lists.emplace_back(a);
      list.push_back(9);
      list.insert(list.end(), b.begin(), b.end());
      list.push_back(0);
    }
  const auto found =
      beam_search(small_model(), prompts,
                  {.num_beams = lists.size(), .length_penalty = 0.0, .max_new_tokens = 12, .end_tokens = {0}},
                  [&](std::size_t, std::span<const std::int64_t> so_far) { return follows(so_far); });

  // The policy scores all lists; searched log-probs are those of the scoring pass.
  const auto policy = policy_of({});
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    std::vector<text> said;
    for (const token_ids& list : lists) said.push_back({list});
    auto all = policy.given(std::vector<text>(lists.size(), text{prompts[p]}), said);
    all.allowed = [&](std::size_t, std::span<const std::int64_t> so_far) { return follows(so_far); };
    const token_matrix<float> log_probs = policy.log_probs(all, {0, all.rows()});
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < lists.size(); ++i)
      order.emplace_back(-log_probs.row(static_cast<Eigen::Index>(i)).cast<double>().sum(), i);
    std::ranges::sort(order);
    REQUIRE(found[p].size() == lists.size());
    double mass = 0.0;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const auto& [surprise, list] = order[i];
      REQUIRE(found[p][i].tokens == lists[list]);
      CHECK(found[p][i].ended);
      CHECK(found[p][i].score == Approx(-surprise).margin(1e-4));
      for (std::size_t t = 0; t < lists[list].size(); ++t)
        CHECK(found[p][i].log_probs[t] ==
              Approx(log_probs(static_cast<Eigen::Index>(list), static_cast<Eigen::Index>(t))).margin(1e-5));
      mass += std::exp(found[p][i].score);
    }
    CHECK(mass == Approx(1.0).margin(1e-5));
  }
}

TEST_CASE("one beam is greedy decoding", "[beam_search]") {
  for (const token_ids& ends : {token_ids{}, token_ids{0, 4, 6, 10}})
    for (const token_constraint& allowed : {token_constraint{}, token_constraint(some_tokens)}) {
      const auto found = beam_search(
          small_model(), prompts,
          {.num_beams = 1, .max_new_tokens = 8, .end_tokens = ends, .early_stopping = stop_early::yes},
          allowed);
      const auto greedy =
          generate(small_model(), prompts, 1, {.max_new_tokens = 8, .temperature = 0.0, .end_tokens = ends},
                   random_stream(1), allowed);
      for (std::size_t p = 0; p < prompts.size(); ++p) {
        REQUIRE(found[p].size() == 1);
        CHECK(found[p][0].tokens == greedy[p].tokens);
        CHECK(found[p][0].ended == greedy[p].ended);
        for (std::size_t t = 0; t < greedy[p].tokens.size(); ++t)
          CHECK(found[p][0].log_probs[t] == Approx(greedy[p].log_probs[t]).margin(1e-5));
      }
    }
}

TEST_CASE("a high diversity penalty makes groups choose other tokens", "[beam_search]") {
  const auto found =
      beam_search(small_model(), prompts,
                  {.num_beams = 4, .num_beam_groups = 4, .diversity_penalty = 100.0, .max_new_tokens = 3});
  for (const auto& completions : found) {
    REQUIRE(completions.size() == 4);
    for (std::size_t place = 0; place < 3; ++place)
      for (std::size_t a = 0; a < 4; ++a)
        for (std::size_t b = 0; b < a; ++b)
          CHECK(completions[a].tokens[place] != completions[b].tokens[place]);
  }
}

TEST_CASE("settings of a search out of range are named", "[beam_search]") {
  const auto refused = [](const beam_options& how, const char* why) {
    CHECK_THROWS_WITH(beam_search(small_model(), prompts, how),
                      Catch::StartsWith("recllm: beam_search: ") && Catch::Contains(why));
  };
  refused({.num_beams = 0}, "num_beams = 0");
  refused({.num_beams = 4, .num_beam_groups = 3}, "num_beams = 4, num_beam_groups = 3");
  refused({.max_new_tokens = 0}, "max_new_tokens = 0");
  refused({.diversity_penalty = 0.5}, "diversity_penalty = 0.5");
  refused({.length_penalty = NAN}, "length_penalty = nan");
  CHECK(beam_search(small_model(), std::vector<token_ids>{}, {}).empty());
}
