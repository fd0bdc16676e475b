// One forward and backward pass over all rows of a step, in micro-batches: what train, train_ppo and fit
// share.
#pragma once

#include <time.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/train/reference.hpp>

namespace recllm::detail {

/// What an objective is told that stays while the rows are passed: each B x T, or empty where there is none.
struct fixed_batch {
  token_matrix<float> old_log_probs, ref_log_probs, advantages, weights, importance, entropy_weights;
};

/// Sums over the rows of passes.
struct pass_totals {
  tally counts;
  double loss = 0.0;
  std::optional<double> entropy;  // over tokens, nats
  double tokens = 0.0;
  double grad_norm = 0.0;
  double passes = 0.0;

  pass_totals& operator+=(const pass_totals& other) {
    counts += other.counts;
    loss += other.loss;
    if (other.entropy) entropy = entropy.value_or(0.0) + *other.entropy;
    tokens += other.tokens;
    grad_norm += other.grad_norm;
    passes += other.passes;
    return *this;
  }
};

/// `x` for a message: every NaN prints as "nan", whatever its sign.
inline double printable(double x) { return std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x; }

/// Wall-clock seconds since it was made. (POSIX: <chrono> would cost every user a fifth of a second to
/// compile.)
class stopwatch {
 public:
  [[nodiscard]] double seconds() const { return now() - start_; }

 private:
  [[nodiscard]] static double now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }

  double start_ = now();
};

/// Forgets what earlier rows of a failed pass have added, where the learner can (`clear_gradient()`).
template <class Learner>
void forget_gradient(Learner& learner) {
  if constexpr (requires { learner.clear_gradient(); }) learner.clear_gradient();
}

/// Throws std::invalid_argument unless `r` holds `rows` rows of one shape that answer prompts below
/// `prompts`.
template <class Rollouts>
void check_rollouts(const Rollouts& r, std::size_t rows, std::size_t prompts, std::string_view who) {
  const auto expected = static_cast<Eigen::Index>(rows);
  require(r.rows() == expected && r.prompt.size() == rows && r.mask.rows() == expected &&
              r.log_probs.rows() == expected && r.log_probs.cols() == r.mask.cols() &&
              (r.truncated.empty() || r.truncated.size() == rows),
          "recllm: ", who, ": the policy returned ", r.completions.size(), " completions, ", r.prompt.size(),
          " prompt numbers, a ", r.mask.rows(), " x ", r.mask.cols(), " mask and ", r.log_probs.rows(), " x ",
          r.log_probs.cols(), " log-probs; expected ", rows, " rows of each and as many columns");
  for (const std::size_t asked : r.prompt)
    require(asked < prompts, "recllm: ", who, ": the policy returned prompt number ", asked,
            "; expected 0 to ", prompts - 1);
}

/// The log-probs of the blocks' rows under a policy that only scores, B x T, 0 elsewhere; empty where there
/// is none.
template <class Reference, class Rollouts>
[[nodiscard]] token_matrix<float> reference_log_probs(Reference* reference, const Rollouts& r,
                                                      std::span<const row_block> blocks) {
  if (reference == nullptr) return {};
  token_matrix<float> all = token_matrix<float>::Zero(r.mask.rows(), r.mask.cols());
  for (const row_block rows : blocks) all.middleRows(rows.first, rows.count) = reference->log_probs(r, rows);
  return all;
}

/// Which input of an objective is to blame for a loss that is not finite.
inline std::string_view culprit(const token_batch<float>& b) {
  if (!b.log_probs.isFinite().all()) return "the policy's log-probs are not finite";
  if (!b.old_log_probs.isFinite().all()) return "the log-probs that sample() returned are not finite";
  if (!b.ref_log_probs.isFinite().all()) return "the reference's log-probs are not finite";
  if (!b.advantages.isFinite().all()) return "the advantages are not finite";
  if (!b.weights.isFinite().all()) return "the weights are not finite";
  return "its inputs are finite: the policy has moved too far, lower the learning rate";
}

/// The weight of each entropy of a step, B x T; empty where the objective has none of its own.
template <class O>
[[nodiscard]] token_matrix<float> entropy_weights(const O& objective, const token_matrix<float>& mask) {
  if constexpr (requires { objective.entropy_weights(mask); })
    return objective.entropy_weights(mask);
  else
    return {};
}

/// Pulls back what the objective answered. Throws std::invalid_argument where it wants more entropy and the
/// policy cannot pull that back.
template <class T>
void pull_back(T& trace, const evaluation<float>& e, std::string_view who) {
  if (e.dloss_dentropy.size() == 0) {
    trace.backward(e.dloss_dlogp);
  } else if constexpr (EntropyPullback<T>) {
    trace.backward(e.dloss_dlogp, e.dloss_dentropy);
  } else {
    require(false, "recllm: ", who,
            ": entropy_coef is not 0, so the policy's trace needs  entropies()  and  "
            "backward(dloss_dlogp, dloss_dentropy) ; add them or set entropy_coef to 0");
  }
}

/// Some tokens of a block of rows, 1 x n; empty where the step has no such thing.
[[nodiscard]] inline token_matrix<float> tokens_at(const token_matrix<float>& all, row_block rows,
                                                   std::span<const token_place> places) {
  if (all.size() == 0) return {};
  token_matrix<float> some(1, static_cast<Eigen::Index>(places.size()));
  for (Eigen::Index i = 0; const token_place place : places)
    some(0, i++) = all(rows.first + place.row, place.column);
  return some;
}

