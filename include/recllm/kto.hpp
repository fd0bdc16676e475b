// Kahneman-Tversky Optimization: the policy learns from single completions that are labelled good or bad.
//
//   loss = mean over examples of weight (1 - sigmoid(+-beta (h - kl))),   h = log(pi / ref)(completion),
//   + for desirable, - for undesirable;   kl = max(0, mean over mismatched completions of log(pi / ref))
//
// Ethayarajh et al., arXiv 2402.01306, section 4. kl is a constant of the gradient; its mismatched
// completions answer each prompt by the completion of the example before it in the step, the first one by the
// last, as TRL has it. kl = 0 is the unpaired APO-zero of D'Oosterlinck et al., arXiv 2408.06266.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/preference_unpaired.hpp>

namespace recllm {

/// Settings and objective of KTO: `fit(policy, kto{}, feedback, {...}, &reference)`.
///
/// The advantages say what a row is, the same at each of its tokens: 1 = desirable, -1 = undesirable, 0 = a
/// mismatched completion, of which only the estimate of kl is made.
struct kto {
  double beta = 0.1;                        ///< > 0: how dear it is to leave the reference
  double desirable_weight = 1.0;            ///< >= 0
  double undesirable_weight = 1.0;          ///< >= 0
  std::optional<double> kl = std::nullopt;  ///< nats, below 0 is 0; absent = estimated over the whole step

  /// The advantages are labels: fit() makes them of each example's `desirable`.
  static constexpr bool reads_labels = true;

  /// Reads all but old_log_probs. Throws std::invalid_argument for settings out of range, matrices of
  /// different shapes, and where kl is to be estimated for a part of a step or without mismatched
  /// completions.
  ///
  /// A completion without tokens has no weight and adds nothing.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    detail::require_shape(b, b.ref_log_probs, "kto", "ref_log_probs");
    detail::require_shape(b, b.advantages, "kto", "advantages");
    detail::require_shape(b, b.weights, "kto", "weights");
    evaluation<S> e;
    e.dloss_dlogp = token_matrix<S>::Zero(b.log_probs.rows(), b.log_probs.cols());
    if ((b.weights == S(0)).all()) return e;
    // 1 / rows of the step; the mismatched among them count for nothing else.
    const double row_share = static_cast<double>(b.weights.maxCoeff());
    const Eigen::Index rows = b.log_probs.rows(), labelled = (b.advantages.col(0) != S(0)).count();
    require_whole_step(rows, std::lround(1.0 / row_share), rows - labelled);
    const double share = row_share * static_cast<double>(rows) / static_cast<double>(labelled);

    const unpaired_options how{beta, desirable_weight, undesirable_weight, kl ? *kl : estimated_kl(b)};
    for (Eigen::Index row = 0; row < rows; ++row) {
      const double label = static_cast<double>(b.advantages(row, 0));
      if (label == 0.0 || (b.weights.row(row) == S(0)).all()) continue;
      const bool desirable = label > 0.0;
      const double log_prob = sum(b, b.log_probs, row);
      const unpaired_loss l = kto_loss({log_prob, sum(b, b.ref_log_probs, row), desirable}, how);
      e.loss += share * l.value;
      e.dloss_dlogp.row(row) =
          (b.weights.row(row) != S(0)).template cast<S>() * static_cast<S>(share * l.slope);
      e.tokens += static_cast<double>((b.weights.row(row) != S(0)).count());
      (desirable ? e.chosen : e.rejected) += 1.0;
      (desirable ? e.chosen_reward : e.rejected_reward) += l.reward;
      (desirable ? e.chosen_log_prob : e.rejected_log_prob) += log_prob;
    }
    return e;
  }

  /// One weight per token, B x T: 1 / B for each counted token. The mask says which tokens belong to a
  /// completion; it cannot weigh them.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    const S share = mask.rows() == 0 ? S(0) : static_cast<S>(1.0 / static_cast<double>(mask.rows()));
    return (mask != S(0)).template cast<S>() * share;
  }

  [[nodiscard]] static constexpr bool needs_reference() { return true; }

  /// Whether kl is estimated, which takes the whole step and its mismatched completions.
  [[nodiscard]] bool needs_whole_step() const { return !kl; }

 private:
  void require_whole_step(Eigen::Index got, Eigen::Index step, Eigen::Index mismatched) const {
    require(kl || got == step, "recllm: kto: kl is estimated over all rows of a step, but got ", got, " of ",
            step, "; evaluate the whole step at once (micro_rows = 0) or set kl");
    require(kl || mismatched > 0,
            "recllm: kto: kl is estimated from mismatched completions, rows of advantage 0, but there are "
            "none; add "
            "them or set kl");
    require(mismatched == 0 || got == step,
            "recllm: kto: a part of a step has mismatched completions, rows of "
            "advantage 0, which are of use to the whole step only; evaluate it at once or leave them out");
    require(mismatched < got, "recllm: kto: all ", got,
            " rows are mismatched completions, of advantage 0; expected "
            "1 for a desirable one, -1 for an undesirable one");
  }

  /// Over the counted tokens of a row.
  template <std::floating_point S>
  [[nodiscard]] static double sum(const token_batch<S>& b, const token_view<S>& m, Eigen::Index row) {
    return (b.weights.row(row) != S(0)).select(m.row(row), S(0)).template cast<double>().sum();
  }

  template <std::floating_point S>
  [[nodiscard]] static double estimated_kl(const token_batch<S>& b) {
    double total = 0.0, rows = 0.0;
    for (Eigen::Index row = 0; row < b.log_probs.rows(); ++row)
      if (b.advantages(row, 0) == S(0)) {
        total += sum(b, b.log_probs, row) - sum(b, b.ref_log_probs, row);
        rows += 1.0;
      }
    return total / rows;
  }
};

static_assert(StepObjective<kto>);
static_assert(Objective<kto, double>);

}  // namespace recllm

#include <recllm/train/fit.hpp>  // last: the trainer of this objective
