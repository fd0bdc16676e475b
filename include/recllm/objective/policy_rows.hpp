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
  for (Eigen::Index t = 0; t < count; ++t)
    if (row.weights[t] != S(0)) {
      sum += static_cast<double>(row.log_probs[t]) - static_cast<double>(row.old[t]);
      tokens += 1.0;
    }
  return tokens == 0.0 ? 0.0 : sum / tokens;
}

/// d clamped as log_ratio_limit says; completions' log-ratios from above only.
template <class X>
[[nodiscard]] X limited(X d, const policy_loss_options& how) {
  if (!how.log_ratio_limit) return d;
  const X most = *how.log_ratio_limit;
  return how.level == ratio_level::token ? limit(d, -most, most) : select(d > most, most, d);
}

/// What is made of a row before its terms, 0 where the weight is: exponentials alone keep the registers busy.
template <std::floating_point S>
struct row_work {
  using numbers = Eigen::Array<S, 1, Eigen::Dynamic>;
  numbers log_ratio, ratio;  ///< before it is limited; after
  numbers apart, exp_apart;  ///< log_probs - ref; exp(divergence_exponent)

  explicit row_work(Eigen::Index count) : log_ratio(count), ratio(count), apart(count), exp_apart(count) {}

  void fill(const row_pointers<S>& row, const policy_loss_options& how) {
    const Eigen::Index count = ratio.size();
    const auto difference = [&]<class X>(const S* from, Eigen::Index t) -> X {
      return drop_if(X::load(row.weights + t) == 0.0, X::load(row.log_probs + t) - X::load(from + t));
    };
    if (row.old) {
      const bool alone = how.level == ratio_level::token;
      const double shared = alone ? 0.0 : mean_log_ratio(row, count);
      for_each_lanes<S>(count, [&]<class X>(Eigen::Index t) {
        const X d = alone ? difference.template operator()<X>(row.old, t) : X(shared);
        d.store(&log_ratio(t));
        limited(d, how).store(&ratio(t));
      });
      ratio = ratio.exp();
    }
    if (row.ref) {
      for_each_lanes<S>(count, [&]<class X>(Eigen::Index t) {
        const X d = difference.template operator()<X>(row.ref, t);
        d.store(&apart(t));
        divergence_exponent(d, how.kl_estimator).store(&exp_apart(t));
      });
      if (needs_exp(how.kl_estimator)) exp_apart = exp_apart.exp();
    }
  }
};

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

/// A row's sums from whole registers and from what is left over.
template <std::floating_point S>
struct sums_of {
  row_sums<lanes<S, true>> most;
  row_sums<lanes<S, false>> rest;

  template <class X>
  [[nodiscard]] row_sums<X>& of() {
    if constexpr (X::size > 1)
      return most;
    else
      return rest;
  }
  void add_to(evaluation<S>& e) const {
    most.add_to(e);
    rest.add_to(e);
  }
};

/// Adds the surrogate's part of a row; returns the sum of the slopes that the row's tokens share.
template <std::floating_point S, Surrogate T>
double add_surrogate(row_pointers<S> row, const row_work<S>& work, policy_loss_options how, T surrogate,
                     evaluation<S>& e, S* slope) {
  const bool shared = T::through_ratio && how.level == ratio_level::sequence;
  const bool stops = T::through_ratio && how.log_ratio_limit;
  const S *const ratios = work.ratio.data(), *const log_ratios = work.log_ratio.data();
  sums_of<S> sums;
  for_each_lanes<S>(work.ratio.size(), [&]<class X>(Eigen::Index t) {
    const X weight = X::load(row.weights + t);
    const auto load = [&](const S* from) { return drop_if(weight == 0.0, X::load(from + t)); };
    const X ratio = row.old ? X::load(ratios + t) : X(1.0);
    const token_loss<X> earned = surrogate(ratio, load(row.log_probs), load(row.advantages));
    const X share = row.importance ? weight * load(row.importance) : weight;
    X pull = share * earned.slope;
    sums.template of<X>().loss += share * earned.value;
    if (stops) {
      const X d = X::load(log_ratios + t);
      pull = drop_if((d > *how.log_ratio_limit) | (limited(d, how) > d), pull);
    }
    if (shared) sums.template of<X>().pull += pull;
    (shared ? X(0.0) : pull).store(slope + t);
  });
  sums.add_to(e);
  return sums.most.pull.sum() + sums.rest.pull.sum();
}

