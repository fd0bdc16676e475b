// Direct Preference Optimization: the policy learns from pairs of completions, without a reward.
//
//   loss = mean over pairs of -log sigmoid(beta (log(pi/ref)(chosen) - log(pi/ref)(rejected)))
//
// Rafailov et al., arXiv 2305.18290, equation 7. The other members of the family are settings:
//
//   {.loss = ipo_loss}        sigmoid_loss, robust_loss, ipo_loss, hinge_loss, exo_loss, discopop_loss{.tau =
//   0.05},
//                             nca_loss, bco_loss{.delta = 0}, sppo_loss, apo_zero_loss, apo_down_loss
//   without a reference       simpo_loss{.gamma = 0.5}, cpo_loss{}, orpo_loss{}
//   over all pairs of a step  aot_loss, aot_unpaired_loss, bco_step_loss{}
//
// or a function of your own: see any_pair_loss. Each has its equation and source in
// objective/preference_*.hpp.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/preference.hpp>

namespace recllm {

/// Settings and objective of DPO: `fit(policy, dpo{}, preferences, {...}, &reference)`. Row 2 i is the chosen
/// and row 2 i + 1 the rejected completion of pair i.
struct dpo {
  double beta = 0.1;                  ///< > 0: how dear it is to leave the reference
  any_pair_loss loss = sigmoid_loss;  ///< or another member of the family, or one of your own
  double label_smoothing = 0.0;    ///< in [0, 0.5]: share of labels taken to be wrong, by losses that say so
  bool length_normalised = false;  ///< divide each completion's log-ratio by its length

  /// Rows that a micro-batch must not separate.
  static constexpr std::size_t rows_per_unit = 2;

  /// Reads log_probs, weights and, if needs_reference(), ref_log_probs. Throws std::invalid_argument for
  /// settings out of range, an odd number of rows, matrices of different shapes, and for a part of a step's
  /// pairs where needs_whole_step().
  ///
  /// A pair without any token has no weight and adds nothing.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    require(
        b.log_probs.rows() % 2 == 0, "recllm: dpo: rows 2 i and 2 i + 1 are a pair, but there are ",
        b.log_probs.rows(),
        " rows; pass the chosen completion, then the rejected one, and split micro-batches between pairs");
    if (needs_reference()) detail::require_shape(b, b.ref_log_probs, "dpo", "ref_log_probs");
    detail::require_shape(b, b.weights, "dpo", "weights");
    evaluation<S> e;
    e.dloss_dlogp = token_matrix<S>::Zero(b.log_probs.rows(), b.log_probs.cols());
    e.tokens = static_cast<double>((b.weights != S(0)).count());
    if (e.tokens == 0.0) return e;
    const double share = static_cast<double>(b.weights.maxCoeff());  // 1 / pairs of the step
    require_whole_step(b.log_probs.rows() / 2, std::lround(1.0 / share));

    std::vector<pair_log_probs> pairs;
    std::vector<Eigen::Index> rows;  // of each pair's chosen completion
    for (Eigen::Index row = 0; row < b.log_probs.rows(); row += 2)
      if ((b.weights.middleRows(row, 2) != S(0)).any()) {
        pairs.push_back(pair_at(b, row));
        rows.push_back(row);
      }
    const std::vector<pair_loss> losses = loss(pairs, {beta, label_smoothing, length_normalised});
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const pair_loss& l = losses[i];
      const auto counted = [&](Eigen::Index row, double slope) -> Eigen::Array<S, 1, Eigen::Dynamic> {
        return (b.weights.row(row) != S(0)).template cast<S>() * static_cast<S>(share * slope);
      };
      e.dloss_dlogp.row(rows[i]) = counted(rows[i], l.dchosen);
      e.dloss_dlogp.row(rows[i] + 1) = counted(rows[i] + 1, l.drejected);
      e.loss += share * l.value;
      e.pairs += 1.0;
      e.chosen += 1.0;
      e.rejected += 1.0;
      e.chosen_log_prob += pairs[i].chosen;
      e.rejected_log_prob += pairs[i].rejected;
      e.chosen_reward += l.chosen_reward;
      e.rejected_reward += l.rejected_reward;
      e.correct += l.chosen_reward > l.rejected_reward;
    }
    return e;
  }

  /// One weight per token, B x T: 1 / pairs for each counted token. The mask says which tokens belong to a
  /// completion; it cannot weigh them.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    const S share = mask.rows() == 0 ? S(0) : static_cast<S>(2.0 / static_cast<double>(mask.rows()));
    return (mask != S(0)).template cast<S>() * share;
  }

  [[nodiscard]] bool needs_reference() const { return loss.needs_reference(); }

  /// Whether the loss compares the pairs of a step with each other: then no part of a step can be evaluated
  /// alone.
  [[nodiscard]] bool needs_whole_step() const { return loss.needs_whole_step(); }

 private:
  void require_whole_step(Eigen::Index got, Eigen::Index step) const {
    require(!needs_whole_step() || got == step,
            "recllm: dpo: this loss compares all pairs of a step, but got ", got, " of ", step,
            "; evaluate the whole step at once (micro_rows = 0)");
  }

  /// The sums over the tokens of rows `row` and `row + 1`.
  template <std::floating_point S>
  [[nodiscard]] pair_log_probs pair_at(const token_batch<S>& b, Eigen::Index row) const {
    const auto sum = [&](const token_view<S>& m, Eigen::Index of) {
      return (b.weights.row(of) != S(0)).select(m.row(of), S(0)).template cast<double>().sum();
    };
    const auto length = [&](Eigen::Index of) {
      return static_cast<double>((b.weights.row(of) != S(0)).count());
    };
    const bool ref = needs_reference();
    return {sum(b.log_probs, row),
            sum(b.log_probs, row + 1),
            ref ? sum(b.ref_log_probs, row) : 0.0,
            ref ? sum(b.ref_log_probs, row + 1) : 0.0,
            length(row),
            length(row + 1)};
  }
};

static_assert(StepObjective<dpo>);
static_assert(Objective<dpo, double>);

}  // namespace recllm

#include <recllm/train/fit.hpp>  // last: the trainer of this objective
