// The one loop of all policy objectives: every combination of its axes against finite differences, torch's
// autograd written out in numbers, and what it reduces to.
#include <functional>
#include <limits>
#include <vector>

#include <recllm/cispo.hpp>
#include <recllm/grpo.hpp>
#include <recllm/gspo.hpp>
#include <recllm/ppo.hpp>
#include <recllm/reinforce.hpp>
#include <recllm/sapo.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const double infinity = std::numeric_limits<double>::infinity();

// Ratios from 1e-3 to 1e3, which all clips and caps hold somewhere; none near a kink of the settings below.
ragged_batch extreme_batch(std::uint64_t seed) {
  ragged_batch b = random_batch(seed);
  random_stream rng(seed + 100);
  for (Eigen::Index i = 0; i < b.mask.rows(); ++i)
    for (Eigen::Index t = 0; t < b.mask.cols(); ++t)
      if (b.mask(i, t) != 0.0 && rng.uniform() < 0.3)
        b.old_log_probs(i, t) = b.log_probs(i, t) + (rng.uniform() < 0.5 ? -1.0 : 1.0) *
                                                        (1.2 + 1.5 * std::floor(5.0 * rng.uniform()));
  b.ref_log_probs =
      ((b.log_probs - b.ref_log_probs).abs() < 0.01).select(b.log_probs - 0.1, b.ref_log_probs) * b.mask;
  return b;
}

matrix random_like(const matrix& mask, std::uint64_t seed) {
  random_stream rng(seed);
  matrix x = mask;
  for (double& v : x.reshaped()) v *= rng.uniform();
  return x;
}

// The slope against central differences; a stop-gradient is a loss whose ratio is held at the policy of the
// slope.
template <class O>
void check(const O& o, const std::function<matrix(const matrix&, const ragged_batch&)>& stopped = {}) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = extreme_batch(seed);
    const matrix weights = o.weights(b.mask), importance = random_like(b.mask, seed + 7),
                 entropies = random_like(b.mask, seed + 8);
    const auto batch = [&](const matrix& policy) {
      return token_batch<double>{policy,  b.old_log_probs, b.ref_log_probs, b.advantages,
                                 weights, importance,      entropies};
    };
    const evaluation<double> e = o(batch(b.log_probs));
    if (!stopped) {
      const matrix numeric = numeric_gradient([&](const matrix& x) { return o(batch(x)).loss; }, b.log_probs);
      CHECK(relative_error(e.dloss_dlogp, numeric) < 1e-6);
    } else {
      const matrix coefficient = stopped(b.log_probs, b);
      CHECK(relative_error(e.dloss_dlogp, weights * importance * coefficient) < 1e-12);
    }
    CHECK((e.dloss_dlogp * (1.0 - b.mask) == 0.0).all());
    CHECK(e.entropy == Approx(entropies.sum()));
    CHECK(e.dloss_dentropy.size() == 0);
  }
}

matrix ratio_of(const ragged_batch& b) { return (b.log_probs - b.old_log_probs).exp() * b.mask; }

}  // namespace

TEST_CASE("every surrogate's slope equals central differences on ragged batches with extreme ratios") {
  const std::optional<double> none;
  for (const double kl : {0.0, 0.3}) {
    check(grpo{.kl_coef = kl});
    check(grpo{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = kl});
    check(grpo{.clip_low = 0.2, .kl_coef = kl});
    check(grpo{.clip_high = 0.28, .kl_coef = kl});
    check(grpo{.clip_low = 0.2, .clip_high = 0.28, .dual_clip = 3.0, .kl_coef = kl});
    check(grpo{.clip_low = 0.2, .clip_high = 0.28, .delta = 4.0, .kl_coef = kl});
    check(grpo{.delta = 4.0, .kl_coef = kl});
    check(grpo{.clip_low = 0.2, .clip_high = 0.28, .log_ratio_limit = 5.0, .kl_coef = kl});
    check(gspo{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = kl});
    check(gspo{.clip_low = none, .clip_high = none, .kl_coef = kl});
    check(gspo{.clip_low = none, .clip_high = none, .log_ratio_limit = 1.0, .kl_coef = kl});
    check(sapo{.kl_coef = kl});
    check(sapo{.temperature_pos = 0.3, .temperature_neg = 3.0, .log_ratio_limit = 5.0, .kl_coef = kl});
    check(ppo{.dual_clip = 3.0, .kl_coef = kl, .kl_in = kl_place::loss});
    check(reinforce{.kl_coef = kl});
  }
  for (const kl_estimator k :
       {kl_estimator::k1, kl_estimator::k2, kl_estimator::absolute, kl_estimator::low_variance})
    check(grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_estimator = k});
}