/// trace -> objective -> backward for each block of rows; for a tokenwise objective and a trace that can, a
/// few tokens at a time. Throws non_finite_error where a loss or its slope is not finite; whatever is thrown,
/// the gathered gradient is forgotten.
template <class P, class O, class Rollouts>
[[nodiscard]] pass_totals pass(P& policy, const O& objective, const Rollouts& r, const fixed_batch& fixed,
                               std::span<const row_block> blocks, std::string_view who,
                               std::ptrdiff_t step) try {
  pass_totals totals;
  totals.passes = 1.0;
  for (const row_block rows : blocks) {
    const auto evaluate = [&](const token_batch<float>& batch, const token_view<float>& mask) {
      evaluation<float> e = objective(batch);
      if (!std::isfinite(e.loss) || !e.dloss_dlogp.isFinite().all() || !e.dloss_dentropy.isFinite().all())
        throw non_finite_error(message("recllm: ", who, ": step ", step, ": the loss of rows ", rows.first,
                                       " to ", rows.first + rows.count - 1, " is ", printable(e.loss),
                                       ", or its slope is not finite: ", culprit(batch),
                                       "; the weights are unchanged"));
      if (batch.entropies.size() != 0)
        totals.entropy = totals.entropy.value_or(0.0) + static_cast<double>((batch.entropies * mask).sum());
      totals.tokens += static_cast<double>(mask.sum());
      totals.counts += e;
      totals.loss += e.loss;
      return e;
    };
    // A view of what `of` picks from each of the step's matrices.
    const auto batch_of = [&](const token_matrix<float>& log_probs, const token_matrix<float>& entropies,
                              const fixed_batch& all, const auto& of) {
      return token_batch<float>{.log_probs = log_probs,
                                .old_log_probs = of(all.old_log_probs),
                                .ref_log_probs = of(all.ref_log_probs),
                                .advantages = of(all.advantages),
                                .weights = of(all.weights),
                                .importance = of(all.importance),
                                .entropies = entropies,
                                .entropy_weights = of(all.entropy_weights)};
    };
    auto trace = policy.trace(r, rows);
    if constexpr (is_tokenwise<O> && OnePassTrace<decltype(trace)>) {
      trace.backward([&](std::span<const token_place> places, const token_matrix<float>& log_probs,
                         const token_matrix<float>& entropies) {
        const auto pick = [&](const token_matrix<float>& m) { return tokens_at(m, rows, places); };
        const fixed_batch some{pick(fixed.old_log_probs), pick(fixed.ref_log_probs),
                               pick(fixed.advantages),    pick(fixed.weights),
                               pick(fixed.importance),    pick(fixed.entropy_weights)};
        const auto whole = [](const token_matrix<float>& m) -> token_view<float> { return m; };
        evaluation<float> e = evaluate(batch_of(log_probs, entropies, some, whole), pick(r.mask));
        return token_slopes{std::move(e.dloss_dlogp), std::move(e.dloss_dentropy)};
      });
    } else {
      const token_matrix<float> log_probs = trace.log_probs();
      require(log_probs.rows() == rows.count && log_probs.cols() == r.mask.cols(), "recllm: ", who,
              ": the policy's trace has ", log_probs.rows(), " x ", log_probs.cols(), " log-probs; expected ",
              rows.count, " x ", r.mask.cols());
      token_matrix<float> entropies;
      if constexpr (EntropyTrace<decltype(trace)>) entropies = trace.entropies();
      const auto of = [&](const token_matrix<float>& m) -> token_view<float> {
        return m.rows() == 0 ? m.middleRows(0, 0) : m.middleRows(rows.first, rows.count);
      };
      pull_back(trace, evaluate(batch_of(log_probs, entropies, fixed, of), of(r.mask)), who);
    }
  }
  return totals;
} catch (...) {
  forget_gradient(policy);
  throw;
}

/// The same where the objective compares all rows of a step: they are scored first and evaluated at once,
/// then each block of rows pulls its part of the slope back. The gradient is that of a single block. Gradient
/// caching: Gao et al., arXiv 2101.06983.
template <class P, class O, class Rollouts>
[[nodiscard]] pass_totals pass_at_once(P& policy, const O& objective, const Rollouts& r,
                                       const fixed_batch& fixed, std::span<const row_block> blocks,
                                       std::string_view who, std::ptrdiff_t step) try {
  const token_matrix<float> log_probs = reference_log_probs(&policy, r, blocks);
  const token_batch<float> batch{log_probs, fixed.old_log_probs, fixed.ref_log_probs, fixed.advantages,
                                 fixed.weights};
  const evaluation<float> e = objective(batch);
  if (!std::isfinite(e.loss) || !e.dloss_dlogp.isFinite().all())
    throw non_finite_error(message("recllm: ", who, ": step ", step, ": the loss is ", printable(e.loss),
                                   ", or its slope is not finite: ", culprit(batch),
                                   "; the weights are unchanged"));
  pass_totals totals;
  totals.passes = 1.0;
  totals.counts += e;
  totals.loss = e.loss;
  for (const row_block rows : blocks) {
    const token_matrix<float> slope = e.dloss_dlogp.middleRows(rows.first, rows.count);
    const token_matrix<float> counted =
        r.mask.middleRows(rows.first, rows.count) *
        (fixed.advantages.middleRows(rows.first, rows.count) != 0.0f).template cast<float>();
    if ((counted == 0.0f).all()) continue;  // completions that are only scored
    auto trace = policy.trace(r, rows);
    if constexpr (EntropyTrace<decltype(trace)>)
      totals.entropy =
          totals.entropy.value_or(0.0) + static_cast<double>((trace.entropies() * counted).sum());
    totals.tokens += static_cast<double>(counted.sum());
    trace.backward(slope);
  }
  return totals;
} catch (...) {
  forget_gradient(policy);
  throw;
}

}  // namespace recllm::detail
