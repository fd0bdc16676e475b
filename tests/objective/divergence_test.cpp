// Divergences against closed forms, finite differences and known distributions.
#include <array>
#include <limits>

#include <recllm/objective/divergence.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const matrix one = matrix::Ones(1, 1);

token_term<double> at(double d, kl_estimator how) {
  const matrix log_prob = one * d, ref = one * 0.0;
  return divergence<double>(log_prob, ref, how);
}

}  // namespace

TEST_CASE("divergences have the values of their formulas and the slopes of finite differences") {
  const ragged_batch b = random_batch(3);
  const matrix d = b.log_probs - b.ref_log_probs;
  const token_view<double> ref = b.ref_log_probs;
  const auto of = [&](kl_estimator how) { return divergence<double>(b.log_probs, ref, how); };
  CHECK(relative_error(of(kl_estimator::k1).value, d) < 1e-14);
  CHECK(relative_error(of(kl_estimator::k2).value, d * d / 2) < 1e-14);
  CHECK(relative_error(of(kl_estimator::k3).value, (-d).exp() + d - 1) < 1e-14);
  CHECK(relative_error(of(kl_estimator::low_variance).value, (-d).exp() + d - 1) < 1e-14);
  CHECK(relative_error(of(kl_estimator::absolute).value, d.abs()) < 1e-14);
  for (const kl_estimator how :
       {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3, kl_estimator::low_variance}) {
    const matrix numeric = numeric_gradient(
        [&](const matrix& x) { return divergence<double>(x, ref, how).value.sum(); }, b.log_probs);
    CHECK(relative_error(of(how).slope, numeric) < 1e-9);
  }
  CHECK((of(kl_estimator::absolute).slope == d.sign()).all());
}

TEST_CASE("k3 keeps its digits from the smallest differences to the largest") {
  for (int power = -40; power <= 3; ++power)
    for (const double sign : {-1.0, 1.0}) {
      const double x = sign * std::exp2(power) * 0.9;
      long double expected = std::expm1(static_cast<long double>(x)) - static_cast<long double>(x);
      if (power < -8) {
        const long double y = x;
        expected = y * y / 2 + y * y * y / 6 + y * y * y * y / 24 + y * y * y * y * y / 120;
      }
      INFO("x = " << x);
      const double k3 = at(-x, kl_estimator::k3).value(0, 0);
      CHECK(k3 == Approx(static_cast<double>(expected)).epsilon(1e-12));
      CHECK(at(-x, kl_estimator::k3).slope(0, 0) == Approx(-std::expm1(x)).epsilon(1e-13));
      const token_matrix<float> log_prob = token_matrix<float>::Constant(1, 1, static_cast<float>(-x)),
                                ref = token_matrix<float>::Zero(1, 1);
      const double exact = static_cast<double>(std::expm1(static_cast<long double>(static_cast<float>(x))) -
                                               static_cast<long double>(static_cast<float>(x)));
      if (power >= -8)
        CHECK(static_cast<double>(divergence<float>(log_prob, ref, kl_estimator::k3).value(0, 0)) ==
              Approx(exact).epsilon(5e-6));
    }
}

TEMPLATE_TEST_CASE("k3 is never negative and 0 only where policy and reference agree", "", float, double) {
  using S = TestType;
  random_stream rng(11);
  token_matrix<S> log_probs(1, 20003), ref(1, 20003);
  for (Eigen::Index t = 0; t < log_probs.cols(); ++t) {
    log_probs(0, t) = static_cast<S>(-5.0 * rng.uniform());
    ref(0, t) = log_probs(0, t) + static_cast<S>(rng.normal() * std::pow(10.0, -10.0 * rng.uniform()));
  }
  for (const kl_estimator how : {kl_estimator::k3, kl_estimator::low_variance}) {
    CHECK((divergence<S>(log_probs, ref, how).value >= S(0)).all());
    CHECK((divergence<S>(log_probs, log_probs, how).value == S(0)).all());
    CHECK((divergence<S>(log_probs, log_probs, how).slope == S(0)).all());
  }
}

TEST_CASE("k1 and k3 are unbiased for the divergence of two known distributions, k2 has its gradient") {
  const std::array<double, 3> p{0.5, 0.3, 0.2}, q{0.2, 0.3, 0.5};
  double kl = 0.0, k1 = 0.0, k3 = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double d = std::log(p[i] / q[i]);
    kl += p[i] * d;
    k1 += p[i] * at(d, kl_estimator::k1).value(0, 0);
    k3 += p[i] * at(d, kl_estimator::k3).value(0, 0);
  }
  CHECK(kl == Approx(0.3 * std::log(2.5)));
  CHECK(k1 == Approx(kl));
  CHECK(k3 == Approx(kl));
}

TEST_CASE("low_variance has the clamps of verl's low_var_kl") {
  // exp(20) - 21 and exp(3) - 4 are above 10; 2.5: exp(2.5) - 3.5 = 8.68 is not
  CHECK(at(-30.0, kl_estimator::low_variance).value(0, 0) == 10.0);
  CHECK(at(-30.0, kl_estimator::low_variance).slope(0, 0) == 0.0);
  CHECK(at(-3.0, kl_estimator::low_variance).value(0, 0) == 10.0);
  CHECK(at(-3.0, kl_estimator::low_variance).slope(0, 0) == 0.0);
  CHECK(at(-2.5, kl_estimator::low_variance).value(0, 0) == Approx(std::exp(2.5) - 3.5));
  CHECK(at(-2.5, kl_estimator::low_variance).slope(0, 0) == Approx(1.0 - std::exp(2.5)));
  CHECK(at(25.0, kl_estimator::low_variance).value(0, 0) == 10.0);  // of exp(-20) + 19
  CHECK(at(5.0, kl_estimator::low_variance).value(0, 0) == Approx(4.0 + std::exp(-5.0)));
}

TEST_CASE("NaN and infinity show, in registers and beyond their end") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const kl_estimator how : {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3, kl_estimator::absolute,
                                 kl_estimator::low_variance})
    for (Eigen::Index where = 0; where < 9; ++where) {
      matrix log_probs = matrix::Zero(1, 9);
      log_probs(0, where) = nan;
      const token_term<double> term = divergence<double>(log_probs, matrix::Zero(1, 9), how);
      CAPTURE(static_cast<int>(how), where);
      CHECK(std::isnan(term.value(0, where)));
      CHECK(term.value.isNaN().count() == 1);
    }
  CHECK(at(inf, kl_estimator::k1).value(0, 0) == inf);
  CHECK(at(-inf, kl_estimator::k2).value(0, 0) == inf);
}

TEST_CASE("divergence says what is wrong with its arguments") {
  CHECK_THROWS_WITH(divergence<double>(one, matrix::Zero(1, 2), kl_estimator::k3),
                    "recllm: divergence: ref_log_probs must be 1 x 1 as log_probs, but is 1 x 2");
  CHECK(divergence<double>(matrix(0, 4), matrix(0, 4), kl_estimator::k3).value.size() == 0);
}
