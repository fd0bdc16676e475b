// Direct preference optimisation on rows: its pairs, weights, gradients and metrics.
#include <recllm/dpo.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <recllm/tabular.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

// Losses of a pair alone ...
const std::vector<dpo> members{dpo{},
                               dpo{.beta = 0.4, .label_smoothing = 0.1},
                               dpo{.beta = 0.4, .length_normalised = true},
                               dpo{.beta = 0.4, .loss = robust_loss, .label_smoothing = 0.1},
                               dpo{.beta = 0.4, .loss = ipo_loss},
                               dpo{.loss = ipo_loss, .length_normalised = true},
                               dpo{.beta = 0.05, .loss = hinge_loss},
                               dpo{.beta = 0.4, .loss = exo_loss},
                               dpo{.loss = discopop_loss{.tau = 0.2}},
                               dpo{.beta = 0.4, .loss = nca_loss},
                               dpo{.beta = 0.4, .loss = bco_loss{.delta = 0.1}},
                               dpo{.beta = 0.4, .loss = sppo_loss},
                               dpo{.beta = 0.4, .loss = apo_zero_loss},
                               dpo{.beta = 0.4, .loss = apo_down_loss},
                               dpo{.beta = 2.0, .loss = simpo_loss{.gamma = 1.0}},
                               dpo{.loss = cpo_loss{}},
                               dpo{.loss = orpo_loss{}}};
// ... and of all pairs of a step.
const std::vector<dpo> step_members{dpo{.beta = 0.4, .loss = aot_loss, .label_smoothing = 0.1},
                                    dpo{.beta = 0.4, .loss = aot_unpaired_loss}};

// Chosen -1 - 2 against -1 - 1, rejected -4 against -3: margin -1 + 1 = 0; then -1 against -3 over -2 against
// -1: 3.
const matrix mask = rows_of({{1, 1}, {1, 0}, {1, 0}, {0, 1}});
const matrix log_probs = rows_of({{-1, -2}, {-4, 0}, {-1, 0}, {0, -2}});
const matrix ref = rows_of({{-1, -1}, {-3, 0}, {-3, 0}, {0, -1}});
const matrix none(0, 0);

evaluation<double> evaluate(const dpo& o, const matrix& policy) {
  return o(token_batch<double>{policy, none, ref, none, o.weights(mask)});
}

}  // namespace

TEST_CASE("dpo of two pairs by hand") {
  const dpo o{.beta = 0.5};
  const evaluation<double> e = evaluate(o, log_probs);
  CHECK(e.loss == Approx((std::log(2.0) + std::log(1.0 + std::exp(-1.5))) / 2.0));
  const double first = 0.5 * 0.5 / 2.0, second = 0.5 / (1.0 + std::exp(1.5)) / 2.0;
  CHECK(relative_error(e.dloss_dlogp, rows_of({{-first, -first}, {first, 0}, {-second, 0}, {0, second}})) <
        1e-14);
  CHECK(e.pairs == 2.0);
  CHECK(e.tokens == 5.0);
  CHECK(e.chosen_reward == Approx(0.5 * (-1.0 + 2.0)));
  CHECK(e.rejected_reward == Approx(0.5 * (-1.0 - 1.0)));
  CHECK(e.correct == 1.0);  // the first pair is a tie
}

TEST_CASE(
    "where the policy is the reference, dpo's loss is log 2 and its slope moves the completions apart") {
  const evaluation<double> e = evaluate(dpo{.beta = 0.2}, ref);
  CHECK(e.loss == Approx(std::log(2.0)));
  CHECK((e.dloss_dlogp == rows_of({{-0.05, -0.05}, {0.05, 0}, {-0.05, 0}, {0, 0.05}})).all());
}

TEST_CASE("each member's slope equals finite differences") {
  for (const dpo& o : members) check_gradient(o, 14);
  // Four pairs, whose ranks the steps of the differences leave as they are.
  for (const dpo& o : step_members) check_gradient(o, 8);
}

TEST_CASE("a loss without a reference asks for none") {
  for (const dpo& o : members) {
    if (o.needs_reference()) continue;
    const ragged_batch b = random_batch(3, 14);
    const matrix weights = o.weights(b.mask);
    const evaluation<double> with = o(b.at(b.log_probs, weights));
    const evaluation<double> without = o(token_batch<double>{b.log_probs, none, none, none, weights});
    CHECK(without.loss == with.loss);
    CHECK((without.dloss_dlogp == with.dloss_dlogp).all());
  }
  CHECK(dpo{}.needs_reference());
  CHECK(dpo{.loss = aot_loss}.needs_reference());
  CHECK_FALSE(dpo{.loss = simpo_loss{}}.needs_reference());
  CHECK_FALSE(dpo{.loss = cpo_loss{}}.needs_reference());
  CHECK_FALSE(dpo{.loss = orpo_loss{}}.needs_reference());
}

