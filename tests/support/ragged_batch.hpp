// Random batches of completions of unequal length, and the oracles for what objectives make of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include <recllm/core/random.hpp>
#include <recllm/objective/objective.hpp>

#include "support/catch.hpp"

namespace recllm::test {

using matrix = token_matrix<double>;

/// B x T. Row 0 has T tokens, row 1 has one, row 2 none, the others any number.
struct ragged_batch {
  matrix mask, log_probs, old_log_probs, ref_log_probs, advantages;

  [[nodiscard]] token_batch<double> at(const matrix& policy, const matrix& weights) const {
    return {policy, old_log_probs, ref_log_probs, advantages, weights};
  }
};

/// Ratios stay at least 0.02 away from the clip edges of the tests (0.8, 1.2, 1.28), where losses have a
/// kink.
inline ragged_batch random_batch(std::uint64_t seed, Eigen::Index rows = 13, Eigen::Index columns = 9) {
  random_stream rng(seed);
  const matrix none = matrix::Zero(rows, columns);
  ragged_batch b{none, none, none, none, none};
  for (Eigen::Index row = 0; row < rows; ++row) {
    Eigen::Index length = static_cast<Eigen::Index>(rng.below(static_cast<std::size_t>(columns) + 1));
    if (row < 3) length = std::array<Eigen::Index, 3>{columns, 1, 0}[static_cast<std::size_t>(row)];
    const double advantage = rng.normal();
    for (Eigen::Index t = 0; t < length; ++t) {
      const auto near_edge = [](double log_ratio) {
        for (const double edge : {0.8, 1.2, 1.28})
          if (std::abs(std::exp(log_ratio) - edge) < 0.02) return true;
        return false;
      };
      double log_ratio = 0.3 * rng.normal();
      while (near_edge(log_ratio)) log_ratio = 0.3 * rng.normal();
      b.mask(row, t) = 1.0;
      b.log_probs(row, t) = -0.01 - 2.0 * std::abs(rng.normal());
      b.old_log_probs(row, t) = b.log_probs(row, t) - log_ratio;
      b.ref_log_probs(row, t) = b.log_probs(row, t) + 0.5 * rng.normal();
      b.advantages(row, t) = advantage;
    }
  }
  return b;
}

/// The gradient of `f`, a function of a matrix, by the five-point rule; its error is of order 1e-12.
template <class Function>
matrix numeric_gradient(Function&& f, const matrix& at) {
  constexpr double h = 1e-3;
  matrix gradient(at.rows(), at.cols());
  for (Eigen::Index i = 0; i < at.rows(); ++i)
    for (Eigen::Index j = 0; j < at.cols(); ++j) {
      const auto shifted = [&](double by) -> double {
        matrix x = at;
        x(i, j) += by;
        return f(x);
      };
      gradient(i, j) = (shifted(-2 * h) - 8 * shifted(-h) + 8 * shifted(h) - shifted(2 * h)) / (12 * h);
    }
  return gradient;
}

/// Largest difference, relative to the largest entry of `expected`.
inline double relative_error(const matrix& got, const matrix& expected) {
  return (got - expected).abs().maxCoeff() / expected.abs().maxCoeff();
}

/// Compares the slope of an objective with numeric_gradient on random batches.
template <class O>
void check_gradient(const O& objective, Eigen::Index rows = 13) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const ragged_batch b = random_batch(seed, rows);
    const matrix weights = objective.weights(b.mask);
    const matrix slope = objective(b.at(b.log_probs, weights)).dloss_dlogp;
    const auto loss = [&](const matrix& policy) { return objective(b.at(policy, weights)).loss; };
    CHECK(relative_error(slope, numeric_gradient(loss, b.log_probs)) < 1e-8);
    CHECK((slope * (1.0 - b.mask) == 0.0).all());
  }
}

/// Loss, slope and tallies of a step must not depend on how its rows are split into micro-batches.
template <class S, class O>
void check_splits(const O& objective, std::initializer_list<Eigen::Index> sizes, double tolerance) {
  const ragged_batch b = random_batch(7, 24);
  const token_matrix<S> policy = b.log_probs.cast<S>(), old = b.old_log_probs.cast<S>(),
                        ref = b.ref_log_probs.cast<S>(), advantages = b.advantages.cast<S>(),
                        mask = b.mask.cast<S>();
  const token_matrix<S> weights = objective.weights(mask);
  const evaluation<S> whole = objective(token_batch<S>{policy, old, ref, advantages, weights});
  for (const Eigen::Index size : sizes) {
    INFO("micro-batches of " << size << " rows");
    tally sums;
    double loss = 0.0;
    token_matrix<S> slope(mask.rows(), mask.cols());
    for (Eigen::Index first = 0; first < mask.rows(); first += size) {
      const Eigen::Index count = std::min(size, mask.rows() - first);
      const evaluation<S> part = objective(token_batch<S>{
          policy.middleRows(first, count), old.middleRows(first, count), ref.middleRows(first, count),
          advantages.middleRows(first, count), weights.middleRows(first, count)});
      slope.middleRows(first, count) = part.dloss_dlogp;
      loss += part.loss;
      sums += part;
    }
    CHECK(loss == Approx(whole.loss).margin(tolerance));
    CHECK(static_cast<double>((slope - whole.dloss_dlogp).abs().maxCoeff()) <= tolerance);
    CHECK(sums.tokens == whole.tokens);
    CHECK(sums.kl == Approx(whole.kl));
    CHECK(sums.clipped_low == whole.clipped_low);
    CHECK(sums.clipped_high == whole.clipped_high);
    CHECK(sums.pairs == whole.pairs);
    CHECK(sums.chosen_reward == Approx(whole.chosen_reward));
  }
}

/// A matrix written out row by row.
inline matrix rows_of(std::initializer_list<std::initializer_list<double>> rows) {
  matrix m(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(rows.begin()->size()));
  Eigen::Index i = 0;
  for (const auto& row : rows) {
    Eigen::Index j = 0;
    for (const double x : row) m(i, j++) = x;
    ++i;
  }
  return m;
}

}  // namespace recllm::test
