// A loss at each token and its slope: the way to an objective of your own where policy_loss() is not enough.
#pragma once

#include <concepts>

#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm {

/// A loss at each token and its derivative with respect to that token's log-prob, both B x T.
template <std::floating_point S>
struct token_term {
  token_matrix<S> value;
  token_matrix<S> slope;

  token_term& operator+=(const token_term& other) {
    value += other.value;
    slope += other.slope;
    return *this;
  }
  [[nodiscard]] friend token_term operator*(double factor, const token_term& term) {
    return {term.value * static_cast<S>(factor), term.slope * static_cast<S>(factor)};
  }
};

/// Loss = sum of weight * value, and its slope. A token of weight 0 adds exactly 0, whatever its log-probs.
template <std::floating_point S>
[[nodiscard]] evaluation<S> weighted_sum(const token_term<S>& term, const token_batch<S>& b) {
  detail::require_shape(b, b.weights, "weighted_sum", "weights");
  evaluation<S> e;
  e.loss = (b.weights != S(0)).select(b.weights * term.value, S(0)).template cast<double>().sum();
  e.dloss_dlogp = (b.weights != S(0)).select(b.weights * term.slope, S(0));
  return e;
}

}  // namespace recllm
