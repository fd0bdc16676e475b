// What an objective is: a pure function from a micro-batch's log-probs to a loss and its slope at each token.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// One micro-batch's rows, borrowed: B x T each, log-probs in nats. What an objective does not read may be
/// empty: size 0 stands for "none", so `ref_log_probs` of size 0 says that there is no reference. The last
/// three need not be named.
template <std::floating_point S>
struct token_batch {
  token_view<S> log_probs;      ///< of the policy that learns
  token_view<S> old_log_probs;  ///< of the policy that sampled
  token_view<S> ref_log_probs;  ///< of the reference
  token_view<S> advantages;     ///< of each token; a completion's own is repeated over its tokens
  token_view<S> weights;        ///< token_weights of the whole step, these rows of it; 0 = not counted
  token_view<S> importance =
      token_matrix<S>();  ///< factor of each token's surrogate: importance_weights, top_entropy_mask
  token_view<S> entropies = token_matrix<S>();        ///< of the policy that learns, nats
  token_view<S> entropy_weights = token_matrix<S>();  ///< of the entropies; none = weights
};

/// Sums over what was counted, for the metrics; those of micro-batches add up to the step's. 0 where an
/// objective has no such thing. "Ratio" is the objective's own: of a token, or of its completion (gspo).
struct tally {
  double tokens = 0.0;  ///< with a weight that is not 0
  double ratio = 0.0;   ///< sum over tokens of the ratio policy / old policy
  double kl = 0.0;  ///< sum over tokens of the divergence to the reference by the objective's estimator, nats
  double approx_kl =
      0.0;  ///< sum over tokens of ratio - 1 - log ratio: estimates KL(old policy || policy), nats
  double clipped_low = 0.0;        ///< tokens clipped from below, as clip_counting says
  double clipped_high = 0.0;       ///< tokens clipped from above, as clip_counting says
  double capped = 0.0;             ///< tokens of advantage < 0 held back by dual_clip or delta
  double entropy = 0.0;            ///< sum over tokens of the entropies, nats
  double pairs = 0.0;              ///< preference pairs
  double chosen = 0.0;             ///< chosen (dpo) or desirable (kto) completions
  double rejected = 0.0;           ///< rejected or undesirable ones
  double chosen_reward = 0.0;      ///< sum over the chosen of their reward, beta * log(policy / reference)
  double rejected_reward = 0.0;    ///< the same of the rejected
  double chosen_log_prob = 0.0;    ///< sum over the chosen of their log-prob, nats
  double rejected_log_prob = 0.0;  ///< the same of the rejected
  double correct = 0.0;            ///< pairs with chosen_reward > rejected_reward; a tie does not count

  tally& operator+=(const tally& other) {
    tokens += other.tokens;
    ratio += other.ratio;
    kl += other.kl;
    approx_kl += other.approx_kl;
    clipped_low += other.clipped_low;
    clipped_high += other.clipped_high;
    capped += other.capped;
    entropy += other.entropy;
    pairs += other.pairs;
    chosen += other.chosen;
    rejected += other.rejected;
    chosen_reward += other.chosen_reward;
    rejected_reward += other.rejected_reward;
    chosen_log_prob += other.chosen_log_prob;
    rejected_log_prob += other.rejected_log_prob;
    correct += other.correct;
    return *this;
  }
};

/// What an objective answers. Losses of micro-batches add up to the step's loss.
template <std::floating_point S>
struct evaluation : tally {
  double loss = 0.0;                                   ///< minimised
  token_matrix<S> dloss_dlogp;                         ///< B x T, 0 where the weight is 0
  token_matrix<S> dloss_dentropy = token_matrix<S>();  ///< B x T, or none where the loss reads no entropies
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

/// Whether the objective's slope at a token depends on that token's numbers alone, as it says by
/// `static constexpr bool is_tokenwise = true`: it may then be asked about a step's tokens in any parts.
template <class O>
inline constexpr bool is_tokenwise = [] {
  if constexpr (requires { O::is_tokenwise; })
    return static_cast<bool>(O::is_tokenwise);
  else
    return false;
}();

/// A step's completions and what they earned, borrowed: what an advantage estimator may read.
struct scored_step {
  const row_values<double>& rewards;    ///< B
  std::span<const std::size_t> groups;  ///< B: completions of equal number answer one prompt
  token_view<float> mask;               ///< B x T: 1 for a token of the completion, else 0
  token_view<double> token_rewards = token_matrix<double>();  ///< B x T, on top of the rewards; kl_in_reward
  token_view<double> columns = token_matrix<double>();  ///< B x k: the rewards' terms, for several_rewards
  row_values<double> column_weights = row_values<double>();  ///< k
  row_values<double> baselines = row_values<double>();       ///< B: rewards of greedy completions, for ReMax
};

/// A step objective that also answers `o.advantages(scored_step)`, B x T: the advantage of each token, 0
/// where the mask is 0, by comparison with completions of equal group number. What train() asks for.
template <class O>
concept GroupObjective = StepObjective<O> && requires(const O& o, const scored_step& step) {
  { o.advantages(step) } -> std::convertible_to<token_matrix<double>>;
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