TEST_CASE("orpo of one pair by hand") {
  const matrix two = rows_of({{1, 1}, {1, 0}}), policy = rows_of({{-1, -2}, {-0.5, 0}});
  const dpo o{.beta = 0.3, .loss = orpo_loss{}};
  const evaluation<double> e = o(token_batch<double>{policy, none, none, none, o.weights(two)});
  const double odds_chosen = std::exp(-1.5) / (1.0 - std::exp(-1.5)),
               odds_rejected = std::exp(-0.5) / (1.0 - std::exp(-0.5));
  CHECK(e.loss == Approx(0.3 * std::log(1.0 + odds_rejected / odds_chosen) + 1.5));
  CHECK(e.chosen_reward == Approx(0.3 * -1.5));
  CHECK(e.rejected_reward == Approx(0.3 * -0.5));
}

TEST_CASE("a loss of a whole step refuses a part of it") {
  using Catch::Matchers::Contains;
  for (const dpo& o : step_members) {
    CHECK(o.needs_whole_step());
    const ragged_batch b = random_batch(3, 14);
    for (const Eigen::Index pairs : {1, 3, 7}) {
      const matrix weights = o.weights(b.mask).topRows(2 * pairs);
      const token_batch<double> part{b.log_probs.topRows(2 * pairs), none, b.ref_log_probs.topRows(2 * pairs),
                                     none, weights};
      if (pairs == 7)
        CHECK(o(part).pairs > 0.0);
      else
        CHECK_THROWS_WITH(o(part), Contains("recllm: dpo: this loss compares all pairs of a step, but got " +
                                            std::to_string(pairs) + " of 7"));
    }
  }
  CHECK_FALSE(dpo{}.needs_whole_step());
}

TEST_CASE("dpo does not depend on micro-batches of whole pairs") {
  for (const dpo& o : members) {
    check_splits<double>(o, {2, 4, 10, 12}, 1e-13);
    check_splits<float>(o, {2, 4, 10, 12}, 1e-6);
  }
}

TEST_CASE("swapping chosen and rejected rows swaps the slopes where half of the labels are wrong") {
  const dpo o{.beta = 0.3, .label_smoothing = 0.5};
  const ragged_batch b = random_batch(4, 2);
  const matrix weights = o.weights(b.mask);
  const auto upside_down = [](const matrix& m) -> matrix { return m.colwise().reverse(); };
  const matrix policy_ = upside_down(b.log_probs), ref_ = upside_down(b.ref_log_probs),
               weights_ = upside_down(weights);
  const evaluation<double> a = o(b.at(b.log_probs, weights));
  const evaluation<double> c = o(token_batch<double>{policy_, none, ref_, none, weights_});
  CHECK(a.loss == Approx(c.loss));
  CHECK(relative_error(upside_down(c.dloss_dlogp), a.dloss_dlogp) < 1e-14);
  CHECK(a.chosen_reward == Approx(c.rejected_reward));
}

TEST_CASE("a pair without tokens adds nothing; a completion without tokens still has a rival") {
  const matrix zero = matrix::Zero(4, 2);
  CHECK(dpo{}(token_batch<double>{zero, none, zero, none, dpo{}.weights(zero)}).loss == 0.0);
  const matrix half = rows_of({{0, 0}, {1, 0}}), policy = rows_of({{0, 0}, {-2, 0}}),
               reference = rows_of({{0, 0}, {-1, 0}});
  const evaluation<double> e =
      dpo{.beta = 1}(token_batch<double>{policy, none, reference, none, dpo{}.weights(half)});
  CHECK(e.loss == Approx(std::log(1.0 + std::exp(-1.0))));
  CHECK((e.dloss_dlogp.row(0) == 0.0).all());
  const matrix empty(0, 3), narrow(2, 0);
  CHECK(dpo{}(token_batch<double>{empty, empty, empty, empty, dpo{}.weights(empty)}).loss == 0.0);
  CHECK(dpo{}(token_batch<double>{narrow, narrow, narrow, narrow, dpo{}.weights(narrow)}).pairs == 0.0);
}

