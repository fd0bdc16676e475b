// exp and exp(x) - 1 - x of lanes against long double, from the smallest to the largest.
#include <recllm/objective/exponential.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

template <class X>
exponential<double> at(double x) {
  using scalar = typename X::scalar;
  const std::vector<scalar> given(static_cast<std::size_t>(X::size), static_cast<scalar>(x));
  std::vector<scalar> value(given), beyond(given);
  const exponential<X> e = exponential_of(X::load(given.data()));
  e.value.store(value.data());
  e.beyond_linear.store(beyond.data());
  for (std::size_t i = 1; i < value.size(); ++i) CHECK((value[i] == value[0] || std::isnan(value[0])));
  return {static_cast<double>(value.back()), static_cast<double>(beyond.back())};
}

// exp(x) - 1 - x by its series near 0.
long double beyond_linear(long double x) {
  if (std::abs(x) > 0.5L) return std::exp(x) - 1.0L - x;
  long double sum = 0.0L, term = x;
  for (int n = 2; n < 40; ++n) sum += term *= x / static_cast<long double>(n);
  return sum;
}

template <class X>
void check_accuracy(double range, double tolerance) {
  using scalar = typename X::scalar;
  const std::uint64_t seed = 4;
  INFO("seed " << seed);
  random_stream rng(seed);
  double worst = 0.0, worst_beyond = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double size = std::pow(10.0, -6.0 * rng.uniform());
    const auto x = static_cast<long double>(static_cast<scalar>((2.0 * rng.uniform() - 1.0) * size * range));
    const exponential<double> e = at<X>(static_cast<double>(x));
    worst = std::max(worst, static_cast<double>(std::abs(e.value / std::exp(x) - 1.0L)));
    if (x != 0.0L)
      worst_beyond =
          std::max(worst_beyond, static_cast<double>(std::abs(e.beyond_linear / beyond_linear(x) - 1.0L)));
  }
  CHECK(worst < tolerance);
  CHECK(worst_beyond < 25.0 * tolerance);  // x near log 2 / 2, where 1 + x is subtracted
}

template <class X>
void check_ends(double overflow, double underflow) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(at<X>(0.0).value == 1.0);
  CHECK(at<X>(0.0).beyond_linear == 0.0);
  CHECK(at<X>(overflow).value == infinity);
  CHECK(at<X>(overflow).beyond_linear == infinity);
  CHECK(at<X>(infinity).value == infinity);
  CHECK(at<X>(underflow).value == 0.0);
  CHECK(at<X>(underflow).beyond_linear == Approx(-1.0 - underflow));
  CHECK(at<X>(-infinity).value == 0.0);
  CHECK(at<X>(-infinity).beyond_linear == infinity);
  CHECK(std::isnan(at<X>(std::nan("")).value));
  CHECK(std::isnan(at<X>(std::nan("")).beyond_linear));
}

}  // namespace

TEMPLATE_TEST_CASE("exponentials in double", "", (lanes<double, true>), (lanes<double, false>)) {
  check_accuracy<TestType>(700.0, 6e-16);
  check_ends<TestType>(720.0, -720.0);
}

TEMPLATE_TEST_CASE("exponentials in float", "", (lanes<float, true>), (lanes<float, false>)) {
  check_accuracy<TestType>(85.0, 3e-7);
  check_ends<TestType>(95.0, -95.0);
}