TEST_CASE("where a gradient stops, the slope is the constant times minus the advantage") {
  check(cispo{.cap = 2.0},
        [](const matrix&, const ragged_batch& b) -> matrix { return -ratio_of(b).min(2.0) * b.advantages; });
  check(cispo{.clip_low = 0.2, .clip_high = 0.28, .cap = std::nullopt},
        [](const matrix&, const ragged_batch& b) -> matrix {
          return -ratio_of(b).max(0.8).min(1.28) * b.advantages;
        });
  check(gspo{.clip_low = std::nullopt, .clip_high = std::nullopt, .per_token = true},
        [](const matrix&, const ragged_batch& b) -> matrix {
          matrix s = b.mask;
          for (Eigen::Index i = 0; i < s.rows(); ++i) {
            const double mean =
                ((b.log_probs - b.old_log_probs) * b.mask).row(i).sum() / std::max(1.0, b.mask.row(i).sum());
            s.row(i) *= std::exp(mean);
          }
          return -s * b.advantages;
        });
}

TEST_CASE("no objective depends on the split into micro-batches") {
  const auto both = [](const auto& o) {
    check_splits<double>(o, {1, 5, 7, 12}, 1e-13);
    check_splits<float>(o, {1, 5, 7, 12}, 2e-6);
  };
  for (const normalisation average :
       {normalisation::per_sequence, normalisation::per_token,
        normalisation::per_sequence_sum.without_empty(), normalisation::constant_length(6),
        normalisation::padded_length, normalisation::sum_over(9)}) {
    both(grpo{.clip_low = 0.2, .clip_high = 0.28, .dual_clip = 3.0, .average = average});
    both(gspo{.clip_low = 0.2, .clip_high = 0.28, .average = average});
    both(gspo{.per_token = true, .average = average});
    both(cispo{.average = average});
    both(sapo{.average = average});
    both(reinforce{.kl_coef = 0.1, .average = average});
  }
}

TEST_CASE("gspo and its token variant have one value, and one slope where a completion has one advantage") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = random_batch(seed);
    const gspo whole{.clip_low = 0.2, .clip_high = 0.28},
        each{.clip_low = 0.2, .clip_high = 0.28, .per_token = true};
    const matrix weights = whole.weights(b.mask);
    const evaluation<double> a = whole(b.at(b.log_probs, weights)), c = each(b.at(b.log_probs, weights));
    CHECK(a.loss == Approx(c.loss).epsilon(1e-13));
    CHECK(relative_error(a.dloss_dlogp, c.dloss_dlogp) < 1e-13);
    CHECK(a.clipped_low == c.clipped_low);
    CHECK(a.ratio == Approx(c.ratio));
  }
}

TEST_CASE("completions of one token: gspo is grpo") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = random_batch(seed, 40, 1);
    const grpo g{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0.1};
    const gspo s{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0.1};
    const matrix weights = g.weights(b.mask);
    const evaluation<double> x = g(b.at(b.log_probs, weights)), y = s(b.at(b.log_probs, weights));
    CHECK(x.loss == Approx(y.loss).epsilon(1e-14));
    CHECK(relative_error(x.dloss_dlogp, y.dloss_dlogp) < 1e-14);
    CHECK(x.clipped_high == y.clipped_high);
  }
}

TEST_CASE("ppo without a clip is REINFORCE weighted by the ratio") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = extreme_batch(seed);
    const ppo unclipped{.clip_low = std::nullopt, .clip_high = std::nullopt};
    const matrix weights = unclipped.weights(b.mask), ratio = ratio_of(b);
    const evaluation<double> p = unclipped(b.at(b.log_probs, weights));
    const evaluation<double> r = reinforce{}(
        token_batch<double>{b.log_probs, b.old_log_probs, b.ref_log_probs, b.advantages, weights, ratio});
    CHECK(relative_error(p.dloss_dlogp, r.dloss_dlogp) < 1e-14);
    CHECK(p.loss == Approx(-(weights * ratio * b.advantages).sum()));
  }
}

