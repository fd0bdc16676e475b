// What an objective with a critic works on, and the critic's loss.
//
// Clipping the value: code-level choice 1 of Engstrom et al., arXiv 2005.12729.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// What a critic's loss reads, borrowed: B x T each.
template <std::floating_point S>
struct value_batch {
  token_view<S> values;      ///< of the critic that learns
  token_view<S> old_values;  ///< of the critic when the completions were sampled
  token_view<S> returns;     ///< gae_estimate::returns
  token_view<S> weights;     ///< 0 = not counted
};

/// A critic's loss and its slope.
template <std::floating_point S>
struct value_evaluation {
  double loss = 0.0;
  token_matrix<S> dloss_dvalues;  ///< B x T, 0 where the weight is 0
  double clipped = 0.0;           ///< tokens whose slope the clip made 0
};

/// Sum of weight * max((v - R)^2, (clip(v, v_old - range, v_old + range) - R)^2) / 2; no range, no clip. The
/// slope is 0 where the clipped error is the larger one. Throws std::invalid_argument for a negative range or
/// shapes that differ.
template <std::floating_point S>
[[nodiscard]] value_evaluation<S> value_loss(const value_batch<S>& b,
                                             std::optional<double> range = std::nullopt) {
  require(!range || *range >= 0.0, "recllm: value_loss: the clip range must be 0 or more, but is ",
          range.value_or(0.0), "; std::nullopt is no clip");
  for (const token_view<S>* m : {&b.old_values, &b.returns, &b.weights})
    require(m->rows() == b.values.rows() && m->cols() == b.values.cols(), "recllm: value_loss: values are ",
            b.values.rows(), " x ", b.values.cols(), ", but old_values, returns or weights are ", m->rows(),
            " x ", m->cols());
  value_evaluation<S> e;
  e.dloss_dvalues = token_matrix<S>::Zero(b.values.rows(), b.values.cols());
  for (Eigen::Index row = 0; row < b.values.rows(); ++row)
    for (Eigen::Index t = 0; t < b.values.cols(); ++t) {
      const double weight = b.weights(row, t), value = b.values(row, t), old = b.old_values(row, t);
      if (weight == 0.0) continue;
      const double error = value - b.returns(row, t);
      double limited = error;
      if (range && !(std::abs(value - old) <= *range))
        limited = old + std::clamp(value - old, -*range, *range) - b.returns(row, t);
      const bool clipped = !(limited * limited <= error * error);  // so that NaN is taken for the larger one
      e.loss += weight * 0.5 * (clipped ? limited * limited : error * error);
      e.dloss_dvalues(row, t) = clipped ? S(0) : static_cast<S>(weight * error);
      e.clipped += clipped;
    }
  return e;
}

/// Completions as PPO judges them, borrowed.
template <std::floating_point S>
struct experience {
  row_values<S> rewards;        ///< B, of whole completions
  token_view<S> log_probs;      ///< B x T, when they were sampled, nats
  token_view<S> ref_log_probs;  ///< B x T, read if kl_coef != 0
  token_view<S> values;         ///< B x T, of the critic
  token_view<S> mask;           ///< B x T, 1 = a token of the completion, else 0
};

}  // namespace recllm
