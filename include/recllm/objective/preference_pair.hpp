// What a loss of the DPO family is: a function from the log-probs of two completions to a value and its
// slopes.
//
// A new member is one function or one struct with operator() and its own settings: see any_pair_loss.
#pragma once

#include <algorithm>
#include <cmath>

#include <recllm/core/check.hpp>

namespace recllm {

/// Two completions of one prompt; log-probs are sums over a completion's tokens, nats.
struct pair_log_probs {
  double chosen = 0.0;           ///< under the policy
  double rejected = 0.0;         ///< under the policy
  double ref_chosen = 0.0;       ///< under the reference
  double ref_rejected = 0.0;     ///< under the reference
  double chosen_length = 1.0;    ///< tokens
  double rejected_length = 1.0;  ///< tokens
};

/// The same without a reference: a loss that takes this cannot ask for one.
struct policy_log_probs {
  double chosen = 0.0, rejected = 0.0;
  double chosen_length = 1.0, rejected_length = 1.0;
};

/// Settings that the family shares.
struct pair_options {
  double beta = 0.1;               ///< > 0: how dear it is to leave the reference; scale of the rewards
  double label_smoothing = 0.0;    ///< in [0, 0.5]: share of labels taken to be wrong, by losses that say so
  bool length_normalised = false;  ///< divide each completion's log-ratio by its length (by 1 if it has none)
};

/// A loss, its slopes and the rewards that it implies.
struct pair_loss {
  double value = 0.0;
  double dchosen = 0.0;          ///< with respect to the policy's log-prob of the chosen completion
  double drejected = 0.0;        ///< with respect to that of the rejected one
  double chosen_reward = 0.0;    ///< beta * log-ratio, never length-normalised; the metric, as TRL logs it
  double rejected_reward = 0.0;  ///< the same of the rejected one
};

namespace detail {

/// log(1 + exp(x)) without overflow.
inline double softplus(double x) { return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

inline double sigmoid(double x) {
  return x > 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

/// (1 - share) a + share b; share 0 is a, even where b is infinite.
inline double blend(double share, double a, double b) {
  return share == 0.0 ? a : (1.0 - share) * a + share * b;
}

/// Throws std::invalid_argument for settings out of range.
inline void check(const pair_options& how) {
  require(how.beta > 0.0 && std::isfinite(how.beta), "recllm: pair loss: beta must be > 0, but is ", how.beta,
          "; 0.1 is usual");
  require(how.label_smoothing >= 0.0 && how.label_smoothing <= 0.5,
          "recllm: pair loss: label_smoothing must be in [0, 0.5], but is ", how.label_smoothing,
          "; above 0.5 the labels are the wrong way round: swap chosen and rejected");
}

/// What a completion's log-prob is multiplied by.
inline double share_of(double length, const pair_options& how) {
  return how.length_normalised ? 1.0 / std::max(1.0, length) : 1.0;
}

/// A function of the two completions' log-ratios to the reference, f(chosen, rejected) -> {value, slope,
/// slope}, pulled back to the log-probs.
struct value_and_slopes {
  double value, dchosen, drejected;
};
template <class Function>
pair_loss of_log_ratios(const pair_log_probs& p, const pair_options& how, Function&& f) {
  check(how);
  const double chosen = p.chosen - p.ref_chosen, rejected = p.rejected - p.ref_rejected;
  const double chosen_share = share_of(p.chosen_length, how),
               rejected_share = share_of(p.rejected_length, how);
  const value_and_slopes at = f(chosen * chosen_share, rejected * rejected_share);
  return {at.value, at.dchosen * chosen_share, at.drejected * rejected_share, how.beta * chosen,
          how.beta * rejected};
}

/// The same of their difference, f(margin) -> {value, slope}.
struct value_and_slope {
  double value, slope;
};
template <class Function>
pair_loss of_margin(const pair_log_probs& p, const pair_options& how, Function&& f) {
  return of_log_ratios(p, how, [&](double chosen, double rejected) -> value_and_slopes {
    const value_and_slope at = f(chosen - rejected);
    return {at.value, at.slope, -at.slope};
  });
}

/// -(1 - s) log sigmoid(x) - s log sigmoid(-x): the logistic loss of a label that is wrong with probability
/// s.
inline value_and_slope smoothed_logistic(double x, double s) {
  return {blend(s, softplus(-x), softplus(x)), blend(s, -sigmoid(-x), sigmoid(x))};
}

}  // namespace detail

}  // namespace recllm
