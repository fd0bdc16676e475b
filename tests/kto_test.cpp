// KTO on rows: what it makes of labels, mismatched completions and micro-batches.
#include <recllm/kto.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <recllm/tabular.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const matrix none(0, 0);

/// Rows labelled 1, -1, 1, -1, ...; with mismatched rows, the last half of them 0.
matrix labels_of(const ragged_batch& b, bool mismatched) {
  matrix labels(b.mask.rows(), b.mask.cols());
  for (Eigen::Index row = 0; row < labels.rows(); ++row)
    labels.row(row).setConstant(mismatched && row >= labels.rows() / 2 ? 0.0 : row % 2 == 0 ? 1.0 : -1.0);
  return labels;
}

evaluation<double> evaluate(const kto& o, const ragged_batch& b, const matrix& policy, const matrix& labels) {
  return o(token_batch<double>{policy, none, b.ref_log_probs, labels, o.weights(b.mask)});
}

}  // namespace

TEST_CASE("kto by hand: two labelled completions, two mismatched ones") {
  // Log-ratios 1 and -2; those of the mismatched 0.5 and 0.3, so that kl is 0.4.
  const matrix mask = rows_of({{1, 1}, {1, 0}, {1, 0}, {1, 1}});
  const matrix policy = rows_of({{-1, -1}, {-4, 0}, {-1, 0}, {-1, -1}});
  const matrix reference = rows_of({{-2, -1}, {-2, 0}, {-1.5, 0}, {-1.2, -1.1}});
  const matrix labels = rows_of({{1, 1}, {-1, -1}, {0, 0}, {0, 0}});
  const kto o{.beta = 0.5, .desirable_weight = 2.0};
  const evaluation<double> e = o(token_batch<double>{policy, none, reference, labels, o.weights(mask)});
  const double good = 1.0 / (1.0 + std::exp(0.5 * (1.0 - 0.4))),
               bad = 1.0 / (1.0 + std::exp(0.5 * (0.4 + 2.0)));
  CHECK(e.loss == Approx((2.0 * good + bad) / 2.0));
  const double good_slope = -2.0 * 0.5 * good * (1.0 - good) / 2.0, bad_slope = 0.5 * bad * (1.0 - bad) / 2.0;
  CHECK(relative_error(e.dloss_dlogp, rows_of({{good_slope, good_slope}, {bad_slope, 0}, {0, 0}, {0, 0}})) <
        1e-14);
  CHECK(e.chosen_reward == Approx(0.5));
  CHECK(e.rejected_reward == Approx(-1.0));
  CHECK(e.tokens == 3.0);
  // The same number given needs no mismatched completions.
  const kto given{.beta = 0.5, .desirable_weight = 2.0, .kl = 0.4};
  const matrix top = mask.topRows(2);
  CHECK(given(token_batch<double>{policy.topRows(2), none, reference.topRows(2), labels.topRows(2),
                                  given.weights(top)})
            .loss == Approx(e.loss));
}

TEST_CASE("an estimate below 0 counts as 0") {
  const ragged_batch b = random_batch(2, 12);
  ragged_batch behind = b;
  behind.ref_log_probs.bottomRows(6) = b.log_probs.bottomRows(6) + 0.5 * b.mask.bottomRows(6);
  const matrix labels = labels_of(b, true);
  CHECK(evaluate(kto{}, behind, b.log_probs, labels).loss ==
        Approx(evaluate(kto{.kl = 0.0}, behind, b.log_probs, labels).loss));
}

TEST_CASE("kto's slope equals finite differences with the estimate held still") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    INFO("seed " << seed);
    const ragged_batch b = random_batch(seed, 14);
    const matrix labels = labels_of(b, true);
    const kto o{.beta = 0.4, .desirable_weight = 1.2, .undesirable_weight = 0.7};
    const matrix slope = evaluate(o, b, b.log_probs, labels).dloss_dlogp;
    // only labelled rows move, so that the estimate does not
    const auto loss = [&](const matrix& top) {
      matrix policy = b.log_probs;
      policy.topRows(7) = top;
      return evaluate(o, b, policy, labels).loss;
    };
    const matrix top = b.log_probs.topRows(7);
    CHECK(relative_error(slope.topRows(7), numeric_gradient(loss, top)) < 1e-8);
    CHECK((slope.bottomRows(7) == 0.0).all());
    CHECK((slope * (1.0 - b.mask) == 0.0).all());
  }
}