/// Adds a row's counts, which need no slope; returns its number of tokens.
template <std::floating_point S>
double add_counts(row_pointers<S> row, const row_work<S>& work, policy_loss_options how, ratio_bounds bounds,
                  evaluation<S>& e) {
  const bool outside = how.counting == clip_counting::outside;
  const S *const ratios = work.ratio.data(), *const log_ratios = work.log_ratio.data();
  sums_of<S> sums;
  for_each_lanes<S>(work.ratio.size(), [&]<class X>(Eigen::Index t) {
    const auto skipped = X::load(row.weights + t) == 0.0;
    const X one = drop_if(skipped, X(1.0)), advantage = X::load(row.advantages + t);
    row_sums<X>& all = sums.template of<X>();
    all.tokens += one;
    if (!row.old) return;
    const X ratio = X::load(ratios + t);
    const auto loses = advantage < 0.0, below = ratio<bounds.low, above = ratio> bounds.high;
    all.low += keep_if(outside ? below : below & loses, one);
    all.high += keep_if(outside ? above : above & (advantage > 0.0), one);
    all.capped += keep_if(loses & (ratio > bounds.cap), one);
    all.ratio += drop_if(skipped, ratio);
    const X log_ratio = limited(X::load(log_ratios + t), how);
    all.approx_kl += drop_if(skipped, exp_beyond_linear(log_ratio, ratio));
  });
  sums.add_to(e);
  return sums.most.tokens.sum() + sums.rest.tokens.sum();
}

/// Adds a row's divergence to the tally and, unless kl_coef is 0, to loss and slope.
template <std::floating_point S>
void add_divergence(row_pointers<S> row, const row_work<S>& work, policy_loss_options how, evaluation<S>& e,
                    S* slope) {
  const S *const distances = work.apart.data(), *const exponentials = work.exp_apart.data();
  sums_of<S> sums;
  const auto add = [&](kl_estimator estimator) {
    for_each_lanes<S>(work.ratio.size(), [&]<class X>(Eigen::Index t) {
      const X weight = X::load(row.weights + t);
      const token_loss<X> apart = divergence_at(X::load(distances + t), X::load(exponentials + t), estimator);
      sums.template of<X>().kl += drop_if(weight == 0.0, apart.value);
      if (how.kl_coef == 0.0) return;
      const X share = weight * X(how.kl_coef);
      sums.template of<X>().loss += share * apart.value;
      (X::load(slope + t) + share * apart.slope).store(slope + t);
    });
  };
  if (how.kl_estimator == kl_estimator::k3)
    add(kl_estimator::k3);  // a loop of its own for the usual one
  else
    add(how.kl_estimator);
  sums.add_to(e);
}

/// Adds a row's entropies to the tally and, unless entropy_coef is 0, to loss and slope.
template <std::floating_point S>
void add_entropy(row_pointers<S> row, Eigen::Index count, double coef, evaluation<S>& e, S* slope) {
  sums_of<S> sums;
  for_each_lanes<S>(count, [&]<class X>(Eigen::Index t) {
    const X entropy = X::load(row.entropies + t);
    sums.template of<X>().entropy += drop_if(X::load(row.weights + t) == 0.0, entropy);
    if (coef == 0.0) return;
    const X weight = X::load(row.entropy_weights + t), share = weight * X(-coef);
    sums.template of<X>().loss += drop_if(weight == 0.0, share * entropy);
    share.store(slope + t);
  });
  sums.add_to(e);
}

}  // namespace recllm::detail
