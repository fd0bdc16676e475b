// Per-token terms against closed forms, finite differences and Monte Carlo.
#include <limits>

#include <recllm/objective/terms.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const matrix one = matrix::Ones(1, 1);

token_term<double> surrogate_of(double ratio, double advantage, const ratio_clip& clip) {
  const matrix log_prob = one * std::log(ratio), old = one * 0.0, advantages = one * advantage;
  return clipped_surrogate(token_batch<double>{log_prob, old, old, advantages, one}, clip);
}

}  // namespace

TEST_CASE("the surrogate is minus the smaller of the clipped and the unclipped") {
  const ratio_clip clip{.low = 0.2, .high = 0.28};
  for (const double ratio : {0.5, 0.79, 0.81, 1.0, 1.19, 1.27, 1.29, 3.0})
    for (const double advantage : {-2.0, -0.5, 0.0, 0.5, 2.0}) {
      CAPTURE(ratio, advantage);
      const double limited = std::min(std::max(ratio, 0.8), 1.28);
      const token_term<double> term = surrogate_of(ratio, advantage, clip);
      CHECK(term.value(0, 0) == Approx(-std::min(ratio * advantage, limited * advantage)));
      const bool held = (advantage > 0 && ratio > 1.28) || (advantage < 0 && ratio < 0.8);
      CHECK(term.slope(0, 0) == Approx(held ? 0.0 : -ratio * advantage));
      CHECK(surrogate_of(ratio, advantage, {}).value(0, 0) == Approx(-ratio * advantage));
    }
}

TEST_CASE("a side without a bound does not clip") {
  CHECK(surrogate_of(3.0, 1.0, {.low = 0.2}).slope(0, 0) == Approx(-3.0));
  CHECK(surrogate_of(0.1, -1.0, {.low = 0.2}).slope(0, 0) == 0.0);
  CHECK(surrogate_of(3.0, 1.0, {.high = 0.2}).slope(0, 0) == 0.0);
  CHECK(surrogate_of(0.1, -1.0, {.high = 0.2}).slope(0, 0) == Approx(0.1));
}

TEST_CASE("a ratio on the edge is inside the clip range") {
  // Ratio 1 with a range of width 0, and 0.5: both exact in binary.
  CHECK(surrogate_of(1.0, 1.0, {.low = 0.0, .high = 0.0}).slope(0, 0) == -1.0);
  CHECK(surrogate_of(1.0, -1.0, {.low = 0.0, .high = 0.0}).slope(0, 0) == 1.0);
  const ratio_clip clip{.low = 0.5, .high = 1.0};
  CHECK_FALSE(clip.holds_low(0.5, -1.0));
  CHECK(clip.holds_low(std::nextafter(0.5, 0.0), -1.0));
  CHECK_FALSE(clip.holds_low(0.1, 1.0));
  CHECK_FALSE(clip.holds_high(2.0, 1.0));
  CHECK(clip.holds_high(std::nextafter(2.0, 3.0), 1.0));
  CHECK_FALSE(clip.holds_high(9.0, -1.0));
  CHECK_FALSE(clip.holds_high(9.0, 0.0));
}

TEST_CASE("divergences have the values of their formulas and the slopes of finite differences") {
  const ragged_batch b = random_batch(3);
  const matrix d = b.log_probs - b.ref_log_probs;
  const token_view<double> ref = b.ref_log_probs;
  CHECK(relative_error(k1_divergence<double>(b.log_probs, ref).value, d) < 1e-14);
  CHECK(relative_error(k2_divergence<double>(b.log_probs, ref).value, d * d / 2) < 1e-14);
  CHECK(relative_error(k3_divergence<double>(b.log_probs, ref).value, (-d).exp() + d - 1) < 1e-14);
  const auto check_slope = [&](auto&& k) {
    const matrix numeric = numeric_gradient([&](const matrix& x) { return k(x).value.sum(); }, b.log_probs);
    CHECK(relative_error(k(b.log_probs).slope, numeric) < 1e-9);
  };
  check_slope([&](const matrix& x) { return k1_divergence<double>(x, ref); });
  check_slope([&](const matrix& x) { return k2_divergence<double>(x, ref); });
  check_slope([&](const matrix& x) { return k3_divergence<double>(x, ref); });
}

TEMPLATE_TEST_CASE("k3 is never negative and 0 only where policy and reference agree", "", float, double) {
  using S = TestType;
  random_stream rng(11);
  token_matrix<S> log_probs(1, 20000), ref(1, 20000);
  for (Eigen::Index t = 0; t < log_probs.cols(); ++t) {
    log_probs(0, t) = static_cast<S>(-5.0 * rng.uniform());
    ref(0, t) = log_probs(0, t) + static_cast<S>(rng.normal() * std::pow(10.0, -10.0 * rng.uniform()));
  }
  CHECK((k3_divergence<S>(log_probs, ref).value >= S(0)).all());
  CHECK((k3_divergence<S>(log_probs, log_probs).value == S(0)).all());
  CHECK((k3_divergence<S>(log_probs, log_probs).slope == S(0)).all());
}

