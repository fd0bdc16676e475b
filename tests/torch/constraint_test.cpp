// Constrained decoding: nothing else is drawn, and sampling, scoring and gradients are those of the
// distribution over the allowed tokens.
#include <recllm/torch/constraint.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include <recllm/text/item_trie.hpp>
#include <recllm/torch/causal_lm.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};

const std::vector<text> prompts{{{3, 7, 1}}, {{5}}};
constexpr std::int64_t vocabulary = 13;

/// First any token; then, by prompt, one of three or of two that are not said yet; then the end.
token_ids may_follow(const text& prompt, std::span<const std::int64_t> so_far) {
  if (so_far.empty()) return {};
  token_ids items = prompt.tokens.size() == 3 ? token_ids{2, 4, 9} : token_ids{12, 6};
  std::erase_if(
      items, [&](std::int64_t token) { return std::ranges::find(so_far.subspan(1), token) != so_far.end(); });
  items.push_back(0);
  return items;
}

causal_lm<text, text> make_policy(double temperature = 1.0) {
  return {
      qwen({.vocab_size = vocabulary, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.4},
           random_stream(1)),
      {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
       .allowed = may_follow,
       .sampling = {.max_new_tokens = 5, .temperature = temperature, .end_tokens = {0}}}};
}

/// Log-softmax over the allowed tokens only, 13, by its definition.
at::Tensor log_probs_among(const at::Tensor& logits, const token_ids& allowed) {
  if (allowed.empty()) return at::log_softmax(logits, 0);
  const at::Tensor places = torch::tensor(allowed, at::kLong);
  return logits - at::logsumexp(logits.index_select(0, places), 0);
}

}  // namespace

TEST_CASE("the bias leaves the allowed tokens", "[constraint]") {
  const std::vector<token_ids> allowed{{1, 3}, {}};
  const at::Tensor bias = constraint_bias(allowed, 4, at::kCPU);
  CHECK(at::softmax(bias, 1).equal(torch::tensor({{0.0f, 0.5f, 0.0f, 0.5f}, {0.25f, 0.25f, 0.25f, 0.25f}})));
  CHECK_FALSE(constraint_bias(std::vector<token_ids>{{}, {}}, 4, at::kCPU).defined());
  CHECK_THROWS_WITH(constraint_bias(std::vector<token_ids>{{4}}, 4, at::kCPU),
                    "recllm: constraint: token 4 is allowed, but the vocabulary has 4 tokens");
}

TEST_CASE("only what is allowed is drawn, with the log-probs of scoring", "[constraint]") {
  for (const double temperature : {1.0, 0.6, 3.0}) {
    const auto policy = make_policy(temperature);
    const auto r = policy.sample(prompts, 40, random_stream(8));
    bool all_allowed = true;
    for (std::size_t row = 0; row < r.tokens.size(); ++row)
      for (std::size_t t = 1; t < r.tokens[row].size(); ++t) {
        const token_ids allowed = may_follow(prompts[r.prompt[row]], std::span(r.tokens[row]).first(t));
        all_allowed = all_allowed && std::ranges::find(allowed, r.tokens[row][t]) != allowed.end();
      }
    CHECK(all_allowed);
    CHECK((policy.log_probs(r, {0, r.rows()}) - r.log_probs).abs().maxCoeff() < 1e-5f);
    CHECK(policy.trace(r, {3, 9}).entropies().isFinite().all());
  }
}

