// An autoregressive log-linear policy over lists: each pick may depend on those before it, in Eigen.
//
//   pi(j at place t | prompt, list so far) = exp(w . phi_j) / sum over candidates i not placed yet of exp(w .
//   phi_i),   phi_j = phi(prompt, j, list so far)
//
// phi: k features of a candidate, which the user's function tells, w: k weights, what is learned. With the
// score of a ranker and the likeness to the films placed among the features, maximal marginal relevance
// (rerank.hpp) is a choice of w, so that a policy of this kind can learn to re-rank a model's list.
//
//   d log pi(j) / dw = phi_j - E phi,   dH / dw = -E[(log pi + H) phi],   E over pi
//
// The conditional logit model (McFadden, "Conditional Logit Analysis of Qualitative Choice Behavior", 1974)
// at each place of a list; where phi does not depend on the list, that of Plackett and Luce
// (plackett_luce.hpp).
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/list_rollouts.hpp>
#include <recllm/tabular.hpp>

namespace recllm {

/// What list_policy goes by.
template <NamesCandidates Prompt>
struct list_policy_options {
  list_features<Prompt> features;
  std::vector<double> weights;  ///< k, w to begin with; (1, 0, ...) ranks by the first feature
  std::size_t length = 10;      ///< items of a list, > 0, or all candidates where they are fewer
};

/// Lists of distinct candidates, written pick by pick. A copy shares nothing but what `features` holds. It
/// learns by plain stochastic gradient descent, so w is all there is to save: bring the features to one scale
/// first.
template <NamesCandidates Prompt>
class list_policy {
 public:
  using prompt_type = Prompt;
  using list = std::vector<candidate_of<Prompt>>;
  using rollouts_type = list_rollouts<Prompt>;
  class forward_pass;

  /// Throws std::invalid_argument without features or weights, and for length 0.
  explicit list_policy(list_policy_options<Prompt> of)
      : lists_("list_policy", std::move(of.features), static_cast<Eigen::Index>(of.weights.size()),
               of.length),
        weights_(Eigen::Map<const token_matrix<double>>(of.weights.data(), 1,
                                                        static_cast<Eigen::Index>(of.weights.size()))),
        gradient_(token_matrix<double>::Zero(1, weights_.cols())) {}

  /// group_size lists of each prompt. Throws std::invalid_argument for a prompt without candidates, and where
  /// `features` leaves phi in another shape or a score is not finite.
  [[nodiscard]] rollouts_type sample(std::span<const Prompt> prompts, std::size_t group_size,
                                     random_stream rng) const {
    return lists_.sample(prompts, group_size, weights_, detail::no_scores{}, rng);
  }

  /// The candidate of the highest score at each place, of equal ones the first. Throws as sample() does.
  [[nodiscard]] rollouts_type greedy(std::span<const Prompt> prompts) const {
    return lists_.greedy(prompts, weights_, detail::no_scores{});
  }

  /// The rollouts of given lists; completions[i] answers prompts[i]. Throws std::invalid_argument for an item
  /// that is no candidate or stands twice, for too long a list, and for sizes that differ.
  [[nodiscard]] rollouts_type given(std::span<const Prompt> prompts,
                                    const std::vector<list>& completions) const {
    return lists_.given(prompts, completions);
  }

  /// The rows' log-probs, count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs(const rollouts_type& r, row_block rows) const {
    return lists_.log_probs(r, rows, weights_, detail::no_scores{});
  }

  /// The rows' log-probs, kept for the way back.
  [[nodiscard]] forward_pass trace(const rollouts_type& r, row_block rows) {
    return {*this, tokens(r, rows), rows.count};
  }

  /// w -= learning_rate * gradient; then the gradient is cleared. Returns its norm before clipping. A norm
  /// that is not finite throws non_finite_error, w unchanged and the gradient cleared.
  double step(update how) { return detail::descend(weights_, gradient_, how, "list_policy"); }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { gradient_.setZero(); }

  /// w = share * other's + (1 - share) * w.
  void blend(const list_policy& other, double share) {
    weights_ = share * other.weights_ + (1.0 - share) * weights_;
  }

  /// w, 1 x k. All that a checkpoint needs.
  [[nodiscard]] const token_matrix<double>& weights() const { return weights_; }
  [[nodiscard]] token_matrix<double>& weights() { return weights_; }

 private:
  using numbers = row_values<double>;

  struct token {
    Eigen::Index row, place;
    double log_prob, entropy;
    token_matrix<double> dlog_prob, dentropy;  // 1 x k
  };

  /// The tokens of some rows, each with its slopes.
  [[nodiscard]] std::vector<token> tokens(const rollouts_type& r, row_block rows) const {
    std::vector<token> all;
    lists_.replay(
        r, rows, weights_, detail::no_scores{},
        [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const detail::softmax<numbers>& of,
            const token_matrix<double>& phi) {
          const auto sum = [&](const numbers& shares) {
            return token_matrix<double>((phi.matrix().transpose() * shares.matrix()).transpose().array());
          };
          all.push_back({row, place, of.log_probs(pick), of.entropy(), phi.row(pick) - sum(of.probs),
                         sum(of.entropy_slopes())});
        });
    return all;
  }

  detail::list_writing<Prompt> lists_;
  token_matrix<double> weights_, gradient_;
};

/// Some rows' log-probs and the way back from them. Must not outlive its policy.
template <NamesCandidates Prompt>
class list_policy<Prompt>::forward_pass {
 public:
  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() const { return spread(&token::log_prob); }

  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> entropies() const { return spread(&token::entropy); }

  /// Adds the pullback of dloss_dlogp, count x T, to the policy's gradient.
  void backward(const token_view<float>& dloss_dlogp) {
    for (const token& at : tokens_)
      policy_.gradient_ += static_cast<double>(dloss_dlogp(at.row, at.place)) * at.dlog_prob;
  }

  /// The same, and that of dloss_dentropy, count x T.
  void backward(const token_view<float>& dloss_dlogp, const token_view<float>& dloss_dentropy) {
    backward(dloss_dlogp);
    for (const token& at : tokens_)
      policy_.gradient_ += static_cast<double>(dloss_dentropy(at.row, at.place)) * at.dentropy;
  }

 private:
  friend list_policy;
  forward_pass(list_policy& policy, std::vector<token> tokens, Eigen::Index count)
      : policy_(policy), tokens_(std::move(tokens)), count_(count) {}

  /// count x T: `value` of each token, 0 elsewhere.
  [[nodiscard]] token_matrix<float> spread(double token::*value) const {
    token_matrix<float> all = policy_.lists_.zeros(count_);
    for (const token& at : tokens_) all(at.row, at.place) = static_cast<float>(at.*value);
    return all;
  }

  list_policy& policy_;
  std::vector<token> tokens_;
  Eigen::Index count_;
};

}  // namespace recllm
