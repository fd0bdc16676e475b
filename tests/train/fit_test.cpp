// Fitting given data: to the data's own entropy (sft), to a margin (dpo); batches, resumption, errors.
#include <cmath>
#include <limits>
#include <ranges>
#include <string>

#include <recllm/dpo.hpp>
#include <recllm/sft.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train/fit.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Contains;

namespace {

using list_example = example<std::size_t, std::vector<int>>;
using list_preference = preference<std::size_t, std::vector<int>>;

// Prompt 0 is answered by 1, 1, 1, 2 and prompt 1 by lists of different lengths.
const std::vector<list_example> examples{{0, {1}}, {0, {1}}, {0, {1}}, {0, {2}}, {1, {0, 3}}, {1, {0, 2}}};

tabular_policy fresh_policy() { return tabular_policy{{.prompts = 2, .length = 2, .items = 4}}; }

std::vector<list_preference> pairs() {
  std::vector<list_preference> all;
  random_stream rng(20);
  for (int i = 0; i < 12; ++i)
    all.push_back({rng.below(2),
                   {static_cast<int>(rng.below(2)), static_cast<int>(rng.below(4))},
                   {2 + static_cast<int>(rng.below(2)), static_cast<int>(rng.below(4))}});
  return all;
}

template <class Range>
std::vector<fit_metrics> collect(Range&& steps) {
  std::vector<fit_metrics> all;
  for (const fit_metrics& m : steps) all.push_back(m);
  return all;
}

}  // namespace

TEST_CASE("sft reaches the data's entropy, and no less") {
  tabular_policy policy = fresh_policy();
  const auto steps = collect(fit(
      policy, sft{}, examples, {.steps = 400, .batch_size = 6, .learning_rate = 4.0, .max_grad_norm = 0.0}));
  // 8 tokens: 4 of the distribution (3/4, 1/4), 2 certain ones, 2 of (1/2, 1/2).
  const double entropy = (4 * (-0.75 * std::log(0.75) - 0.25 * std::log(0.25)) + 2 * std::log(2.0)) / 8;
  CHECK(steps.front().loss == Approx(std::log(4.0)));
  CHECK(steps.back().loss > entropy);
  CHECK(steps.back().loss == Approx(entropy).epsilon(0.02));
  CHECK(steps.back().entropy.value() == Approx(entropy).epsilon(0.05));
  CHECK(steps.back().num_tokens == 8);
  CHECK(steps.back().epoch == 400.0);
  CHECK(!steps.back().margin);
  CHECK(std::exp(policy.logits()(0, 1) - policy.logits()(0, 2)) == Approx(3.0).epsilon(0.02));
}

TEST_CASE("a sft step is the cross-entropy's gradient") {
  tabular_policy policy = fresh_policy();
  collect(fit(policy, sft{}, examples,
              {.steps = 1, .batch_size = 6, .learning_rate = 1.0, .max_grad_norm = 0.0}));
  // At the uniform start: counts / 8 - (tokens of the cell / 8) / 4.
  CHECK(policy.logits()(0, 1) == Approx(3.0 / 8 - 4.0 / 32));
  CHECK(policy.logits()(0, 2) == Approx(1.0 / 8 - 4.0 / 32).margin(1e-9));
  CHECK(policy.logits()(1, 0) == 0.0);  // no example fills prompt 0's second place
  CHECK(policy.logits()(2, 0) == Approx(2.0 / 8 - 2.0 / 32));
  CHECK(policy.logits()(3, 3) == Approx(1.0 / 8 - 2.0 / 32));
}

TEST_CASE("dpo raises the margin between chosen and rejected") {
  const std::vector<list_preference> all = pairs();
  tabular_policy policy = fresh_policy();
  const tabular_policy reference = policy;
  const auto steps =
      collect(fit(policy, dpo{}, all,
                  {.epochs = 50, .batch_size = 4, .learning_rate = 20.0, .max_grad_norm = 0.0}, &reference));
  CHECK(steps.size() == 150);
  CHECK(steps.front().loss == Approx(std::log(2.0)));
  CHECK(steps.front().margin.value() == Approx(0.0).margin(1e-6));
  CHECK(steps.back().margin.value() > 0.5);
  CHECK(steps.back().accuracy.value() == 1.0);
  CHECK(steps.back().loss < 0.5);
}

TEST_CASE("dpo's reference follows the policy where it is told to") {
  const std::vector<list_preference> all = pairs();
  tabular_policy policy = fresh_policy(), reference = policy;
  token_matrix<double> expected = reference.logits();
  for (const auto& m :
       fit(policy, dpo{}, all, {.steps = 7, .learning_rate = 20.0, .refresh = {.every = 3, .share = 0.6}},
           &reference)) {
    if (m.step % 3 == 2) expected = 0.6 * policy.logits() + 0.4 * expected;
    CHECK((reference.logits() - expected).abs().maxCoeff() < 1e-12);
  }
  const tabular_policy frozen = reference;
  CHECK_THROWS_WITH(fit(policy, dpo{}, all, {.refresh = {.every = 3}}, &frozen),
                    Contains("recllm: fit: refresh is set, so the reference must not be const"));
}

