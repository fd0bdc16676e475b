// Means with their uncertainty, and whether two runs over the same users differ. Seeded: same seed, same
// figures.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>

namespace recllm::measure {

/// The arithmetic mean. Throws std::invalid_argument where there is no value.
[[nodiscard]] inline double mean(std::span<const double> values) {
  require(!values.empty(), "recllm: mean: expected at least one value, got none");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// sum w x / sum w. Throws std::invalid_argument where the lengths differ, a weight is negative or NaN, or
/// they sum to 0.
[[nodiscard]] inline double weighted_mean(std::span<const double> values, std::span<const double> weights) {
  require(values.size() == weights.size(), "recllm: weighted_mean: expected a weight for each of ",
          values.size(), " values, got ", weights.size());
  double sum = 0.0, total = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(weights[i] >= 0.0, "recllm: weighted_mean: expected weights >= 0, got ", weights[i]);
    sum += weights[i] * values[i];
    total += weights[i];
  }
  require(total > 0.0, "recllm: weighted_mean: expected a weight above 0, got none");
  return sum / total;
}

/// The sample's deviation, sqrt(sum (x - mean)^2 / (n - 1)); 0 for fewer than two values.
[[nodiscard]] inline double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0.0;
  const double centre = mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

/// The standard error of the mean, deviation / sqrt(n); 0 for fewer than two values.
[[nodiscard]] inline double standard_error(std::span<const double> values) {
  return values.empty() ? 0.0 : standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

/// A closed interval.
struct interval {
  double low = 0.0;
  double high = 0.0;
};

/// Settings of bootstrap_interval().
struct bootstrap_options {
  std::size_t resamples = 2000;  ///< > 0
  double confidence = 0.95;      ///< in (0, 1)
  std::uint64_t seed = 0;
};

/// The percentile bootstrap's confidence interval of the mean: the quantiles (1 -+ confidence) / 2,
/// interpolated between order statistics, of the means of samples drawn with replacement. Throws
/// std::invalid_argument for no value or settings out of range. Source: Efron, Annals of Statistics 7 (1979);
/// Efron and Tibshirani 1993, ch. 13.
[[nodiscard]] inline interval bootstrap_interval(std::span<const double> values,
                                                 const bootstrap_options& options = {}) {
  require(!values.empty(), "recllm: bootstrap_interval: expected at least one value, got none");
  require(options.resamples > 0, "recllm: bootstrap_interval: expected resamples > 0, got 0");
  require(options.confidence > 0.0 && options.confidence < 1.0,
          "recllm: bootstrap_interval: expected a confidence in (0, 1), got ", options.confidence);
  random_stream rng(options.seed);
  std::vector<double> means(options.resamples);
  for (double& one : means) {
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[rng.below(values.size())];
    one = sum / static_cast<double>(values.size());
  }
  std::ranges::sort(means);
  const auto quantile = [&](double share) {
    const double place = share * static_cast<double>(means.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, means.size() - 1);
    return std::lerp(means[below], means[above], place - static_cast<double>(below));
  };
  return {quantile((1.0 - options.confidence) / 2.0), quantile((1.0 + options.confidence) / 2.0)};
}

/// Settings of paired_permutation_test().
struct permutation_options {
  std::size_t permutations =
      10000;  ///< > 0; all 2^n sign patterns are taken, exactly, where they are no more
  std::uint64_t seed = 0;
};

/// The two-sided p-value that `a` and `b`, one value each a user in the same order, have the same mean: the
/// share of sign patterns of the differences a[i] - b[i] whose mean is at least as far from 0. Drawn patterns
/// count the observed one too, so p > 0; no difference: 1. Throws std::invalid_argument where the lengths
/// differ or are 0. Source: Fisher's randomisation test; Smucker, Allan and Carterette, CIKM 2007.
[[nodiscard]] inline double paired_permutation_test(std::span<const double> a, std::span<const double> b,
                                                    const permutation_options& options = {}) {
  require(a.size() == b.size() && !a.empty(),
          "recllm: paired_permutation_test: expected two runs over the same users, at least one, got ",
          a.size(), " and ", b.size(), " values");
  require(options.permutations > 0, "recllm: paired_permutation_test: expected permutations > 0, got 0");
  std::vector<double> differences(a.size());
  std::ranges::transform(a, b, differences.begin(), std::minus<>{});
  std::erase(differences, 0.0);  // they add nothing, whatever their sign

  double scale = 0.0;
  for (const double d : differences) scale += std::abs(d);
  const double observed = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0));
  const double reached = observed - 1e-12 * scale;  // patterns that tie with the observed one must count

  const std::size_t n = differences.size();
  const bool exact = n < 63 && (std::uint64_t{1} << n) <= options.permutations;
  const std::uint64_t patterns = exact ? std::uint64_t{1} << n : options.permutations;
  random_stream rng(options.seed);
  std::uint64_t far = 0;
  for (std::uint64_t pattern = 0; pattern < patterns; ++pattern) {
    double sum = 0.0;
    std::uint64_t signs = pattern;
    for (std::size_t i = 0; i < n; ++i) {
      if (!exact && i % 64 == 0) signs = rng.bits();
      sum += (signs >> (i % 64)) & 1 ? -differences[i] : differences[i];
    }
    far += std::abs(sum) >= reached ? 1 : 0;
  }
  return exact ? static_cast<double>(far) / static_cast<double>(patterns)
               : static_cast<double>(far + 1) / static_cast<double>(patterns + 1);
}

/// The p-values of several tests, corrected so that the chance of any false finding among them stays what it
/// is for one: sorted ascending, p_(i) becomes max over j <= i of min(1, (n - j + 1) p_(j)). In the given
/// order. Throws std::invalid_argument for a p out of [0, 1]. Source: Holm, Scandinavian Journal of
/// Statistics 6 (1979).
[[nodiscard]] inline std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const double one : p)
    require(one >= 0.0 && one <= 1.0, "recllm: holm: expected p-values in [0, 1], got ", one);
  std::ranges::sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> corrected(p.size());
  double most = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, static_cast<double>(order.size() - i) * p[order[i]]));
    corrected[order[i]] = most;
  }
  return corrected;
}

}  // namespace recllm::measure
