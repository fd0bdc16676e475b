// The policy over lists of items: probabilities by enumeration, gradients by finite differences, SFT and
// GRPO.
#include <recllm/torch/item_policy.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include <recllm/grpo.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

namespace {

struct shopper {
  std::vector<std::size_t> history;
  std::vector<std::size_t> next_items = {};
};

using policy_type = item_policy<shopper>;
using matrix = token_matrix<float>;

constexpr std::size_t catalogue = 6;

item_transformer model(std::uint64_t seed) {
  return {{.items = catalogue,
           .attributes = {{0, 3}, {1, 4}, {2, 3}, {0, 4}, {1, 3}, {2, 4}},
           .hidden_size = 8,
           .num_attention_heads = 2,
           .intermediate_size = 12,
           .logit_scale = 4.0,
           .initializer_range = 0.7},
          random_stream(seed)};
}

/// Two reasons an item, or none; a prior where it is asked for.
policy_type made(std::uint64_t seed, bool reasons, given_items given = given_items::one_by_one,
                 double prior_weight = 0.0) {
  item_policy_options options{.list_length = 3,
                              .prior =
                                  [](std::span<const std::size_t> history) {
                                    return std::vector<std::pair<std::size_t, float>>{
                                        {(history.back() + 1) % catalogue, 1.5f}, {0, -0.5f}};
                                  },
                              .prior_weight = prior_weight,
                              .given = given};
  if (reasons) options.reasons = {{0, 3}, {1, 4}, {2, 3}, {0, 4}, {1, 3}, {2, 4}};
  return policy_type(model(seed), options);
}

const std::vector<shopper> prompts{{{1, 3}, {5}}, {{4}, {2, 0}}, {{0, 2, 5, 1}, {3}}};

}  // namespace

TEST_CASE("item_policy: the probabilities of all answers add up to one, and samples have them") {
  const bool reasons = GENERATE(false, true);
  const policy_type policy = made(1, reasons, given_items::one_list, 0.7);
  std::vector<shopper> asked;
  std::vector<item_answer> answers;
  for (std::size_t a = 0; a < (reasons ? 5u : 1u); ++a)
    for (std::size_t b = 0; b < (reasons ? 5u : 1u); ++b)
      for (std::size_t i = 0; i < catalogue; ++i)
        for (std::size_t j = 0; j < catalogue; ++j)
          if (i != j) {
            asked.push_back(prompts[2]);
            answers.push_back({reasons ? std::vector{a, b} : std::vector<std::size_t>{}, {i, j}});
          }
  const item_rollouts r = policy.given(asked, answers);
  const Eigen::ArrayXf log_probs = policy.log_probs(r, {0, r.rows()}).rowwise().sum();
  CHECK(static_cast<double>(log_probs.exp().sum()) == Approx(1.0).margin(1e-4));

  // Summed over second places and reasons: next_item_log_probs, another way through the network.
  const matrix next = policy.next_item_log_probs(std::span(prompts).subspan(2, 1), 25);
  for (std::size_t i = 0; i < catalogue; ++i) {
    double sum = 0.0;
    for (std::size_t row = 0; row < answers.size(); ++row)
      if (answers[row].items[0] == i)
        sum += std::exp(static_cast<double>(log_probs(static_cast<Eigen::Index>(row))));
    CHECK(sum == Approx(std::exp(static_cast<double>(next(0, static_cast<Eigen::Index>(i))))).epsilon(1e-3));
  }
}

TEST_CASE("item_policy: one by one, each item follows those before it") {
  const policy_type policy = made(2, false, given_items::one_by_one, 0.7);
  const item_rollouts r = policy.given(prompts, {{{}, {5, 0, 5}}, {{}, {}}, {{}, {3}}});
  const matrix log_probs = policy.log_probs(r, {0, 3});
  REQUIRE(log_probs.cols() == 3);
  const std::vector<shopper> prefixes{{{1, 3}}, {{1, 3, 5}}, {{1, 3, 5, 0}}, {{0, 2, 5, 1}}};
  const matrix next = policy.next_item_log_probs(prefixes);
  CHECK(log_probs(0, 0) == Approx(next(0, 5)).margin(1e-4));
  CHECK(log_probs(0, 1) == Approx(next(1, 0)).margin(1e-4));
  CHECK(log_probs(0, 2) == Approx(next(2, 5)).margin(1e-4));
  CHECK(log_probs(2, 0) == Approx(next(3, 3)).margin(1e-4));
  CHECK((log_probs.row(1) == 0.0f).all());
}

