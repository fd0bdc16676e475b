// The loops of policy_loss() over one row's tokens: short ones, so that each keeps to the processor's
// registers.
#pragma once

#include <cmath>
#include <concepts>

#include <recllm/core/types.hpp>
#include <recllm/objective/divergence.hpp>
#include <recllm/objective/lanes.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_options.hpp>
#include <recllm/objective/surrogate.hpp>

namespace recllm::detail {

/// One row of a batch: where its tokens lie; null for what there is none of.
template <std::floating_point S>
struct row_pointers {
  const S *log_probs, *old, *ref, *advantages, *weights, *importance, *entropies, *entropy_weights;

  row_pointers(const token_batch<S>& b, Eigen::Index row)
      : log_probs(at(b.log_probs, row)),
        old(at(b.old_log_probs, row)),
        ref(at(b.ref_log_probs, row)),
        advantages(at(b.advantages, row)),
        weights(at(b.weights, row)),
        importance(at(b.importance, row)),
        entropies(at(b.entropies, row)),
        entropy_weights(b.entropy_weights.size() == 0 ? weights : at(b.entropy_weights, row)) {}

 private:
  static const S* at(const token_view<S>& m, Eigen::Index row) {
    return m.size() == 0 ? nullptr : m.data() + row * m.outerStride();
  }
};

/// The log-ratio that all tokens of a completion share, before it is limited: the mean over those with
/// weight.
template <std::floating_point S>
[[nodiscard]] double mean_log_ratio(const row_pointers<S>& row, Eigen::Index count) {
  double sum = 0.0, tokens = 0.0;
  const auto add = [&]<class X>(Eigen::Index first, Eigen::Index last) {
    X ratios, counted;
    for (Eigen::Index t = first; t < last; t += X::size) {
      const auto skipped = X::load(row.weights + t) == 0.0;
      ratios += drop_if(skipped, X::load(row.log_probs + t) - X::load(row.old + t));
      counted += drop_if(skipped, X(1.0));
    }
    sum += ratios.sum();
    tokens += counted.sum();
  };
  using wide = lanes<S, true>;
  add.template operator()<wide>(0, count - count % wide::size);
  add.template operator()<lanes<S, false>>(count - count % wide::size, count);
  return tokens == 0.0 ? 0.0 : sum / tokens;
}

/// d clamped as log_ratio_limit says; completions' log-ratios from above only.
template <class X>
[[nodiscard, gnu::always_inline]] inline X limited(X d, const policy_loss_options& how) {
  if (!how.log_ratio_limit) return d;
  const X most = *how.log_ratio_limit;
  return how.level == ratio_level::token ? limit(d, -most, most) : select(d > most, most, d);
}

/// Sums over a row, in as many parts as there are lanes.
template <class X>
struct row_sums {
  X loss, tokens, ratio, kl, approx_kl, low, high, capped, entropy, pull;