TEST_CASE("log-probs, entropies and gradients are autograd's of the constrained distribution",
          "[constraint]") {
  const auto policy = make_policy();
  const auto r = policy.sample(prompts, 3, random_stream(4));
  random_stream draws(6);
  token_matrix<float> slopes(r.rows(), r.mask.cols());
  for (Eigen::Index i = 0; i < slopes.size(); ++i) slopes.data()[i] = static_cast<float>(draws.normal());

  auto trace = policy.trace(r, {0, r.rows()});
  const token_matrix<float> log_probs = trace.log_probs(), entropies = trace.entropies();
  trace.backward(slopes);
  tensor_map ours;
  for (const auto& [name, weight] : policy.model().weights()) {
    ours[name] = weight.grad().clone();
    weight.mutable_grad() = at::Tensor();
  }

  at::Tensor loss = at::zeros({});
  for (std::size_t row = 0; row < r.tokens.size(); ++row) {
    token_ids sequence = r.prompt_tokens[r.prompt[row]];
    const std::int64_t start = static_cast<std::int64_t>(sequence.size()) - 1;
    sequence.insert(sequence.end(), r.tokens[row].begin(), r.tokens[row].end());
    const std::vector<prompt_group> one{{sequence, {}}};
    const at::Tensor logits = at::linear(policy.model().hidden(pack(one, at::kCPU)), policy.model().head());
    for (std::size_t t = 0; t < r.tokens[row].size(); ++t) {
      const token_ids allowed = may_follow(prompts[r.prompt[row]], std::span(r.tokens[row]).first(t));
      const at::Tensor all = log_probs_among(logits[start + static_cast<std::int64_t>(t)], allowed);
      const auto i = static_cast<Eigen::Index>(row), j = static_cast<Eigen::Index>(t);
      CHECK(log_probs(i, j) == Approx(all[r.tokens[row][t]].item<float>()).margin(1e-5));
      const at::Tensor among = allowed.empty() ? all : all.index_select(0, torch::tensor(allowed, at::kLong));
      CHECK(entropies(i, j) == Approx(-(among.exp() * among).sum().item<float>()).margin(1e-5));
      loss = loss + all[r.tokens[row][t]] * slopes(i, j);
    }
  }
  torch::autograd::backward({loss}, {});
  for (const auto& [name, weight] : policy.model().weights()) {
    INFO(name);
    CHECK((weight.grad() - ours.at(name)).norm().item<float>() <=
          1e-5f * (1e-2f + weight.grad().norm().item<float>()));
  }
}

TEST_CASE("given completions are not held to a constraint", "[constraint]") {
  const auto policy = make_policy();
  const std::vector<text> said{{{1, 11, 11}}};
  const auto r = policy.given(std::span(prompts).first(1), said);
  CHECK(policy.log_probs(r, {0, 1})(0, 2) > -20.0f);
}

TEST_CASE("lists under a trie: never left in 100,000 samples, of probabilities that sum to 1",
          "[constraint]") {
  const std::vector<token_ids> items{{1, 2}, {1, 3, 2}, {4, 2}, {5, 1}};
  const item_trie trie(items);
  const item_list_walk start(trie, {.separator = 9, .end = 0, .length = 2});
  const causal_lm<text, text> policy(
      qwen({.vocab_size = vocabulary, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.3},
           random_stream(1)),
      {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
       .allowed = [&](const text&,
                      std::span<const std::int64_t> so_far) { return allowed_in_list(start, so_far); },
       .sampling = {.max_new_tokens = 8, .temperature = 1.3, .end_tokens = {0}},
       .optimizer = {}});
  std::map<token_ids, std::size_t> drawn;
  constexpr std::size_t rounds = 10, group = 10'000;
  auto r = policy.sample(std::span(prompts).first(1), group, random_stream(0));
  for (std::size_t round = 0; round < rounds; ++round) {
    if (round > 0) r = policy.sample(std::span(prompts).first(1), group, random_stream(round));
    for (const token_ids& tokens : r.tokens) ++drawn[tokens];
  }
  std::vector<text> lists;
  for (std::size_t a = 0; a < items.size(); ++a)
    for (std::size_t b = 0; b < items.size(); ++b) {
      if (a == b) continue;
      text& list = lists.emplace_back(text{items[a]});
      list.tokens.push_back(9);
      list.tokens.insert(list.tokens.end(), items[b].begin(), items[b].end());
      list.tokens.push_back(0);
    }
  auto all = policy.given(std::vector<text>(lists.size(), prompts[0]), lists);
  all.allowed = [&](std::size_t, std::span<const std::int64_t> so_far) {
    return allowed_in_list(start, so_far);
  };
  const token_matrix<float> log_probs = policy.log_probs(all, {0, all.rows()});
  double sum = 0.0;
  std::size_t within = 0;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const double p = std::exp(static_cast<double>(log_probs.row(static_cast<Eigen::Index>(i)).sum()));
    const double deviation = std::sqrt(p * (1.0 - p) / static_cast<double>(rounds * group));
    const std::size_t count = drawn[lists[i].tokens];
    CHECK(static_cast<double>(count) / static_cast<double>(rounds * group) ==
          Approx(p).margin(4.0 * deviation));
    sum += p;
    within += count;
  }
  CHECK(sum == Approx(1.0).margin(1e-5));
  CHECK(within == rounds * group);
}
