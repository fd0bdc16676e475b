// Means, intervals and paired tests against closed forms and Fisher's analysis of Darwin's maize.
#include <cmath>
#include <vector>

#include <recllm/measure/statistics.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;
using values = std::vector<double>;

TEST_CASE("mean, deviation and standard error by hand") {
  const values v{2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(mean(v) == 5.0);
  CHECK(standard_deviation(v) == Approx(std::sqrt(32.0 / 7.0)));
  CHECK(standard_error(v) == Approx(std::sqrt(32.0 / 7.0 / 8.0)));
  CHECK(mean(values{3}) == 3.0);
  CHECK(standard_deviation(values{3}) == 0.0);
  CHECK(standard_deviation(values{}) == 0.0);
  CHECK(standard_error(values{}) == 0.0);
  CHECK(standard_deviation(values{1e9 + 1, 1e9 + 2, 1e9 + 3}) == Approx(1.0));  // no cancellation
  CHECK_THROWS_WITH(mean(values{}), "recllm: mean: expected at least one value, got none");
}

TEST_CASE("weighted means by hand") {
  CHECK(weighted_mean(values{1, 4}, values{2, 1}) == 2.0);
  CHECK(weighted_mean(values{1, 4}, values{0, 3}) == 4.0);
  CHECK_THROWS_WITH(weighted_mean(values{1}, values{}),
                    "recllm: weighted_mean: expected a weight for each of 1 values, got 0");
  CHECK_THROWS_WITH(weighted_mean(values{1}, values{-1}), Contains("expected weights >= 0, got -1"));
  CHECK_THROWS_WITH(weighted_mean(values{1}, values{0}), Contains("expected a weight above 0"));
  CHECK_THROWS_WITH(weighted_mean(values{}, values{}), Contains("expected a weight above 0"));
}

TEST_CASE("the bootstrap of two values has three means") {
  // 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
  const values v{0, 1};
  const interval wide = bootstrap_interval(v), narrow = bootstrap_interval(v, {.confidence = 0.4});
  CHECK(wide.low == 0.0);
  CHECK(wide.high == 1.0);
  CHECK(narrow.low == 0.5);
  CHECK(narrow.high == 0.5);
  const interval sure = bootstrap_interval(values{3});
  CHECK(sure.low == 3.0);
  CHECK(sure.high == 3.0);
}

TEST_CASE("the bootstrap's interval of many normal values is the normal one") {
  random_stream rng(21);
  INFO("seed 21");
  values v(400);
  for (double& x : v) x = 10.0 + 2.0 * rng.normal();
  const interval i = bootstrap_interval(v, {.resamples = 4000, .seed = 5});
  CHECK(i.low == Approx(mean(v) - 1.96 * standard_error(v)).margin(0.1 * standard_error(v)));
  CHECK(i.high == Approx(mean(v) + 1.96 * standard_error(v)).margin(0.1 * standard_error(v)));
}

TEST_CASE("same seed, same figures") {
  const values v{1, 5, 2, 8, 3}, w{2, 4, 2, 9, 1};
  CHECK(bootstrap_interval(v, {.seed = 7}).low == bootstrap_interval(v, {.seed = 7}).low);
  const permutation_options few{.permutations = 10, .seed = 7};
  CHECK(paired_permutation_test(v, w, few) == paired_permutation_test(v, w, few));
}

TEST_CASE("Darwin's maize: Fisher's randomisation test") {
  // Differences in eighths of an inch between crossed and self-fertilised plants of 15 pots. Fisher, The
  // Design of Experiments (1935), section 21: 863 of the 2^15 sign patterns sum to at least the observed 314,
  // so 1726 two-sided.
  const values differences{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
  const values zeros(differences.size(), 0.0);
  CHECK(paired_permutation_test(differences, zeros, {.permutations = 32768}) ==
        Approx(1726.0 / 32768.0).epsilon(1e-12));
  CHECK(paired_permutation_test(zeros, differences, {.permutations = 32768}) ==
        Approx(1726.0 / 32768.0).epsilon(1e-12));
  CHECK(paired_permutation_test(differences, zeros, {.permutations = 20000}) ==
        Approx(1726.0 / 32768.0).margin(0.006));
}

TEST_CASE("few users: the exact share of sign patterns") {
  CHECK(paired_permutation_test(values{1, 2, 3}, values{0, 0, 0}) == Approx(2.0 / 8.0));
  CHECK(paired_permutation_test(values{0.1, 0.2, 0.3}, values{0.0, 0.0, 0.6}) == Approx(1.0));  // a mean of 0
  CHECK(paired_permutation_test(values{0.1}, values{0.3}) == 1.0);
  CHECK(paired_permutation_test(values{4, 4}, values{4, 4}) == 1.0);
}

TEST_CASE("many users: a drawn p is small for a clear difference and never 0") {
  random_stream rng(22);
  INFO("seed 22");
  values a(200), b(200), noise(200);
  for (std::size_t i = 0; i < a.size(); ++i) {
    b[i] = rng.normal();
    a[i] = b[i] + 0.5 + 0.5 * rng.normal();
    noise[i] = b[i] + 0.5 * rng.normal();
  }
  const double clear = paired_permutation_test(a, b, {.permutations = 999});
  CHECK(clear == Approx(1.0 / 1000.0));
  CHECK(paired_permutation_test(noise, b, {.permutations = 999}) > 0.01);
}

TEST_CASE("settings and shapes out of range are refused") {
  const values one{1}, two{1, 2}, none;
  CHECK_THROWS_WITH(bootstrap_interval(none), Contains("bootstrap_interval: expected at least one value"));
  CHECK_THROWS_WITH(bootstrap_interval(one, {.resamples = 0}), Contains("expected resamples > 0"));
  CHECK_THROWS_WITH(bootstrap_interval(one, {.confidence = 1.0}),
                    Contains("expected a confidence in (0, 1), got 1"));
  CHECK_THROWS_WITH(paired_permutation_test(one, two),
                    Contains("same users, at least one, got 1 and 2 values"));
  CHECK_THROWS_WITH(paired_permutation_test(none, none), Contains("got 0 and 0 values"));
  CHECK_THROWS_WITH(paired_permutation_test(one, one, {.permutations = 0}),
                    Contains("expected permutations > 0"));
}

TEST_CASE("scipy's figures") {
  // scipy 1.17.1: x = numpy.array([.1, .5, 0, .3, .9, .2, .2, .7, .4, .6]), y likewise;
  //   scipy.stats.permutation_test((x - y,), numpy.mean, permutation_type="samples", n_resamples=numpy.inf)
  //   scipy.stats.bootstrap((x,), numpy.mean, method="percentile", n_resamples=1000000, rng=1)
  const values x{.1, .5, 0, .3, .9, .2, .2, .7, .4, .6}, y{.2, .1, 0, .1, .5, .3, 0, .5, .1, .4};
  CHECK(paired_permutation_test(x, y) == Approx(0.03125).epsilon(1e-12));
  const interval i = bootstrap_interval(x, {.resamples = 200000});
  CHECK(i.low == Approx(0.229999).margin(0.004));
  CHECK(i.high == Approx(0.56).margin(0.004));
}

TEST_CASE("Holm's correction") {
  // By hand: 4 * 0.01, then 3 * 0.02; 2 * 0.03 and 1 * 0.04 are raised to what came before.
  const auto even = holm(values{0.01, 0.02, 0.03, 0.04});
  CHECK(even[0] == Approx(0.04));
  CHECK(even[1] == Approx(0.06));
  CHECK(even[2] == Approx(0.06));
  CHECK(even[3] == Approx(0.06));
  const auto mixed = holm(values{0.5, 0.001, 0.9});
  CHECK(mixed[0] == 1.0);
  CHECK(mixed[1] == Approx(0.003));
  CHECK(mixed[2] == 1.0);
  CHECK(holm(values{}).empty());
  CHECK_THROWS_WITH(holm(values{1.5}), "recllm: holm: expected p-values in [0, 1], got 1.5");
}