TEST_CASE("the split into micro-batches changes no fit and splits no pair") {
  const std::vector<list_preference> all = pairs();
  const tabular_policy reference = fresh_policy();
  std::vector<token_matrix<double>> by_sft, by_dpo;
  for (const std::size_t micro_rows : {0u, 1u, 2u, 3u, 5u, 50u}) {
    tabular_policy imitator = fresh_policy(), chooser = fresh_policy();
    collect(fit(imitator, sft{}, examples,
                {.epochs = 3, .batch_size = 5, .micro_rows = micro_rows, .learning_rate = 1.0}));
    collect(fit(chooser, dpo{}, all,
                {.epochs = 3, .batch_size = 5, .micro_rows = micro_rows, .learning_rate = 10.0}, &reference));
    by_sft.push_back(imitator.logits());
    by_dpo.push_back(chooser.logits());
  }
  for (const auto& table : by_sft) CHECK((table - by_sft.front()).abs().maxCoeff() < 1e-6);
  for (const auto& table : by_dpo) CHECK((table - by_dpo.front()).abs().maxCoeff() < 1e-6);
}

TEST_CASE("a resumed fit is the uninterrupted one, bit for bit") {
  fit_options options{.epochs = 4,
                      .batch_size = 4,
                      .learning_rate = 2.0,
                      .schedule = schedule::cosine,
                      .warmup_steps = 2,
                      .seed = 9};
  tabular_policy whole = fresh_policy(), pieces = fresh_policy();
  const auto all = collect(fit(whole, sft{}, examples, options));
  CHECK(all.size() == 6);
  CHECK(all.size() == static_cast<std::size_t>(steps_of(options, examples.size())));
  collect(fit(pieces, sft{}, examples, options) | std::views::take(2));
  options.first_step = 2;
  const auto rest = collect(fit(pieces, sft{}, examples, options));
  CHECK((whole.logits() == pieces.logits()).all());
  REQUIRE(rest.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(rest[i].loss == all[i + 2].loss);
    CHECK(rest[i].step == all[i + 2].step);
    CHECK(rest[i].learning_rate == all[i + 2].learning_rate);
  }
}

TEST_CASE("every example is seen once an epoch") {
  // Each step of a batch of one shows its prompt by which cells move.
  std::vector<list_example> data;
  for (std::size_t i = 0; i < 5; ++i) data.push_back({i, {1}});
  tabular_policy policy{{.prompts = 5, .length = 1, .items = 2}};
  for (const auto& m :
       fit(policy, sft{}, data, {.epochs = 1, .batch_size = 1, .learning_rate = 1.0, .max_grad_norm = 0.0}))
    CHECK((policy.logits().col(1) > 0.0).count() == m.step + 1);
  CHECK((policy.logits().col(1) == policy.logits()(0, 1)).all());
}

TEST_CASE("settings of a fit out of range are refused before the first step") {
  tabular_policy policy = fresh_policy();
  CHECK_THROWS_WITH(fit(policy, sft{}, examples, {.epochs = 0}),
                    "recllm: fit: epochs = 0; expected a positive number, or steps above 0");
  CHECK_THROWS_WITH(fit(policy, sft{}, examples, {.batch_size = 0}),
                    "recllm: fit: batch_size = 0; expected at least 1");
  CHECK_THROWS_WITH(fit(policy, sft{}, examples, {.learning_rate = -1}),
                    "recllm: fit: learning_rate = -1; expected a positive number");
  const std::vector<list_example> none;
  CHECK_THROWS_WITH(fit(policy, sft{}, none), "recllm: fit: there are no examples; expected at least one");
  const std::vector<list_preference> two = pairs();
  CHECK_THROWS_WITH(
      fit(policy, dpo{}, two),
      Contains("recllm: fit: the objective compares with a reference policy, but none was given"));
  CHECK((policy.logits() == 0.0).all());
}

TEST_CASE("a fit stops at a loss that is not finite") {
  tabular_policy policy = fresh_policy();
  policy.logits()(0, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(collect(fit(policy, sft{}, examples, {.steps = 1})), non_finite_error);
  CHECK_THROWS_WITH(collect(fit(policy, sft{}, examples, {.steps = 1})),
                    Contains("recllm: fit: step 0: the loss of rows 0 to 5 is nan") &&
                        Contains("the policy's log-probs are not finite"));
}
