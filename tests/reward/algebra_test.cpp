// The algebra's identities, the order of reports, names and clamps.
#include <cmath>

#include <recllm/core/random.hpp>
#include <recllm/reward/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct point {
  double x, y;
};
constexpr reward::term x("x", &point::x);
constexpr reward::term y("y", &point::y);

template <class Goal>
double at(const Goal& goal, const point& p) {
  return reward::evaluate(goal, 0, p);
}

}  // namespace

TEST_CASE("operators keep their arithmetic meaning") {
  random_stream rng(31);
  INFO("seed 31");
  for (int trial = 0; trial < 200; ++trial) {
    const point p{rng.normal(), rng.normal()};
    const double a = rng.normal();
    CHECK(at(x + y, p) == p.x + p.y);
    CHECK(at(x - y, p) == p.x - p.y);
    CHECK(at(x * y, p) == p.x * p.y);
    CHECK(at(-x, p) == -p.x);
    CHECK(at(a * x, p) == a * p.x);
    CHECK(at(x * a, p) == a * p.x);
    CHECK(at(x + a, p) == p.x + a);
    CHECK(at(1 - x, p) == 1.0 - p.x);
    CHECK(at(x + y, p) == at(y + x, p));
    CHECK(at(a * (x + y), p) == Approx(at(a * x + a * y, p)).margin(1e-12));
    CHECK(at(x - y, p) == at(x + -y, p));
    CHECK(at(-(-x), p) == at(x, p));
    CHECK(at(0.0 * x + y, p) == at(y, p));
    CHECK(at(x + y * x - 2.0f * y, p) == Approx(p.x + p.y * p.x - 2.0 * p.y));  // precedence
  }
}

TEST_CASE("reports are raw values, from left to right, scaled or not") {
  const point p{3.0, 5.0};
  CHECK(reported(0.1 * y - (2.0 * x).clamp(0.0, 1.0) + 7, 0, p) == entries{{"y", 5.0}, {"x", 3.0}});
}

TEST_CASE("named renames a leaf and reports a composed value after its terms") {
  const point p{3.0, 5.0};
  CHECK(at(x.named("width"), p) == 3.0);
  CHECK(reported(x.named("width"), 0, p) == entries{{"width", 3.0}});
  CHECK(reported((x + y).named("sum"), 0, p) == entries{{"x", 3.0}, {"y", 5.0}, {"sum", 8.0}});
  CHECK(reported((2.0 * (x + y).named("sum")).named("twice"), 0, p) ==
        entries{{"x", 3.0}, {"y", 5.0}, {"sum", 8.0}, {"twice", 16.0}});
}

TEST_CASE("clamp") {
  CHECK(at(x.clamp(-1, 1), {3.0, 0.0}) == 1.0);
  CHECK(at(x.clamp(-1, 1), {-3.0, 0.0}) == -1.0);
  CHECK(at(x.clamp(-1, 1), {0.5, 0.0}) == 0.5);
  CHECK(at(x.clamp(2, 2), {0.5, 0.0}) == 2.0);
  CHECK(std::isnan(at(x.clamp(-1, 1), {std::nan(""), 0.0})));
  CHECK_THROWS_WITH(x.clamp(1, 0), "recllm: clamp: expected low <= high, got 1 and 0");
  CHECK_THROWS_WITH(x.clamp(0, std::nan("")), Catch::Matchers::Contains("clamp"));
}

TEST_CASE("an expression is a value") {
  const auto make = [](double scale) {
    return scale * x + reward::term("held", [scale](const point&) { return scale; });
  };
  const auto one = make(1.0), two = make(2.0);
  const auto both = one + two;  // holds copies
  CHECK(at(both, {3.0, 0.0}) == 1.0 * 3.0 + 1.0 + 2.0 * 3.0 + 2.0);
}