TEST_CASE("cispo without bounds has the slope of unclipped grpo; sapo has it at ratio 1") {
  const ragged_batch b = random_batch(4);
  const matrix weights = grpo{}.weights(b.mask);
  const matrix plain = grpo{.kl_coef = 0.0}(b.at(b.log_probs, weights)).dloss_dlogp;
  CHECK(relative_error(cispo{.cap = std::nullopt}(b.at(b.log_probs, weights)).dloss_dlogp, plain) < 1e-14);
  const matrix start = grpo{.kl_coef = 0.0}(b.at(b.old_log_probs, weights)).dloss_dlogp;
  CHECK(relative_error(sapo{}(b.at(b.old_log_probs, weights)).dloss_dlogp, start) < 1e-14);
}

TEST_CASE("dual clip and delta bound the loss of tokens with advantage below 0") {
  // ratio 6, A = -2: dual clip 3 -> loss 6; delta 4 -> 8; the plain clip leaves 12
  const matrix one = matrix::Ones(1, 1), log_prob = one * std::log(6.0), old = one * 0.0,
               advantage = one * -2.0;
  const auto of = [&](const grpo& o) { return o(token_batch<double>{log_prob, old, old, advantage, one}); };
  const grpo plain{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0.0};
  CHECK(of(plain).loss == Approx(12.0));
  CHECK(of(plain).dloss_dlogp(0, 0) == Approx(12.0));
  CHECK(of(plain).capped == 0.0);
  grpo dual = plain, two_sided = plain;
  dual.dual_clip = 3.0;
  two_sided.delta = 4.0;
  for (const auto& [o, loss] : {std::pair(dual, 6.0), std::pair(two_sided, 8.0)}) {
    CHECK(of(o).loss == Approx(loss));
    CHECK(of(o).dloss_dlogp(0, 0) == 0.0);
    CHECK(of(o).capped == 1.0);
    CHECK(of(o).clipped_high == 0.0);
  }
}

TEST_CASE("TRL's and verl's formulas of a clipped loss, all signs and sides") {
  // trl/trainer/grpo_trainer.py, _compute_loss: -min(min(r, delta) A, clamp(r) A); verl core_algos.py,
  // compute_policy_loss_vanilla: for A < 0 at most c |A|
  const matrix one = matrix::Ones(1, 1), old = one * 0.0;
  for (const double r : {0.1, 0.5, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 50.0})
    for (const double a : {-1.5, 0.0, 0.7}) {
      const matrix log_prob = one * std::log(r), advantage = one * a;
      const auto value = [&](const grpo& o) {
        return o(token_batch<double>{log_prob, old, old, advantage, one}).loss;
      };
      CAPTURE(r, a);
      const double clip = std::min(std::max(r, 0.8), 1.28) * a;
      CHECK(value({.clip_low = 0.2, .clip_high = 0.28, .delta = 4.0, .kl_coef = 0.0}) ==
            Approx(-std::min(std::min(r, 4.0) * a, clip)));
      const double plain = std::max(-r * a, -clip);
      CHECK(value({.clip_low = 0.2, .clip_high = 0.28, .dual_clip = 3.0, .kl_coef = 0.0}) ==
            Approx(a < 0.0 ? std::min(-a * 3.0, plain) : plain));
    }
}

TEST_CASE("the tally counts tokens with weight") {
  // ratios 2, 0.5, 1.5, 1, 9 and one token without weight; advantages 1, -1, -1, 1, -1
  const matrix log_probs =
      rows_of({{std::log(0.4), std::log(0.1), std::log(0.3), std::log(0.2), std::log(1.8), -9.0}});
  const matrix old = matrix::Constant(1, 6, std::log(0.2)), ref = log_probs + std::log(2.0);
  const matrix advantages = rows_of({{1.0, -1.0, -1.0, 1.0, -1.0, 1.0}}),
               weights = rows_of({{1, 1, 1, 1, 1, 0}}), none(0, 0);
  grpo o{.clip_low = 0.2, .clip_high = 0.2, .dual_clip = 3.0, .kl_coef = 0.0};
  const evaluation<double> e = o(token_batch<double>{log_probs, old, ref, advantages, weights});
  CHECK(e.tokens == 5.0);
  CHECK(e.ratio == Approx(14.0));
  CHECK(e.clipped_high == 1.0);
  CHECK(e.clipped_low == 1.0);
  CHECK(e.capped == 1.0);
  CHECK(e.kl == Approx(5.0 * (1.0 - std::log(2.0))));
  CHECK(e.approx_kl == Approx(14.0 - 5.0 - std::log(2.0 * 0.5 * 1.5 * 9.0)));
  CHECK(o(token_batch<double>{log_probs, old, none, advantages, weights}).kl == 0.0);
  o.counting = clip_counting::outside;
  const evaluation<double> outside = o(token_batch<double>{log_probs, old, none, advantages, weights});
  CHECK(outside.clipped_high == 3.0);
  CHECK(outside.clipped_low == 1.0);
}

