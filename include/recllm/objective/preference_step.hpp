// Losses that compare the pairs of a step with each other: aot, aot_unpaired, bco with a shift from the data.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include <recllm/objective/preference_pair.hpp>
#include <recllm/objective/preference_sides.hpp>

namespace recllm {

namespace detail {

/// The numbers of `values` from the smallest to the largest; equal ones keep their order. No NaN.
inline std::vector<std::size_t> ascending(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  return order;
}

inline bool any_nan(const std::vector<double>& values) {
  return std::ranges::any_of(values, [](double x) { return std::isnan(x); });
}

/// The logistic loss of upper - lower, both sorted. `add(i, j, slope)` is told the slope for upper[i] and
/// minus lower[j], which meet. Value k is that of rank k; all are NaN where an input is.
template <class Add>
void match_sorted(const std::vector<double>& upper, const std::vector<double>& lower, const pair_options& how,
                  std::vector<pair_loss>& losses, Add&& add) {
  if (any_nan(upper) || any_nan(lower)) {
    for (pair_loss& l : losses) l.value = l.dchosen = l.drejected = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  const std::vector<std::size_t> i = ascending(upper), j = ascending(lower);
  for (std::size_t k = 0; k < losses.size(); ++k) {
    const auto [value, slope] =
        smoothed_logistic(how.beta * (upper[i[k]] - lower[j[k]]), how.label_smoothing);
    losses[k].value = value;
    add(i[k], j[k], how.beta * slope);
  }
}

/// One element a pair with its rewards filled in.
inline std::vector<pair_loss> rewards_of(std::span<const pair_log_probs> pairs, const pair_options& how) {
  check(how);
  std::vector<pair_loss> losses(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    losses[i].chosen_reward = how.beta * (pairs[i].chosen - pairs[i].ref_chosen);
    losses[i].rejected_reward = how.beta * (pairs[i].rejected - pairs[i].ref_rejected);
  }
  return losses;
}

}  // namespace detail

/// sigmoid_loss (smoothed alike) of the k-th smallest margin log pi(chosen) - log pi(rejected) against the
/// k-th smallest of the reference, k = 1, ..., n: the policy's margins shall dominate in distribution. Melnyk
/// et al., AOT, arXiv 2406.05882 (paired). `value` of element k is that of rank k, in TRL's order;
/// slopes and rewards of element i belong to pair i. Equal values keep their order.
[[nodiscard]] inline std::vector<pair_loss> aot_loss(std::span<const pair_log_probs> pairs,
                                                     const pair_options& how) {
  std::vector<pair_loss> losses = detail::rewards_of(pairs, how);
  std::vector<double> margins, ref_margins;
  for (const pair_log_probs& p : pairs) {
    const double chosen_share = detail::share_of(p.chosen_length, how);
    const double rejected_share = detail::share_of(p.rejected_length, how);
    margins.push_back(p.chosen * chosen_share - p.rejected * rejected_share);
    ref_margins.push_back(p.ref_chosen * chosen_share - p.ref_rejected * rejected_share);
  }
  detail::match_sorted(margins, ref_margins, how, losses, [&](std::size_t i, std::size_t, double slope) {
    losses[i].dchosen = slope * detail::share_of(pairs[i].chosen_length, how);
    losses[i].drejected = -slope * detail::share_of(pairs[i].rejected_length, how);
  });
  return losses;
}

/// The same of the k-th smallest log-ratio to the reference among the chosen completions against the k-th
/// smallest among the rejected: who was paired with whom does not matter. Melnyk et al., AOT, arXiv
/// 2406.05882 (unpaired).
[[nodiscard]] inline std::vector<pair_loss> aot_unpaired_loss(std::span<const pair_log_probs> pairs,
                                                              const pair_options& how) {
  std::vector<pair_loss> losses = detail::rewards_of(pairs, how);
  std::vector<double> chosen, rejected;
  for (const pair_log_probs& p : pairs) {
    chosen.push_back((p.chosen - p.ref_chosen) * detail::share_of(p.chosen_length, how));
    rejected.push_back((p.rejected - p.ref_rejected) * detail::share_of(p.rejected_length, how));
  }
  detail::match_sorted(chosen, rejected, how, losses, [&](std::size_t i, std::size_t j, double slope) {
    losses[i].dchosen = slope * detail::share_of(pairs[i].chosen_length, how);
    losses[j].drejected = -slope * detail::share_of(pairs[j].rejected_length, how);
  });
  return losses;
}

/// The mean of all rewards seen so far, chosen and rejected: BCO's shift as TRL keeps it. Rewards are those
/// that the loss compares, by length where length_normalised.
struct reward_shift {
  double mean = 0.0;
  double count = 0.0;  ///< rewards that it is the mean of

  /// The mean with `rewards` more rewards of mean `their_mean`.
  [[nodiscard]] reward_shift with(double their_mean, double rewards) const {
    if (rewards == 0.0) return *this;
    return {mean + (their_mean - mean) * rewards / (count + rewards), count + rewards};
  }
};

/// bco_loss with delta = the mean of all rewards of this step and of those before it, taken as a constant.
/// Jung et al., BCO, arXiv 2404.04656. State stays with who trains: a lambda that calls `bco_step_loss{seen}`
/// is a loss, and with() takes each step's mean reward in.
struct bco_step_loss {
  reward_shift before{};  ///< of earlier steps; none = this step's rewards alone

  [[nodiscard]] std::vector<pair_loss> operator()(std::span<const pair_log_probs> pairs,
                                                  const pair_options& how) const {
    double sum = 0.0;
    for (const pair_log_probs& p : pairs)
      sum += how.beta * ((p.chosen - p.ref_chosen) * detail::share_of(p.chosen_length, how) +
                         (p.rejected - p.ref_rejected) * detail::share_of(p.rejected_length, how));
    const double rewards = 2.0 * static_cast<double>(pairs.size());
    const bco_loss loss{.delta = before.with(rewards == 0.0 ? 0.0 : sum / rewards, rewards).mean};
    std::vector<pair_loss> losses;
    for (const pair_log_probs& p : pairs) losses.push_back(loss(p, how));
    return losses;
  }
};

}  // namespace recllm