  template <class Evaluation>
  void add_to(Evaluation& all) const {
    all.loss += loss.sum();
    all.tokens += tokens.sum();
    all.ratio += ratio.sum();
    all.kl += kl.sum();
    all.approx_kl += approx_kl.sum();
    all.clipped_low += low.sum();
    all.clipped_high += high.sum();
    all.capped += capped.sum();
    all.entropy += entropy.sum();
  }
};

/// Adds the surrogate and the divergence of a row's tokens first, ..., last - 1: loss, slopes and counts.
/// `shared` is the log-ratio of the whole completion, where it has one. Returns the sum of the slopes that
/// its tokens share. Nothing but `slope` is written in the loop, so that sums and settings stay in registers.
template <class X, class S, Surrogate T>
double add_tokens(const row_pointers<S> row, Eigen::Index first, Eigen::Index last,
                  const policy_loss_options how, const T surrogate, double shared, evaluation<S>& e,
                  S* slope) {
  const bool alone = how.level == ratio_level::token;
  const bool shares = T::through_ratio && how.level == ratio_level::sequence;
  const bool stops = T::through_ratio && how.log_ratio_limit;
  const bool outside = how.counting == clip_counting::outside;
  const ratio_bounds bounds = surrogate.bounds();
  const bool bounded = bounds.low > 0.0 || std::isfinite(bounds.high) || std::isfinite(bounds.cap);
  const X low = bounds.low, high = bounds.high, cap = bounds.cap, kl_coef = how.kl_coef;
  const exponential<X> of_all = exponential_of(limited(X(shared), how));
  row_sums<X> all;
  for (Eigen::Index t = first; t < last; t += X::size) {
    const X weight = X::load(row.weights + t), log_prob = X::load(row.log_probs + t);
    const auto skipped = weight == 0.0;
    const X one = drop_if(skipped, X(1.0)), advantage = drop_if(skipped, X::load(row.advantages + t));
    all.tokens += one;
    X ratio = 1.0, log_ratio = 0.0;
    if (row.old) {
      log_ratio = alone ? drop_if(skipped, log_prob - X::load(row.old + t)) : X(shared);
      const exponential<X> now = alone ? exponential_of(limited(log_ratio, how)) : of_all;
      ratio = now.value;
      if (bounded) {
        const auto loses = advantage < 0.0, below = ratio<low, above = ratio> high;
        all.low += keep_if(outside ? below : below & loses, one);
        all.high += keep_if(outside ? above : above & (advantage > 0.0), one);
        all.capped += keep_if(loses & (ratio > cap), one);
      }
      all.ratio += drop_if(skipped, ratio);
      all.approx_kl += drop_if(skipped, now.beyond_linear);
    }
    const token_loss<X> earned = surrogate(ratio, drop_if(skipped, log_prob), advantage);
    const X share = row.importance ? weight * drop_if(skipped, X::load(row.importance + t)) : weight;
    all.loss += share * earned.value;
    X pull = share * earned.slope;
    if (stops)
      pull = drop_if((log_ratio > *how.log_ratio_limit) | (limited(log_ratio, how) > log_ratio), pull);
    if (shares) {
      all.pull += pull;
      pull = 0.0;
    }
    if (row.ref) {
      const token_loss<X> apart =
          divergence_at(drop_if(skipped, log_prob - X::load(row.ref + t)), how.kl_estimator);
      all.kl += apart.value;
      if (how.kl_coef != 0.0) {
        all.loss += weight * kl_coef * apart.value;
        pull += weight * kl_coef * apart.slope;
      }
    }
    pull.store(slope + t);
  }
  all.add_to(e);
  return all.pull.sum();
}

/// The same of a whole row.
template <std::floating_point S, Surrogate T>
void add_row(const row_pointers<S>& row, Eigen::Index count, const policy_loss_options& how,
             const T& surrogate, evaluation<S>& e, S* slope) {
  using wide = lanes<S, true>;
  const Eigen::Index most = count - count % wide::size;
  const double before = e.tokens,
               shared = row.old && how.level != ratio_level::token ? mean_log_ratio(row, count) : 0.0;
  double pull = add_tokens<wide>(row, 0, most, how, surrogate, shared, e, slope);
  pull += add_tokens<lanes<S, false>>(row, most, count, how, surrogate, shared, e, slope);
  const double tokens = e.tokens - before;
  if (T::through_ratio && how.level == ratio_level::sequence && tokens > 0.0)
    for (Eigen::Index t = 0; t < count; ++t)
      if (row.weights[t] != S(0)) slope[t] += static_cast<S>(pull / tokens);
}

/// Adds the entropies of a row's tokens first, ..., last - 1 to the tally and, unless coef is 0, to loss and
/// slope.
template <class X, class S>
void add_entropies(const row_pointers<S>& row, Eigen::Index first, Eigen::Index last, double coef,
                   evaluation<S>& e, S* slope) {
  row_sums<X> all;
  for (Eigen::Index t = first; t < last; t += X::size) {
    const X entropy = X::load(row.entropies + t);
    all.entropy += drop_if(X::load(row.weights + t) == 0.0, entropy);
    if (coef == 0.0) continue;
    const X weight = X::load(row.entropy_weights + t), share = weight * X(-coef);
    all.loss += drop_if(weight == 0.0, share * entropy);
    share.store(slope + t);
  }
  all.add_to(e);
}

/// The same of a whole row.
template <std::floating_point S>
void add_entropy(const row_pointers<S>& row, Eigen::Index count, double coef, evaluation<S>& e, S* slope) {
  using wide = lanes<S, true>;
  const Eigen::Index most = count - count % wide::size;
  add_entropies<wide>(row, 0, most, coef, e, slope);
  add_entropies<lanes<S, false>>(row, most, count, coef, e, slope);
}

}  // namespace recllm::detail
