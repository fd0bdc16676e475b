// What an objective is: a pure function from a micro-batch's log-probs to a loss and its slope at each token.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// One micro-batch's rows, borrowed: B x T each, log-probs in nats. What an objective does not read may be
/// empty: size 0 stands for "none", so `ref_log_probs` of size 0 says that there is no reference.
template <std::floating_point S>
struct token_batch {
  token_view<S> log_probs;      ///< of the policy that learns
  token_view<S> old_log_probs;  ///< of the policy that sampled
  token_view<S> ref_log_probs;  ///< of the reference
  token_view<S> advantages;     ///< of each token; a completion's own is repeated over its tokens
  token_view<S> weights;        ///< token_weights of the whole step, these rows of it; 0 = not counted
};

/// Sums over what was counted, for the metrics; those of micro-batches add up to the step's. 0 where an
/// objective has no such thing.
struct tally {
  double tokens = 0.0;        ///< with a weight that is not 0
  double ratio = 0.0;         ///< sum over tokens of policy / old policy
  double kl = 0.0;            ///< sum over tokens of k3 to the reference, nats
  double approx_kl = 0.0;     ///< sum over tokens of k3 to the policy that sampled, nats
  double clipped_low = 0.0;   ///< tokens held back by the lower clip: advantage < 0 and ratio below the range
  double clipped_high = 0.0;  ///< tokens held back by the upper clip: advantage > 0 and ratio above the range
  double pairs = 0.0;         ///< preference pairs
  double chosen_reward = 0.0;  ///< sum over pairs of beta * log(policy / reference) of the chosen completion
  double rejected_reward = 0.0;  ///< the same of the rejected one
  double correct = 0.0;          ///< pairs with chosen_reward > rejected_reward; a tie does not count

  tally& operator+=(const tally& other) {
    tokens += other.tokens;
    ratio += other.ratio;
    kl += other.kl;
    approx_kl += other.approx_kl;
    clipped_low += other.clipped_low;
    clipped_high += other.clipped_high;
    pairs += other.pairs;
    chosen_reward += other.chosen_reward;
    rejected_reward += other.rejected_reward;
    correct += other.correct;
    return *this;
  }
};

/// What an objective answers. Losses of micro-batches add up to the step's loss.
template <std::floating_point S>
struct evaluation : tally {
  double loss = 0.0;            ///< minimised
  token_matrix<S> dloss_dlogp;  ///< B x T, 0 where the weight is 0
};

/// Satisfied by `o(token_batch<S>) -> evaluation<S>`, a pure function.
template <class O, class S = float>
concept Objective = requires(const O& o, const token_batch<S>& b) {
  { o(b) } -> std::same_as<evaluation<S>>;
};

/// An objective that also answers, once a step: `o.weights(mask)`, B x T, the weight of each token in the
/// loss, and `o.needs_reference()`, whether it reads ref_log_probs. What fit() asks for.
template <class O>
concept StepObjective = Objective<O> && requires(const O& o, const token_matrix<float>& mask) {
  { o.weights(mask) } -> std::convertible_to<token_matrix<float>>;
  { o.needs_reference() } -> std::convertible_to<bool>;
};

/// A step objective that also answers `o.advantages(rewards, groups)`, B: the advantage of each completion,
/// by comparison with those of equal group number. What train() asks for.
template <class O>
concept GroupObjective = StepObjective<O> &&
    requires(const O& o, const row_values<double>& rewards, std::span<const std::size_t> groups) {
  { o.advantages(rewards, groups) } -> std::convertible_to<row_values<double>>;
};

namespace detail {

/// Throws std::invalid_argument unless `m` has the shape of the batch's log_probs.
template <std::floating_point S>
void require_shape(const token_batch<S>& b, const token_view<S>& m, const char* function, const char* field) {
  require(m.rows() == b.log_probs.rows() && m.cols() == b.log_probs.cols(), "recllm: ", function, ": ", field,
          " must be ", b.log_probs.rows(), " x ", b.log_probs.cols(), " as log_probs, but is ", m.rows(),
          " x ", m.cols(), "; pass the same rows of each matrix");
}

}  // namespace detail

}  // namespace recllm