TEST_CASE("importance multiplies the surrogate, not the divergence") {
  const ragged_batch b = random_batch(5);
  const grpo o{.kl_coef = 0.2};
  const matrix weights = o.weights(b.mask), none = matrix::Zero(13, 9), twice = none + 2.0;
  const auto with = [&](const matrix& importance, double kl) {
    return grpo{.kl_coef = kl}(token_batch<double>{b.log_probs, b.old_log_probs, b.ref_log_probs,
                                                   b.advantages, weights, importance});
  };
  CHECK(with(twice, 0.2).loss == Approx(2.0 * with(none + 1.0, 0.0).loss + with(none, 0.2).loss));
  CHECK((with(none, 0.0).dloss_dlogp == 0.0).all());
}

TEST_CASE("the entropy bonus is averaged as the loss, or as it is told") {
  const ragged_batch b = random_batch(6);
  const matrix entropies = random_like(b.mask, 3);
  grpo o{.kl_coef = 0.0, .entropy_coef = 0.5};
  const matrix weights = o.weights(b.mask);
  const double plain = grpo{.kl_coef = 0.0}(b.at(b.log_probs, weights)).loss;
  const matrix all = matrix::Ones(13, 9), none(0, 0);
  const auto with = [&](const matrix& h, const matrix& shares) {
    return o(token_batch<double>{b.log_probs, b.old_log_probs, b.ref_log_probs, b.advantages, weights, all, h,
                                 shares});
  };
  const evaluation<double> e = with(entropies, none);
  CHECK(e.loss == Approx(plain - 0.5 * (weights * entropies).sum()));
  CHECK(relative_error(e.dloss_dentropy, -0.5 * weights) < 1e-15);
  o.entropy_average = normalisation::per_token;  // TRL: the mean entropy whatever the loss's own average
  CHECK(with(entropies, o.entropy_weights(b.mask)).loss ==
        Approx(plain - 0.5 * entropies.sum() / b.mask.sum()));
  CHECK_THROWS_WITH(with(entropies, none), Catch::Matchers::Contains("entropy_average is set"));
  o.entropy_average = std::nullopt;
  CHECK_THROWS_WITH(with(none, none), Catch::Matchers::Contains("entropies is empty; entropy_coef is not 0"));
}

TEST_CASE("log-ratios beyond the limit are held there and have no slope") {
  const matrix one = matrix::Ones(1, 1), old = one * -30.0, log_prob = one * -1.0;
  const auto of = [&](const grpo& o) { return o(token_batch<double>{log_prob, old, old, one, one}); };
  const evaluation<double> held = of({.log_ratio_limit = 20.0, .kl_coef = 0.0});
  CHECK(held.loss == Approx(-std::exp(20.0)));
  CHECK(held.dloss_dlogp(0, 0) == 0.0);
  CHECK(of({.kl_coef = 0.0}).dloss_dlogp(0, 0) == Approx(-std::exp(29.0)));
  // of completions only from above
  const gspo s{.clip_low = std::nullopt, .clip_high = std::nullopt, .log_ratio_limit = 10.0};
  CHECK(s(token_batch<double>{log_prob, old, old, one, one}).loss == Approx(-std::exp(10.0)));
  CHECK(s(token_batch<double>{old, log_prob, old, one, one}).dloss_dlogp(0, 0) == Approx(-std::exp(-29.0)));
}

TEMPLATE_TEST_CASE("fully masked rows, empty rows, no rows and a batch without tokens give 0, never NaN", "",
                   float, double) {
  using S = TestType;
  const auto zero = [](const auto& o) {
    for (const Eigen::Index rows : {0, 1, 3})
      for (const Eigen::Index columns : {0, 1, 5}) {
        const token_matrix<S> nan =
            token_matrix<S>::Constant(rows, columns, std::numeric_limits<S>::quiet_NaN());
        const token_matrix<S> mask = token_matrix<S>::Zero(rows, columns);
        const evaluation<S> e = o(token_batch<S>{nan, nan, nan, nan, o.weights(mask)});
        CHECK(e.loss == 0.0);
        CHECK((e.dloss_dlogp == S(0)).all());
        CHECK((e.tokens == 0.0 && e.ratio == 0.0 && e.kl == 0.0 && e.approx_kl == 0.0));
      }
  };
  for (const normalisation average :
       {normalisation::per_sequence, normalisation::per_sequence.without_empty(), normalisation::per_token,
        normalisation::per_sequence_sum.without_empty(), normalisation::padded_length}) {
    zero(grpo{.average = average});
    zero(gspo{.average = average});
    zero(cispo{.average = average});
    zero(sapo{.average = average});
    zero(ppo{.average = average});
    zero(reinforce{.average = average});
  }
}

