// Rank-biased overlap against its infinite sum over set intersections, and closed forms.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/rank_overlap.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using items = std::vector<int>;

namespace {

double common(const items& a, const items& b, std::size_t depth) {
  const std::set<int> one(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(depth, a.size())));
  const std::set<int> other(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(std::min(depth, b.size())));
  return static_cast<double>(std::ranges::count_if(one, [&](int x) { return other.contains(x); }));
}

// The definition's sum over 5,000 depths. Beyond its end the shorter list keeps the agreement it had there,
// and beyond both ends the agreement stays.
double by_definition(const items& a, const items& b, double p) {
  const std::size_t s = std::min(a.size(), b.size()), l = std::max(a.size(), b.size());
  double sum = 0.0, agreement = 0.0;
  for (std::size_t d = 1; d <= 5000; ++d) {
    const auto depth = static_cast<double>(d), end = static_cast<double>(s);
    if (d <= s)
      agreement = common(a, b, d) / depth;
    else if (d <= l)
      agreement = (common(a, b, d) + (depth - end) * common(a, b, s) / end) / depth;
    sum += (1.0 - p) * std::pow(p, depth - 1.0) * agreement;
  }
  return sum;
}

items permuted(random_stream& rng, std::size_t length) {
  items list;
  for (const std::size_t item : rng.permutation(12)) list.push_back(static_cast<int>(item));
  list.resize(length);
  return list;
}

}  // namespace

TEST_CASE("the extrapolated overlap is the sum to infinity") {
  const auto seed = GENERATE(1u, 2u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 60; ++trial) {
    const items a = permuted(rng, 1 + rng.below(10)), b = permuted(rng, 1 + rng.below(10));
    const double p = 0.5 + 0.45 * rng.uniform();
    INFO("trial " << trial << ", p " << p);
    const double value = rank_biased_overlap(a, b, {.p = p});
    CHECK(value == Approx(by_definition(a, b, p)).margin(1e-12));
    CHECK(value == Approx(rank_biased_overlap(b, a, {.p = p})));
    CHECK(value >= 0.0);
    CHECK(value <= 1.0 + 1e-12);
    const std::size_t shorter = std::min(a.size(), b.size());
    double sum = 0.0;
    for (std::size_t d = 1; d <= shorter; ++d)
      sum += (1.0 - p) * std::pow(p, static_cast<double>(d) - 1.0) * common(a, b, d) / static_cast<double>(d);
    CHECK(rank_biased_overlap(a, b, {.p = p, .tail = overlap_tail::none}) == Approx(sum).margin(1e-12));
  }
}

TEST_CASE("values by hand") {
  const overlap_options bare{.p = 0.9, .tail = overlap_tail::none};
  CHECK(rank_biased_overlap(items{1, 2, 3}, items{1, 2, 3}) == Approx(1.0));
  CHECK(rank_biased_overlap(items{1, 2, 3}, items{1, 2, 3}, bare) == Approx(1.0 - 0.9 * 0.9 * 0.9));
  CHECK(rank_biased_overlap(items{7}, items{7}) == Approx(1.0));
  CHECK(rank_biased_overlap(items{7}, items{8}) == 0.0);
  // Agreement 1, 1/2, 1, then 1 for ever.
  CHECK(rank_biased_overlap(items{1, 2, 3}, items{1, 3, 2}) == Approx(0.1 * (1.0 + 0.45 + 0.81) + 0.729));
  // A list and its own beginning agree everywhere.
  CHECK(rank_biased_overlap(items{1, 2}, items{1, 2, 3, 4, 5}) == Approx(1.0));
}

TEST_CASE("a repeat counts at its first place, an empty list is worth 0") {
  CHECK(rank_biased_overlap(items{1, 1}, items{1, 2}, {.p = 0.5}) == Approx(0.5 + 0.25 * 0.5 + 0.25 * 0.5));
  CHECK(rank_biased_overlap(items{1, 1}, items{1, 1}, {.p = 0.5}) == Approx(0.75));
  CHECK(rank_biased_overlap(items{}, items{1}) == 0.0);
  CHECK(rank_biased_overlap(items{1}, items{}) == 0.0);
  CHECK(rank_biased_overlap(items{}, items{}) == 0.0);
}

TEST_CASE("p out of (0, 1) is refused") {
  for (const double p : {0.0, 1.0, -0.5, 2.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(rank_biased_overlap(items{1}, items{1}, {.p = p}),
                      Catch::Matchers::Contains("recllm: rank_biased_overlap: expected p in (0, 1), got "));
}

TEST_CASE("the message's share of the first ten ranks") {
  // Webber, Moffat and Zobel, section 4.5, equation (21): 1 - p^(d-1) + (1-p)/p d (ln 1/(1-p) - sum p^i / i).
  const double p = 0.9;
  double series = 0.0;
  for (int i = 1; i < 10; ++i) series += std::pow(p, i) / i;
  const double weight = 1.0 - std::pow(p, 9) + (1.0 - p) / p * 10.0 * (std::log(1.0 / (1.0 - p)) - series);
  CHECK(weight == Approx(0.86).margin(0.005));
}