TEST_CASE("dpo says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const matrix odd = matrix::Ones(3, 1), even = matrix::Ones(2, 1);
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{odd, odd, odd, odd, odd}),
                    Contains("rows 2 i and 2 i + 1 are a pair, but there are 3 rows"));
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{even, even, none, even, even}),
                    Contains("dpo: ref_log_probs must be 2 x 1 as log_probs, but is 0 x 0"));
  CHECK_THROWS_WITH(dpo{}(token_batch<double>{even, even, even, even, none}),
                    Contains("dpo: weights must be 2 x 1"));
  CHECK_THROWS_WITH(dpo{.beta = -1}(token_batch<double>{even, even, even, even, even}),
                    Contains("beta must be > 0, but is -1"));
}

TEST_CASE("every member of the family learns to prefer the chosen item") {
  // Prompt 0: 0 over 1 and 2, prompt 1: 2 over 0 and 1; a list of one item.
  using pair = preference<std::size_t, std::vector<int>>;
  const std::vector<pair> pairs{{0, {0}, {1}}, {0, {0}, {2}}, {1, {2}, {0}}, {1, {2}, {1}}};
  std::vector<dpo> all = members;
  all.insert(all.end(), step_members.begin(), step_members.end());
  all.push_back(dpo{.loss = bco_step_loss{}});
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    tabular_policy policy{{.prompts = 2, .length = 1, .items = 3}};
    const tabular_policy reference = policy;
    const tabular_policy* given = all[i].needs_reference() ? &reference : nullptr;
    double accuracy = 0.0;
    for (const auto& m :
         fit(policy, all[i], pairs, {.steps = 30, .batch_size = 4, .learning_rate = 2.0}, given))
      accuracy = m.accuracy.value();
    CHECK(accuracy == 1.0);
    CHECK(policy.logits()(0, 0) > policy.logits()(0, 1));
    CHECK(policy.logits()(1, 2) > policy.logits()(1, 0));
  }
}

TEST_CASE("fit without the reference that a loss needs says so") {
  using Catch::Matchers::Contains;
  const std::vector<preference<std::size_t, std::vector<int>>> pairs{{0, {0}, {1}}};
  tabular_policy policy{{.prompts = 1, .length = 1, .items = 2}};
  CHECK_THROWS_WITH(fit(policy, dpo{.loss = aot_loss}, pairs), Contains("compares with a reference policy"));
  CHECK_NOTHROW(fit(policy, dpo{.loss = orpo_loss{}}, pairs));
}

TEST_CASE("micro-batches change no fit, whether a loss compares pairs or not") {
  const std::vector<preference<std::size_t, std::vector<int>>> pairs{
      {0, {0, 1}, {1}}, {0, {0}, {2, 0}}, {1, {2, 2}, {0}}, {1, {2}, {1, 1}}, {0, {1}, {2}}};
  std::vector<dpo> all = step_members;
  all.push_back(dpo{.loss = bco_step_loss{}});
  all.push_back(dpo{.loss = orpo_loss{}});
  const tabular_policy reference{{.prompts = 2, .length = 2, .items = 3}};
  for (const dpo& o : all) {
    std::vector<token_matrix<double>> tables;
    for (const std::size_t micro_rows : {0u, 2u, 3u, 6u}) {
      tabular_policy policy = reference;
      for (const auto& m :
           fit(policy, o, pairs,
               {.steps = 10, .batch_size = 4, .micro_rows = micro_rows, .learning_rate = 2.0}, &reference)) {
        CHECK(m.margin.value() == Approx(m.chosen_reward.value() - m.rejected_reward.value()));
        CHECK(m.chosen_log_prob.value() < 0.0);
      }
      tables.push_back(policy.logits());
    }
    for (const token_matrix<double>& table : tables) CHECK((table - tables.front()).abs().maxCoeff() < 1e-6);
  }
}

TEST_CASE("a loss that is not finite stops a whole step too, the weights unchanged") {
  const std::vector<preference<std::size_t, std::vector<int>>> pairs{{0, {0}, {1}}, {0, {1}, {0}}};
  tabular_policy policy{{.prompts = 1, .length = 1, .items = 2}};
  const tabular_policy reference = policy;
  policy.logits()(0, 1) = std::nan("");
  const auto run = [&] {
    for (const auto& m : fit(policy, dpo{.loss = aot_loss}, pairs, {.steps = 1, .micro_rows = 2}, &reference))
      static_cast<void>(m);
  };
  CHECK_THROWS_AS(run(), non_finite_error);
  CHECK_THROWS_WITH(run(), Catch::Matchers::Contains("step 0: the loss is nan") &&
                               Catch::Matchers::Contains("the policy's log-probs are not finite"));
  CHECK(policy.logits()(0, 0) == 0.0);
}