TEST_CASE("NaN in a counted token shows in the loss, wherever it comes in and wherever it stands") {
  const ragged_batch b = random_batch(2);
  const auto shows = [&](const auto& o, bool reads_old) {
    const matrix weights = o.weights(b.mask);
    for (Eigen::Index t = 0; t < b.mask.cols(); ++t) {
      ragged_batch bad = b;
      bad.log_probs(0, t) = std::nan("");
      CHECK(std::isnan(o(bad.at(bad.log_probs, weights)).loss));
      CHECK(std::isnan(o(bad.at(bad.log_probs, weights)).dloss_dlogp.sum()) == reads_old);
      bad = b;
      bad.advantages(0, t) = std::nan("");
      CHECK(std::isnan(o(bad.at(bad.log_probs, weights)).loss));
      bad = b;
      bad.old_log_probs(0, t) = std::nan("");
      CHECK(std::isnan(o(bad.at(bad.log_probs, weights)).loss) == reads_old);
    }
  };
  shows(grpo{}, true);
  shows(grpo{.clip_low = 0.2, .clip_high = 0.2, .dual_clip = 3.0, .log_ratio_limit = 20.0}, true);
  shows(gspo{.log_ratio_limit = 10.0}, true);
  shows(cispo{}, true);
  shows(sapo{}, true);
  shows(reinforce{}, false);
}

TEST_CASE("settings out of range and missing parts are named") {
  using Catch::Matchers::Contains;
  const matrix one = matrix::Ones(1, 1), two = matrix::Ones(1, 2), none(0, 0);
  const token_batch<double> b{one, one, one, one, one};
  CHECK_THROWS_WITH(grpo{.clip_low = 1.5}(b),
                    Contains("recllm: grpo: clip_low must be in [0, 1], but is 1.5"));
  CHECK_THROWS_WITH(ppo{.clip_high = -0.5}(b),
                    Contains("recllm: ppo: clip_high must be 0 or more, but is -0.5"));
  CHECK_THROWS_WITH(grpo{.dual_clip = 1.0}(b), Contains("dual_clip must be > 1, but is 1"));
  CHECK_THROWS_WITH(grpo{.delta = 0.0}(b), Contains("delta must be > 0, but is 0"));
  CHECK_THROWS_WITH(grpo{.log_ratio_limit = 0.0}(b), Contains("log_ratio_limit must be > 0, but is 0"));
  CHECK_THROWS_WITH(grpo{.entropy_coef = infinity}(b), Contains("entropy_coef must be finite"));
  CHECK_THROWS_WITH(gspo{.clip_low = -1.0}(b),
                    Contains("recllm: gspo: clip_low must be in [0, 1], but is -1"));
  CHECK_THROWS_WITH(cispo{.clip_low = -1.0}(b),
                    Contains("recllm: cispo: clip_low must be in [0, 1], but is -1"));
  CHECK_THROWS_WITH(cispo{.clip_high = -1.0}(b),
                    Contains("recllm: cispo: clip_high must be 0 or more, but is -1"));
  CHECK_THROWS_WITH(cispo{.cap = 0.0}(b), Contains("recllm: cispo: cap must be > 0, but is 0"));
  CHECK_THROWS_WITH(sapo{.temperature_neg = 0.0}(b),
                    Contains("recllm: sapo: temperatures must be > 0, but one is 0"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, two, one, one, one}),
                    Contains("policy_loss: old_log_probs must be 1 x 1 as log_probs, but is 1 x 2"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, one, one, two, one}),
                    Contains("advantages must be 1 x 1"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, one, one, one, two}), Contains("weights must be 1 x 1"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, one, two, one, one}),
                    Contains("ref_log_probs must be 1 x 1"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, one, none, one, one}),
                    Contains("ref_log_probs is empty; kl_coef is not 0"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, none, one, one, one}),
                    Contains("old_log_probs is empty"));
  CHECK_THROWS_WITH(grpo{}(token_batch<double>{one, one, one, one, one, two}),
                    Contains("importance must be 1 x 1"));
  CHECK(reinforce{}(token_batch<double>{one, none, none, one, one}).loss == -1.0);
}
