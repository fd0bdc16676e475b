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

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/tabular.hpp>

namespace recllm {

/// Satisfied by a prompt whose `.candidates`, items in a vector or span, are what its list may hold.
template <class Prompt>
concept NamesCandidates = requires(const Prompt& prompt) {
  {std::span(prompt.candidates)};
};

/// The type of a prompt's candidates, and so of a list's items.
template <NamesCandidates Prompt>
using candidate_of = std::ranges::range_value_t<decltype(Prompt::candidates)>;

/// What list_policy goes by.
template <NamesCandidates Prompt>
struct list_policy_options {
  /// `features(prompt, placed, phi)` keeps phi, n x k, the features of the prompt's n candidates in their
  /// order. `placed`: the candidates' places in the prompt of the items in the list so far. It is called for
  /// the empty list with phi all 0, and after each pick, but for the last, with phi as it left it: what only
  /// the last pick changes (a sum, the largest likeness) need not be computed anew. The same arguments, the
  /// same features.
  std::function<void(const Prompt& prompt, std::span<const std::size_t> placed, token_matrix<double>& phi)>
      features;
  std::vector<double> weights;  ///< k, w to begin with; (1, 0, ...) ranks by the first feature
  std::size_t length = 10;      ///< items of a list, > 0, or all candidates where they are fewer
};

/// Lists that remember which prompts they answer, and where their items stand in them.
template <NamesCandidates Prompt>
struct list_rollouts : rollouts<std::vector<candidate_of<Prompt>>> {
  std::vector<Prompt> asked;                    ///< P: the prompts
  std::vector<std::vector<std::size_t>> picks;  ///< B: the places of each list's items in the candidates
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
  explicit list_policy(list_policy_options<Prompt> options)
      : options_(std::move(options)),
        weights_(Eigen::Map<const token_matrix<double>>(options_.weights.data(), 1,
                                                        static_cast<Eigen::Index>(options_.weights.size()))),
        gradient_(token_matrix<double>::Zero(1, weights_.cols())) {
    require(options_.features != nullptr && weights_.size() > 0 && options_.length > 0,
            "recllm: list_policy: expected a function of features, a weight for each of them and a length > "
            "0, got ",
            options_.features ? "features" : "no function", ", ", weights_.size(), " weights and length ",
            options_.length);
  }

  /// group_size lists of each prompt. Throws std::invalid_argument for a prompt without candidates, and where
  /// `features` leaves phi in another shape or a score is not finite.
  [[nodiscard]] rollouts_type sample(std::span<const Prompt> prompts, std::size_t group_size,
                                     random_stream rng) const {
    return write(prompts, group_size, [&](std::size_t row) {
      return [own = rng.split(row)](const numbers& log_probs) mutable {
        return static_cast<std::size_t>(detail::draw(log_probs, own.uniform()));
      };
    });
  }

  /// The candidate of the highest score at each place, of equal ones the first. Throws as sample() does.
  [[nodiscard]] rollouts_type greedy(std::span<const Prompt> prompts) const {
    return write(prompts, 1, [](std::size_t) {
      return [](const numbers& log_probs) {
        Eigen::Index best = 0;
        log_probs.maxCoeff(&best);
        return static_cast<std::size_t>(best);
      };
    });
  }

  /// The rollouts of given lists; completions[i] answers prompts[i]. Throws std::invalid_argument for an item
  /// that is no candidate or stands twice, for too long a list, and for sizes that differ.
  [[nodiscard]] rollouts_type given(std::span<const Prompt> prompts,
                                    const std::vector<list>& completions) const {
    require(prompts.size() == completions.size(),
            "recllm: list_policy: given: expected a completion for each of ", prompts.size(),
            " prompts, got ", completions.size());
    rollouts_type r = empty(prompts, 1);
    for (std::size_t row = 0; row < completions.size(); ++row) {
      require(completions[row].size() <= options_.length, "recllm: list_policy: completion ", row, " has ",
              completions[row].size(), " items; there are ", options_.length, " places");
      std::vector<std::size_t>& picks = r.picks[row];
      for (const auto& item : completions[row]) {
        const auto& candidates = prompts[row].candidates;
        const auto found = std::ranges::find(candidates, item);
        require(found != std::end(candidates), "recllm: list_policy: item ", picks.size(), " of completion ",
                row, " is none of its prompt's candidates");
        picks.push_back(static_cast<std::size_t>(found - std::begin(candidates)));
        require(std::ranges::count(picks, picks.back()) == 1, "recllm: list_policy: item ", picks.size() - 1,
                " of completion ", row, " stands there twice; its lists are of distinct items");
      }
    }
    name_items(r);
    return r;
  }

  /// The rows' log-probs, count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs(const rollouts_type& r, row_block rows) const {
    token_matrix<float> all =
        token_matrix<float>::Zero(rows.count, static_cast<Eigen::Index>(options_.length));
    replay(r, rows,
           [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const numbers& log_probs,
               const auto&) { all(row, place) = static_cast<float>(log_probs(pick)); });
    return all;
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

  [[nodiscard]] std::size_t length_of(const Prompt& prompt) const {
    return std::min(options_.length, std::span(prompt.candidates).size());
  }

  /// n x k: the features where the list is empty.
  [[nodiscard]] token_matrix<double> features_at_start(const Prompt& prompt) const {
    token_matrix<double> phi = token_matrix<double>::Zero(
        static_cast<Eigen::Index>(std::span(prompt.candidates).size()), weights_.cols());
    require(phi.rows() > 0, "recllm: list_policy: a prompt has no candidates");
    options_.features(prompt, {}, phi);
    return phi;
  }