TEST_CASE("item_policy: with reasons, one by one names each item's own before it") {
  const policy_type policy = made(3, true), lists = made(3, true, given_items::one_list);
  const item_rollouts whole = policy.given(std::span(prompts).first(1), {{{}, {5, 0}}});
  const matrix log_probs = policy.log_probs(whole, {0, 1});
  REQUIRE(log_probs.cols() == 6);
  const std::vector<shopper> prefixes{{{1, 3}}, {{1, 3, 5}}};
  const item_rollouts parts = lists.given(prefixes, {{{2, 4}, {5}}, {{0, 3}, {0}}});
  const matrix apart = lists.log_probs(parts, {0, 2});
  for (Eigen::Index t = 0; t < 6; ++t) CHECK(log_probs(0, t) == Approx(apart(t / 3, t % 3)).margin(1e-4));
}

TEST_CASE("item_policy: gradients are those of finite differences") {
  const bool reasons = GENERATE(false, true);
  const auto given = GENERATE(given_items::one_by_one, given_items::one_list);
  const bool lists = given == given_items::one_list;
  policy_type policy = made(4, reasons, given, 0.5);
  const std::vector<std::size_t> why =
      reasons && lists ? std::vector<std::size_t>{1, 3} : std::vector<std::size_t>{};
  const std::vector<shopper> asked{prompts[0], prompts[0], prompts[1], prompts[2]};
  const item_rollouts r =
      policy.given(asked, {{why, {5, 0}}, {why, {2, 4, 1}}, {why, {3}}, {why, {0, 1, 2, 3, 4, 5}}});
  matrix slope = matrix::Zero(r.mask.rows(), r.mask.cols());
  random_stream rng(8);
  for (float& one : slope.reshaped()) one = static_cast<float>(rng.normal());
  policy.trace(r, {0, r.rows()}).backward(slope);
  const auto loss = [&] {
    return static_cast<double>((policy.log_probs(r, {0, r.rows()}) * slope * r.mask).sum());
  };
  for (const auto& [name, weight] : policy.model().weights()) {
    INFO(name);
    for (int draw = 0; draw < 3; ++draw) {
      const auto at = static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(weight.numel())));
      float& value = weight.data_ptr<float>()[at];
      const float kept = value, step = 4e-3f;
      value = kept + step;
      const double up = loss();
      value = kept - step;
      const double down = loss();
      value = kept;
      const double slope_by_difference = (up - down) / (2.0 * static_cast<double>(step));
      const double ours =
          weight.grad().defined() ? static_cast<double>(weight.grad().data_ptr<float>()[at]) : 0.0;
      CHECK(ours == Approx(slope_by_difference).epsilon(0.02).margin(0.02));
    }
  }
}

TEST_CASE("item_policy: micro-batches do not change log-probs, and samples are those scored") {
  const bool reasons = GENERATE(false, true);
  const policy_type policy = made(5, reasons);
  const item_rollouts r = policy.sample(prompts, 4, random_stream(3));
  REQUIRE(r.rows() == 12);
  CHECK((r.mask == 1.0f).all());
  const matrix whole = policy.log_probs(r, {0, 12});
  CHECK((whole == r.log_probs).all());
  for (Eigen::Index row = 0; row < 12; row += 3)
    CHECK((policy.log_probs(r, {row, 3}) - whole.middleRows(row, 3)).abs().maxCoeff() < 1e-5f);
  CHECK(policy.sample(prompts, 4, random_stream(3)).completions[7].items == r.completions[7].items);

  // The likeliest answer of each prompt is greedy's where there are no reasons to weigh.
  if (reasons) return;
  const item_rollouts best = policy.greedy(prompts);
  for (Eigen::Index row = 0; row < 12; ++row)
    CHECK(r.log_probs.row(row).sum() <= best.log_probs.row(row / 4).sum() + 1e-4f);
}

