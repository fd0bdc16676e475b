// Penalties and truncations against their definitions, written out token by token, and within generation.
#include <recllm/torch/logits_process.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <recllm/core/random.hpp>
#include <recllm/torch/causal_lm.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

std::vector<double> softmax(const std::vector<float>& logits) {
  std::vector<double> p(logits.begin(), logits.end());
  const double most = *std::ranges::max_element(p);
  double sum = 0.0;
  for (double& x : p) sum += x = std::exp(x - most);
  for (double& x : p) x /= sum;
  return p;
}

/// Which tokens stay, by the definitions.
std::vector<bool> kept(std::vector<float> logits, const truncation_options& how) {
  const auto drop = [&](const std::vector<bool>& stays) {
    for (std::size_t v = 0; v < logits.size(); ++v)
      if (!stays[v]) logits[v] = -INFINITY;
  };
  std::vector<bool> stays(logits.size(), true);
  if (how.top_k > 0 && static_cast<std::size_t>(how.top_k) < logits.size()) {
    std::vector<float> sorted = logits;
    std::ranges::sort(sorted, std::greater{});
    for (std::size_t v = 0; v < logits.size(); ++v)
      stays[v] = logits[v] >= sorted[static_cast<std::size_t>(how.top_k) - 1];
    drop(stays);
  }
  if (how.top_p < 1.0) {  // take the likeliest until they hold top_p
    const std::vector<double> p = softmax(logits);
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
    stays.assign(p.size(), false);
    double mass = 0.0;
    for (std::size_t i = 0; i < order.size() && mass < how.top_p; mass += p[order[i++]])
      stays[order[i]] = true;
    drop(stays);
  }
  if (how.min_p > 0.0) {
    const std::vector<double> p = softmax(logits);
    for (std::size_t v = 0; v < p.size(); ++v) stays[v] = p[v] >= how.min_p * *std::ranges::max_element(p);
    drop(stays);
  }
  for (std::size_t v = 0; v < logits.size(); ++v) stays[v] = std::isfinite(logits[v]);
  return stays;
}

struct text {
  token_ids tokens;
};

const qwen& small_model() {
  static const qwen model({.vocab_size = 23, .hidden_size = 16, .initializer_range = 0.5}, random_stream(2));
  return model;
}

}  // namespace

TEST_CASE("truncations keep what their definitions keep") {
  constexpr std::uint64_t seed = 17;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 300; ++round) {
    const truncation_options how{
        .top_k = rng.below(2) == 0 ? 0 : static_cast<std::int64_t>(1 + rng.below(14)),
        .top_p = rng.below(2) == 0 ? 1.0 : 0.05 + 0.9 * rng.uniform(),
        .min_p = rng.below(2) == 0 ? 0.0 : 0.3 * rng.uniform()};
    std::vector<float> logits;
    for (int v = 0; v < 12; ++v) logits.push_back(static_cast<float>(2.0 * rng.normal()));
    const at::Tensor left = truncate_logits(torch::tensor(logits).unsqueeze(0), how);
    const std::vector<bool> expected = kept(logits, how);
    for (std::size_t v = 0; v < logits.size(); ++v) {
      const float value = left[0][static_cast<std::int64_t>(v)].item<float>();
      REQUIRE(std::isfinite(value) == expected[v]);
      if (expected[v]) REQUIRE(value == logits[v]);
    }
  }
}

TEST_CASE("a repeated token is made less likely once, whichever its sign") {
  at::Tensor logits = torch::tensor({{2.0f, -2.0f, 3.0f, -4.0f}, {1.0f, 1.0f, 1.0f, 1.0f}});
  penalise_repetition(logits, std::vector<token_ids>{{0, 1, 0}, {}}, 2.0);
  CHECK(logits.equal(torch::tensor({{1.0f, -4.0f, 3.0f, -4.0f}, {1.0f, 1.0f, 1.0f, 1.0f}})));
}

TEST_CASE("generation draws from the truncated distribution, with its log-probs") {
  const std::vector<token_ids> prompts{{1, 2, 3}};
  const at::Tensor logits = next_token_log_probs(small_model(), prompts);
  for (const truncation_options& how :
       {truncation_options{.top_k = 3}, truncation_options{.top_p = 0.5}, truncation_options{.min_p = 0.4},
        truncation_options{.repetition_penalty = 3.0, .top_k = 5}}) {
    at::Tensor changed = logits / 0.8;
    if (how.repetition_penalty != 1.0) {
      changed = at::linear(last_hidden(small_model(), prompts), small_model().head());
      penalise_repetition(changed, prompts, how.repetition_penalty);
      changed = changed / 0.8;
    }
    const at::Tensor expected = at::log_softmax(truncate_logits(changed, how), 1).squeeze(0);
    const auto drawn = generate(
        small_model(), prompts, 4000,
        {.max_new_tokens = 1, .temperature = 0.8, .end_tokens = {}, .truncation = how}, random_stream(5));
    std::vector<double> share(23);
    for (const generated& one : drawn) {
      REQUIRE(one.log_probs[0] == Approx(expected[one.tokens[0]].item<float>()).margin(1e-5));
      share[static_cast<std::size_t>(one.tokens[0])] += 1.0 / 4000.0;
    }
    for (std::int64_t v = 0; v < 23; ++v)  // four deviations of a share of 4000
      CHECK(share[static_cast<std::size_t>(v)] == Approx(std::exp(expected[v].item<double>())).margin(0.032));
  }
}

TEST_CASE("a stop sequence ends a completion and stays in it") {
  const std::vector<token_ids> prompts{{1}, {2, 4}};
  const generation_options free{.max_new_tokens = 12, .temperature = 1.5, .end_tokens = {}};
  const auto whole = generate(small_model(), prompts, 20, free, random_stream(6));
  const token_ids stop(whole[3].tokens.begin() + 4, whole[3].tokens.begin() + 6);
  generation_options how = free;
  how.stop_sequences = {stop, {}};
  const auto stopped = generate(small_model(), prompts, 20, how, random_stream(6));
  std::size_t ended = 0;
  for (std::size_t r = 0; r < whole.size(); ++r) {
    const auto found = std::ranges::search(whole[r].tokens, stop);
    CHECK(stopped[r].tokens == token_ids(whole[r].tokens.begin(), found.end()));
    CHECK(stopped[r].ended == !found.empty());
    ended += stopped[r].ended ? 1 : 0;
  }
  CHECK(ended >= 1);
}

TEST_CASE("settings out of range are named, and a policy does not truncate") {
  const auto refused = [](const truncation_options& how, const char* why) {
    CHECK_THROWS_WITH(how.check(), Catch::Contains(why));
  };
  refused({.repetition_penalty = 0.0}, "repetition_penalty = 0");
  refused({.top_k = -1}, "top_k = -1");
  refused({.top_p = 0.0}, "top_p = 0");
  refused({.min_p = 1.0}, "min_p = 1");
  using policy = causal_lm<text, text>;
  const auto decode = [](token_ids tokens) { return text{std::move(tokens)}; };
  CHECK_THROWS_WITH(policy(small_model(), {.decode = decode,
                                           .sampling = {.end_tokens = {}, .truncation = {.top_p = 0.9}},
                                           .optimizer = {}}),
                    Catch::Contains("truncate in generate(), outside of training"));
}