  /// Writes a list of `length` picks: `choose(log_probs, phi)` makes one, n log-probs, -infinity for those
  /// placed.
  template <class Choose>
  std::vector<std::size_t> fill(const Prompt& prompt, token_matrix<double> phi, std::size_t length,
                                Choose&& choose) const {
    const auto n = static_cast<Eigen::Index>(std::span(prompt.candidates).size());
    std::vector<std::size_t> placed;
    while (placed.size() < length) {
      if (!placed.empty()) options_.features(prompt, placed, phi);
      require(phi.rows() == n && phi.cols() == weights_.cols(), "recllm: list_policy: features left ",
              phi.rows(), " x ", phi.cols(), " numbers; expected a row for each of ", n,
              " candidates and a column for each of ", weights_.cols(), " weights");
      numbers scores = (phi.matrix() * weights_.matrix().transpose()).array();
      require(scores.isFinite().all(), "recllm: list_policy: a score at place ", placed.size(),
              " is not finite; are the features?");
      for (const std::size_t i : placed)
        scores(static_cast<Eigen::Index>(i)) = -std::numeric_limits<double>::infinity();
      placed.push_back(choose(detail::log_softmax(scores), std::as_const(phi)));
    }
    return placed;
  }

  /// Lists of which `writer(row)` makes every pick.
  template <class Writer>
  [[nodiscard]] rollouts_type write(std::span<const Prompt> prompts, std::size_t group_size,
                                    Writer&& writer) const {
    rollouts_type r = empty(prompts, group_size);
    for (std::size_t p = 0, row = 0; p < prompts.size(); ++p) {
      const token_matrix<double> start = features_at_start(prompts[p]);
      for (std::size_t i = 0; i < group_size; ++i, ++row) {
        auto pick = writer(row);
        Eigen::Index place = 0;
        r.picks[row] =
            fill(prompts[p], start, length_of(prompts[p]), [&](const numbers& log_probs, const auto&) {
              const std::size_t picked = pick(log_probs);
              r.log_probs(static_cast<Eigen::Index>(row), place++) =
                  static_cast<float>(log_probs(static_cast<Eigen::Index>(picked)));
              return picked;
            });
      }
    }
    name_items(r);
    return r;
  }

  /// group_size rows a prompt, without items yet.
  [[nodiscard]] rollouts_type empty(std::span<const Prompt> prompts, std::size_t group_size) const {
    rollouts_type r;
    r.mask = token_matrix<float>::Zero(static_cast<Eigen::Index>(prompts.size() * group_size),
                                       static_cast<Eigen::Index>(options_.length));
    r.log_probs = r.mask;
    r.asked.assign(prompts.begin(), prompts.end());
    r.picks.resize(prompts.size() * group_size);
    for (std::size_t row = 0; row < r.picks.size(); ++row) r.prompt.push_back(row / group_size);
    return r;
  }

  /// The picks as completions and mask.
  void name_items(rollouts_type& r) const {
    for (std::size_t row = 0; row < r.picks.size(); ++row) {
      list& items = r.completions.emplace_back();
      for (const std::size_t i : r.picks[row]) items.push_back(r.asked[r.prompt[row]].candidates[i]);
      r.mask.row(static_cast<Eigen::Index>(row)).head(static_cast<Eigen::Index>(items.size())) = 1.0f;
    }
  }

  /// Writes some rows' lists again: `visit(row of the block, place, pick, log_probs, phi)` at each place.
  template <class Visit>
  void replay(const rollouts_type& r, row_block rows, Visit&& visit) const {
    token_matrix<double> start;
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const auto from = static_cast<std::size_t>(rows.first + row);
      const Prompt& prompt = r.asked[r.prompt[from]];
      if (row == 0 || r.prompt[from] != r.prompt[from - 1]) start = features_at_start(prompt);
      Eigen::Index place = 0;
      fill(prompt, start, r.picks[from].size(), [&](const numbers& log_probs, const auto& phi) {
        const std::size_t pick = r.picks[from][static_cast<std::size_t>(place)];
        visit(row, place++, static_cast<Eigen::Index>(pick), log_probs, phi);
        return pick;
      });
    }
  }

  /// The tokens of some rows, each with its slopes.
  [[nodiscard]] std::vector<token> tokens(const rollouts_type& r, row_block rows) const {
    std::vector<token> all;
    replay(r, rows,
           [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const numbers& log_probs,
               const token_matrix<double>& phi) {
             const numbers p = log_probs.exp(), p_log_p = log_probs.isInf().select(0.0, p * log_probs);
             const double entropy = -p_log_p.sum();
             const auto sum = [&](const numbers& shares) {
               return token_matrix<double>((phi.matrix().transpose() * shares.matrix()).transpose().array());
             };
             all.push_back(
                 {row, place, log_probs(pick), entropy, phi.row(pick) - sum(p), -sum(p_log_p + entropy * p)});
           });
    return all;
  }

  list_policy_options<Prompt> options_;
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
    token_matrix<float> all =
        token_matrix<float>::Zero(count_, static_cast<Eigen::Index>(policy_.options_.length));
    for (const token& at : tokens_) all(at.row, at.place) = static_cast<float>(at.*value);
    return all;
  }

  list_policy& policy_;
  std::vector<token> tokens_;
  Eigen::Index count_;
};

}  // namespace recllm