TEST_CASE("item_policy: SFT learns sequences, GRPO what the reward asks for") {
  policy_type policy(model(6), {.list_length = 2, .optimizer = {.weight_decay = 0.0}});
  std::vector<example<shopper, item_answer>> lessons;
  for (std::size_t first = 0; first < catalogue; ++first)  // each item is followed by the next number
    lessons.push_back(
        {{{first}}, {{}, {(first + 1) % catalogue, (first + 2) % catalogue, (first + 3) % catalogue}}});
  double loss = 0.0;
  for (const auto& m : fit(policy, sft{}, lessons, {.steps = 150, .batch_size = 6, .learning_rate = 1e-2}))
    loss = m.loss;
  CHECK(loss < 0.1);
  const std::vector<shopper> asked{{{2}, {5}}, {{4}, {1}}};  // now three further on
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, reward::ndcg(&shopper::next_items), asked,
                             {.steps = 150, .group_size = 16, .learning_rate = 1e-2}))
    static_cast<void>(m);
  const item_rollouts best = policy.greedy(asked);
  CHECK(best.completions[0].items[0] == 5);
  CHECK(best.completions[1].items[0] == 1);
}

TEST_CASE("item_policy: what was saved is taken up, the optimizer's state included") {
  const temporary_folder folder;
  policy_type policy = made(7, true);
  const auto learn = [](policy_type& of) {
    const item_rollouts r = of.given(prompts, {{{}, {5}}, {{}, {1}}, {{}, {2, 4}}});
    of.trace(r, {0, 3}).backward(-r.mask);
    return of.step({.learning_rate = 1e-2});
  };
  learn(policy);
  policy.save(folder.path);
  policy_type other = made(8, true);
  other.load(folder.path);
  policy_type copy = policy;
  CHECK(learn(policy) == learn(other));
  learn(copy);
  for (const auto& [name, weight] : policy.model().weights()) {
    CHECK(at::equal(weight, other.model().weights().at(name)));
    CHECK(at::equal(weight, copy.model().weights().at(name)));
  }
  policy_type smaller(item_transformer({.items = 2, .hidden_size = 8}, random_stream(1)), {});
  CHECK_THROWS_WITH(smaller.load(folder.path), Contains("'items'") || Contains("lacks"));
}

TEST_CASE("item_policy: dropout is in trace() alone, and the same for the same step") {
  policy_type policy = made(9, false);
  const item_rollouts r = policy.given(prompts, {{{}, {5}}, {{}, {1}}, {{}, {2, 4}}});
  const matrix still = policy.log_probs(r, {0, 3});
  CHECK((policy.trace(r, {0, 3}).log_probs() == still).all());
  policy.set_dropout(0.3, 0.3);
  const matrix dropped = policy.trace(r, {0, 3}).log_probs();
  CHECK((policy.log_probs(r, {0, 3}) == still).all());
  CHECK((dropped != still).any());
  CHECK((policy.trace(r, {0, 3}).log_probs() == dropped).all());
}

TEST_CASE("item_policy: what does not fit is refused") {
  const policy_type policy = made(10, false, given_items::one_list);
  const auto given = [&](const shopper& prompt, const item_answer& answer) {
    return policy.given(std::span(&prompt, 1), {answer});
  };
  CHECK_THROWS_WITH(given({{}}, {{}, {1}}), Contains("the history of prompt 0 is empty"));
  CHECK_THROWS_WITH(given({{6}}, {{}, {1}}), Contains("history of prompt 0 has item 6"));
  CHECK_THROWS_WITH(given({{1}}, {{}, {6}}), Contains("has item 6; expected 0 to 5"));
  CHECK_THROWS_WITH(given({{1}}, {{}, {1, 1}}), Contains("twice"));
  CHECK_THROWS_WITH(given({{1}}, {{3}, {1}}), Contains("1 reasons, expected 0"));
  CHECK_THROWS_WITH(policy_type(model(1), {.list_length = 0}), Contains("list_length = 0"));
  CHECK_THROWS_WITH(policy_type(model(1), {.reasons = {{0}}}), Contains("reasons of 6 items"));
  CHECK_THROWS_WITH(policy_type(model(1), {.reasons = {{0}, {1}, {2}, {0}, {1}, {9}}}),
                    Contains("reason 9 of item 5"));
  CHECK_THROWS_WITH(policy_type(model(1), {.dropout = 1.0}), Contains("less than 1"));
}
