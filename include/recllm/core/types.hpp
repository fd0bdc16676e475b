// The shapes that every room shares: B completions (rows) of at most T tokens (columns).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <recllm/core/eigen.hpp>

namespace recllm {

/// B x T values, one a token. Entries past a completion's end are 0, never garbage: weight 0 times infinity
/// is NaN.
template <std::floating_point S>
using token_matrix = Eigen::Array<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Borrowed B x T values (a token_matrix, or rows of one). Must not outlive what it views.
template <std::floating_point S>
using token_view = Eigen::Ref<const token_matrix<S>, 0, Eigen::OuterStride<>>;

/// B values, one a completion.
template <std::floating_point S>
using row_values = Eigen::Array<S, Eigen::Dynamic, 1>;

/// Rows first, first + 1, ..., first + count - 1 of a B x T batch: one micro-batch.
struct row_block {
  Eigen::Index first = 0;
  Eigen::Index count = 0;
};

/// B completions, sampled or given. Rows of one prompt's group are neighbours.
///
/// A policy returns this or a type derived from it that also holds what the policy needs to score the rows
/// again.
template <class Completion>
struct rollouts {
  std::vector<std::size_t> prompt;      ///< B: which of the prompts each row answers
  std::vector<Completion> completions;  ///< B: what a reward sees
  token_matrix<float> mask;             ///< B x T: 1 for a token of the completion, else 0
  token_matrix<float> log_probs;        ///< B x T, nats: of each token when it was sampled, 0 where mask is 0
  std::vector<bool> truncated = {};     ///< B, or empty: whether the length limit cut the completion off

  /// B, the number of completions.
  [[nodiscard]] Eigen::Index rows() const { return static_cast<Eigen::Index>(completions.size()); }
};

/// What one optimizer step is told: `policy.step(update{...})`.
struct update {
  double learning_rate = 1e-3;  ///< > 0
  double max_grad_norm = 0.0;   ///< the global gradient norm is scaled down to this; 0 = no clipping
};

}  // namespace recllm