TEST_CASE("with kl given, kto does not depend on micro-batches") {
  const ragged_batch b = random_batch(7, 24);
  const matrix labels = labels_of(b, false);
  const kto o{.kl = 0.3};
  const matrix weights = o.weights(b.mask);
  const evaluation<double> whole = evaluate(o, b, b.log_probs, labels);
  for (const Eigen::Index size : {1, 5, 7, 24}) {
    double loss = 0.0;
    matrix slope(24, b.mask.cols());
    for (Eigen::Index first = 0; first < 24; first += size) {
      const Eigen::Index count = std::min<Eigen::Index>(size, 24 - first);
      const evaluation<double> part = o(token_batch<double>{
          b.log_probs.middleRows(first, count), none, b.ref_log_probs.middleRows(first, count),
          labels.middleRows(first, count), weights.middleRows(first, count)});
      loss += part.loss;
      slope.middleRows(first, count) = part.dloss_dlogp;
    }
    CHECK(loss == Approx(whole.loss));
    CHECK((slope - whole.dloss_dlogp).abs().maxCoeff() < 1e-15);
  }
}

TEST_CASE("completions without tokens add nothing") {
  const matrix zero = matrix::Zero(3, 2), narrow(2, 0), empty(0, 2);
  for (const kto& o : {kto{}, kto{.kl = 0.1}})
    for (const matrix& m : {zero, narrow, empty}) {
      const evaluation<double> e = o(token_batch<double>{m, none, m, m, o.weights(m)});
      CHECK(e.loss == 0.0);
      CHECK((e.dloss_dlogp == 0.0).all());
    }
  const matrix mask = rows_of({{1}, {0}}), labels = rows_of({{1}, {-1}}), log_probs = rows_of({{-1}, {0}});
  const kto o{.kl = 0.0};
  CHECK(o(token_batch<double>{log_probs, none, log_probs, labels, o.weights(mask)}).loss == Approx(0.25));
}

TEST_CASE("kto says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const ragged_batch b = random_batch(2, 12);
  const matrix mismatched = labels_of(b, true), plain = labels_of(b, false);
  CHECK_THROWS_WITH(evaluate(kto{}, b, b.log_probs, plain),
                    Contains("mismatched completions") && Contains("none"));
  CHECK_THROWS_WITH(evaluate(kto{}, b, b.log_probs, 0.0 * plain), Contains("all 12 rows are mismatched"));
  CHECK_THROWS_WITH(evaluate(kto{.beta = -1.0}, b, b.log_probs, mismatched),
                    Contains("beta must be > 0, but is -1"));
  CHECK_THROWS_WITH(evaluate(kto{}, b, b.log_probs, none), Contains("kto: advantages must be 12 x 9"));
  const auto part = [&](const kto& o, const matrix& labels, Eigen::Index first) {
    const matrix weights = o.weights(b.mask);
    return o(token_batch<double>{b.log_probs.middleRows(first, 6), none, b.ref_log_probs.middleRows(first, 6),
                                 labels.middleRows(first, 6), weights.middleRows(first, 6)});
  };
  CHECK_THROWS_WITH(part(kto{}, mismatched, 3),
                    Contains("kl is estimated over all rows of a step, but got 6 of 12"));
  CHECK_THROWS_WITH(part(kto{.kl = 0.0}, mismatched, 3),
                    Contains("a part of a step has mismatched completions"));
  CHECK(kto{}.needs_reference());
  CHECK(kto{}.needs_whole_step());
  CHECK_FALSE(kto{.kl = 0.0}.needs_whole_step());
}

