// Direct Preference Optimization: the policy learns from pairs of completions, without a reward.
//
//   loss = mean over pairs of -log sigmoid(beta (log(pi/ref)(chosen) - log(pi/ref)(rejected)))
//
// Rafailov et al., arXiv 2305.18290, equation 7. Other members of the family are settings: {.loss =
// ipo_loss}.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/preference.hpp>
#include <recllm/objective/weights.hpp>

namespace recllm {

/// Settings and objective of DPO: `fit(policy, dpo{}, preferences, {...}, &reference)`. Row 2 i is the chosen
/// and row 2 i + 1 the rejected completion of pair i.
struct dpo {
  double beta = 0.1;                       ///< > 0: how dear it is to leave the reference
  pair_loss_function loss = sigmoid_loss;  ///< or ipo_loss, hinge_loss, one of your own
  double label_smoothing = 0.0;    ///< in [0, 0.5]: share of labels taken to be wrong; read by sigmoid_loss
  bool length_normalised = false;  ///< divide each completion's log-ratio by its length

  /// Rows that a micro-batch must not separate.
  static constexpr std::size_t rows_per_unit = 2;

  /// Reads log_probs, ref_log_probs and weights. Throws std::invalid_argument for settings out of range, an
  /// odd number of rows and matrices of different shapes.
  template <std::floating_point S>
  [[nodiscard]] evaluation<S> operator()(const token_batch<S>& b) const {
    require(
        b.log_probs.rows() % 2 == 0, "recllm: dpo: rows 2 i and 2 i + 1 are a pair, but there are ",
        b.log_probs.rows(),
        " rows; pass the chosen completion, then the rejected one, and split micro-batches between pairs");
    detail::require_shape(b, b.ref_log_probs, "dpo", "ref_log_probs");
    detail::require_shape(b, b.weights, "dpo", "weights");
    evaluation<S> e;
    e.dloss_dlogp = token_matrix<S>::Zero(b.log_probs.rows(), b.log_probs.cols());
    e.tokens = static_cast<double>((b.weights != S(0)).count());
    for (Eigen::Index row = 0; row < b.log_probs.rows(); row += 2) add_pair(b, row, e);
    return e;
  }

  /// One weight per token, B x T: 1 / pairs for each counted token. The mask says which tokens belong to a
  /// completion; it cannot weigh them.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> weights(const token_matrix<S>& mask) const {
    const S share = mask.rows() == 0 ? S(0) : static_cast<S>(2.0 / static_cast<double>(mask.rows()));
    return (mask != S(0)).template cast<S>() * share;
  }

  [[nodiscard]] static constexpr bool needs_reference() { return true; }

 private:
  /// Adds the pair at rows `row` and `row + 1`. A pair without any token has no weight and adds nothing.
  template <std::floating_point S>
  void add_pair(const token_batch<S>& b, Eigen::Index row, evaluation<S>& e) const {
    if (b.weights.cols() == 0) return;
    const double share = static_cast<double>(b.weights.middleRows(row, 2).maxCoeff());
    if (share == 0.0) return;
    const auto sum = [&](const token_view<S>& m, Eigen::Index of) {
      return (b.weights.row(of) != S(0)).select(m.row(of), S(0)).template cast<double>().sum();
    };
    const auto length = [&](Eigen::Index of) {
      return static_cast<double>((b.weights.row(of) != S(0)).count());
    };
    const pair_log_probs pair{sum(b.log_probs, row),
                              sum(b.log_probs, row + 1),
                              sum(b.ref_log_probs, row),
                              sum(b.ref_log_probs, row + 1),
                              length(row),
                              length(row + 1)};
    const pair_loss result = loss(pair, {beta, label_smoothing, length_normalised});
    e.loss += share * result.value;
    e.dloss_dlogp.row(row) =
        (b.weights.row(row) != S(0)).template cast<S>() * static_cast<S>(share * result.dchosen);
    e.dloss_dlogp.row(row + 1) =
        (b.weights.row(row + 1) != S(0)).template cast<S>() * static_cast<S>(share * result.drejected);
    const double chosen = beta * (pair.chosen - pair.ref_chosen);
    const double rejected = beta * (pair.rejected - pair.ref_rejected);
    e.pairs += 1.0;
    e.chosen_reward += chosen;
    e.rejected_reward += rejected;
    e.correct += chosen > rejected;
  }
};

static_assert(StepObjective<dpo>);
static_assert(Objective<dpo, double>);

}  // namespace recllm

#include <recllm/train/fit.hpp>  // last: the trainer of this objective
