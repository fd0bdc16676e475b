// Exposure of a catalogue: counts, and the Gini index against its pairwise definition.
#include <cmath>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/exposure.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using counts = std::vector<double>;

TEST_CASE("the exposure of a catalogue counts items never shown as 0") {
  exposure<std::string> shown;
  CHECK(shown.counts(2) == counts{0, 0});
  CHECK(shown.counts(0).empty());
  shown.add(std::vector<std::string>{"Heat", "Alien", "Heat"});
  shown.add(std::vector<std::string>{"Heat"});
  shown.add(std::vector<std::string>{});
  CHECK(shown.distinct() == 2);
  CHECK(shown.counts(4) == counts{0, 0, 1, 3});
  CHECK(shown.counts(2) == counts{1, 3});
  CHECK_THROWS_WITH(
      shown.counts(1),
      "recllm: exposure: expected a catalogue of at least 2 items, the different ones that were "
      "added, got 1");
}

TEST_CASE("Gini indices by hand") {
  CHECK(gini(counts{1, 2, 3, 4}) == Approx(0.25));
  CHECK(gini(counts{4, 1, 3, 2}) == Approx(0.25));
  CHECK(gini(counts{0, 0, 0, 5}) == Approx(0.75));
  CHECK(gini(counts{0, 0, 0, 5}, {.divisor = gini_divisor::n_minus_one}) == Approx(1.0));
  CHECK(gini(std::vector<int>{1, 3}) == Approx(0.25));
  CHECK(gini(counts{1, 2, 3, 4}, {.high_is_even = true}) == Approx(0.75));
  CHECK(gini(counts{7, 7, 7}) == 0.0);
  CHECK(gini(counts{7, 7}, {.high_is_even = true}) == 1.0);
  CHECK(gini(counts{7}) == 0.0);
  CHECK(gini(counts{7}, {.divisor = gini_divisor::n_minus_one}) == 0.0);
  CHECK(gini(counts{0, 0}) == 0.0);
  CHECK(gini(counts{}) == 0.0);
  CHECK_THROWS_WITH(gini(counts{1, -2}), "recllm: gini: expected counts >= 0, got -2");
  CHECK_THROWS_WITH(gini(counts{std::nan("")}), Catch::Matchers::Contains("gini: expected counts >= 0"));
}

TEST_CASE("the Gini index is half the relative mean difference") {
  random_stream rng(11);
  INFO("seed 11");
  for (int trial = 0; trial < 200; ++trial) {
    counts x(2 + rng.below(8));
    double total = 1.0, differences = 0.0;
    for (double& count : x) count = static_cast<double>(rng.below(5));
    x[0] += 1.0;
    total = 0.0;
    for (const double one : x) {
      total += one;
      for (const double other : x) differences += std::abs(one - other);
    }
    const auto n = static_cast<double>(x.size());
    CHECK(gini(x) == Approx(differences / (2.0 * n * total)).margin(1e-12));
    CHECK(gini(x, {.divisor = gini_divisor::n_minus_one}) == Approx(gini(x) * n / (n - 1.0)).margin(1e-12));
  }
}