TEST_CASE("k1 and k3 are unbiased for the divergence of two known distributions") {
  const std::array<double, 3> p{0.5, 0.3, 0.2}, q{0.2, 0.3, 0.5};
  double kl = 0.0, k1 = 0.0, k3 = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    const matrix log_p = one * std::log(p[i]), log_q = one * std::log(q[i]);
    kl += p[i] * std::log(p[i] / q[i]);
    k1 += p[i] * k1_divergence<double>(log_p, log_q).value(0, 0);
    k3 += p[i] * k3_divergence<double>(log_p, log_q).value(0, 0);
  }
  CHECK(kl == Approx(0.3 * std::log(2.5)));
  CHECK(k1 == Approx(kl));
  CHECK(k3 == Approx(kl));
}

TEST_CASE("terms add up and scale") {
  token_term<double> term{one * 1.0, one * 2.0};
  term += 3.0 * token_term<double>{one * 4.0, one * 5.0};
  CHECK(term.value(0, 0) == 13.0);
  CHECK(term.slope(0, 0) == 17.0);
}

TEST_CASE("what has no weight adds exactly nothing, not even infinity or NaN; what has, shows it") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const token_term<double> term{rows_of({{1.0, inf, nan}}), rows_of({{2.0, nan, inf}})};
  const matrix any = matrix::Zero(1, 3);
  const auto weighted = [&](const matrix& weights) {
    return weighted_sum(term, token_batch<double>{any, any, any, any, weights});
  };
  const evaluation<double> first = weighted(rows_of({{0.5, 0.0, 0.0}}));
  CHECK(first.loss == 0.5);
  CHECK((first.dloss_dlogp == rows_of({{1.0, 0.0, 0.0}})).all());
  CHECK(std::isnan(weighted(rows_of({{0.5, 0.0, 0.1}})).loss));
}

TEST_CASE("the tally counts tokens with weight") {
  // ratios 2, 0.5, 1.5, 1 and one token without weight
  const matrix log_probs = rows_of({{std::log(0.4), std::log(0.1), std::log(0.3), std::log(0.2), -9.0}});
  const matrix old = matrix::Constant(1, 5, std::log(0.2)), ref = log_probs + std::log(2.0);
  const matrix advantages = rows_of({{1.0, -1.0, -1.0, 1.0, 1.0}}),
               weights = rows_of({{1.0, 1.0, 1.0, 1.0, 0.0}});
  const ratio_clip clip{.low = 0.2, .high = 0.2};
  const tally sums = surrogate_tally(token_batch<double>{log_probs, old, ref, advantages, weights}, clip);
  CHECK(sums.tokens == 4.0);
  CHECK(sums.ratio == Approx(5.0));
  CHECK(sums.clipped_high == 1.0);
  CHECK(sums.clipped_low == 1.0);
  CHECK(sums.kl == Approx(4.0 * (1.0 - std::log(2.0))));
  CHECK(sums.approx_kl == Approx(0.5 + 2.0 + 2.0 / 3.0 + 1.0 - 4.0 + std::log(2.0 * 0.5 * 1.5)));
  const matrix none(0, 0);
  CHECK(surrogate_tally(token_batch<double>{log_probs, old, none, advantages, weights}, clip).kl == 0.0);
}

TEST_CASE("terms say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  const matrix two = matrix::Zero(1, 2), none(0, 0);
  CHECK_THROWS_WITH(surrogate_of(1.0, 1.0, {.low = 1.5}), Contains("clip_low must be in [0, 1], but is 1.5"));
  CHECK_THROWS_WITH(surrogate_of(1.0, 1.0, {.high = -0.5}),
                    Contains("clip_high must be 0 or more, but is -0.5"));
  CHECK_THROWS_WITH(surrogate(token_batch<double>{one, two, one, one, one}),
                    Contains("clipped_surrogate: old_log_probs must be 1 x 1 as log_probs, but is 1 x 2"));
  CHECK_THROWS_WITH(surrogate(token_batch<double>{one, one, one, two, one}),
                    Contains("advantages must be 1 x 1"));
  CHECK_THROWS_WITH(divergence(token_batch<double>{one, one, two, one, one}, kl_estimator::k3),
                    Contains("ref_log_probs must be 1 x 1"));
  CHECK_THROWS_WITH(divergence(token_batch<double>{one, one, none, one, one}, kl_estimator::k3),
                    Contains("ref_log_probs is empty; pass a reference policy"));
  CHECK_THROWS_WITH(weighted_sum(token_term<double>{one, one}, token_batch<double>{one, one, one, one, two}),
                    Contains("weights must be 1 x 1"));
}