TEST_CASE("kto learns from labels, the same for every split into micro-batches") {
  using judged = feedback<std::size_t, std::vector<int>>;
  const std::vector<judged> all{{0, {0, 1}, true},  {0, {1}, false}, {0, {2, 2}, false}, {1, {2}, true},
                                {1, {0, 0}, false}, {1, {1}, false}, {0, {0}, true}};
  for (const kto& o : {kto{}, kto{.undesirable_weight = 0.5, .kl = 0.0}}) {
    std::vector<token_matrix<double>> tables;
    for (const std::size_t micro_rows : {0u, 1u, 2u, 3u, 5u, 50u}) {
      tabular_policy policy{{.prompts = 2, .length = 2, .items = 3}};
      policy.logits()(0, 1) = 0.5;  // so that the policy is not the reference at first
      const tabular_policy reference{{.prompts = 2, .length = 2, .items = 3}};
      for (const auto& m :
           fit(policy, o, all, {.steps = 40, .batch_size = 5, .micro_rows = micro_rows, .learning_rate = 5.0},
               &reference)) {
        CHECK(m.chosen_reward.has_value() == m.chosen_log_prob.has_value());
        CHECK_FALSE(m.accuracy.has_value());
        CHECK(m.entropy.value() <= std::log(3.0) + 1e-6);
      }
      tables.push_back(policy.logits());
    }
    for (const token_matrix<double>& table : tables) CHECK((table - tables.front()).abs().maxCoeff() < 1e-6);
    CHECK(tables.front()(0, 0) > tables.front()(0, 1));
    CHECK(tables.front()(2, 2) > tables.front()(2, 0));
  }
}

TEST_CASE("a step of kto is TRL's: neighbours' completions, their mean log-ratio, the mean loss") {
  using judged = feedback<std::size_t, std::vector<int>>;
  const std::vector<judged> all{{0, {0}, true}, {1, {1}, false}, {2, {2}, true}};
  tabular_policy policy{{.prompts = 3, .length = 1, .items = 3}};
  random_stream rng(4);
  for (Eigen::Index i = 0; i < 9; ++i) policy.logits()(i / 3, i % 3) = rng.normal();
  const tabular_policy before = policy, reference{{.prompts = 3, .length = 1, .items = 3}};
  const auto log_ratio = [&](std::size_t prompt, Eigen::Index item) {
    const auto row = before.logits().row(static_cast<Eigen::Index>(prompt));
    return row(item) - std::log(row.exp().sum()) + std::log(3.0);
  };
  epoch_order order(3, 0);
  const std::vector<std::size_t> taken = order.batch(0, 3);
  double kl = 0.0, loss = 0.0;
  for (std::size_t i = 0; i < 3; ++i)
    kl += log_ratio(all[taken[i]].prompt, all[taken[(i + 2) % 3]].completion[0]) / 3.0;
  kl = std::max(0.0, kl);
  for (const judged& e : all) {
    const double x = 0.1 * (log_ratio(e.prompt, e.completion[0]) - kl);
    loss += 1.0 / (1.0 + std::exp(e.desirable ? x : -x)) / 3.0;
  }
  for (const auto& m : fit(policy, kto{}, all, {.steps = 1, .batch_size = 3}, &reference)) {
    CHECK(m.loss == Approx(loss).epsilon(1e-6));
    CHECK(m.chosen_reward.value() == Approx(0.05 * (log_ratio(0, 0) + log_ratio(2, 2))).epsilon(1e-5));
    CHECK(m.rejected_reward.value() == Approx(0.1 * log_ratio(1, 1)).epsilon(1e-5));
    CHECK(m.margin.value() == Approx(*m.chosen_reward - *m.rejected_reward));
    CHECK(m.num_tokens == 3);
  }
}

TEST_CASE("kto needs another example to be mismatched with") {
  using Catch::Matchers::Contains;
  const std::vector<feedback<std::size_t, std::vector<int>>> one{{0, {0}, true}};
  tabular_policy policy{{.prompts = 1, .length = 1, .items = 2}};
  const tabular_policy reference = policy;
  const auto run = [&](const kto& o) {
    for (const auto& m : fit(policy, o, one, {.steps = 1}, &reference)) static_cast<void>(m);
  };
  CHECK_THROWS_WITH(run(kto{}), Contains("a step has only one example; use a batch_size of at least 2"));
  CHECK_NOTHROW(run(kto{.kl = 0.0}));
}
