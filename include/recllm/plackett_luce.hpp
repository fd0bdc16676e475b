// A log-linear policy over lists of distinct items: the Plackett-Luce model, in Eigen.
//
//   score(prompt, item) = x' W y,   pi(item at place t) = exp(score) / sum over items not placed yet of
//   exp(score)
//
// x: features of the prompt, y: of the item, W: what is learned. With one_hot() features W is a table of
// scores. Luce, "Individual Choice Behavior", 1959; Plackett, "The Analysis of Permutations", Applied
// Statistics 24, 1975.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/tabular.hpp>

namespace recllm {

/// Features that tell `count` things apart and say nothing else: the identity.
[[nodiscard]] inline token_matrix<double> one_hot(std::size_t count) {
  const auto n = static_cast<Eigen::Index>(count);
  return Eigen::MatrixXd::Identity(n, n).array();
}

/// What plackett_luce_policy ranks, and by what.
struct plackett_luce_options {
  token_matrix<double> prompt_features;  ///< P x d: row p is x of prompt p
  token_matrix<double> item_features;    ///< N x k: row i is y of item i
  std::size_t length = 1;                ///< places of a list, 1 to N
};

/// Lists of distinct items, drawn without replacement. A copy shares nothing. It learns by plain stochastic
/// gradient descent, so W is all there is to save.
class plackett_luce_policy {
 public:
  using prompt_type = std::size_t;
  class forward_pass;

  /// Starts uniform, W = 0. Throws std::invalid_argument for empty features and a length out of range.
  explicit plackett_luce_policy(plackett_luce_options of)
      : of_(std::move(of)),
        weights_(token_matrix<double>::Zero(of_.prompt_features.cols(), of_.item_features.cols())),
        gradient_(weights_) {
    require(of_.prompt_features.size() > 0 && of_.item_features.size() > 0,
            "recllm: plackett_luce_policy: expected features of at least one prompt and one item, got ",
            of_.prompt_features.rows(), " x ", of_.prompt_features.cols(), " and ", of_.item_features.rows(),
            " x ", of_.item_features.cols());
    require(of_.length >= 1 && of_.length <= items(), "recllm: plackett_luce_policy: length = ", of_.length,
            "; expected 1 to the number of items, ", items());
  }

  /// group_size lists of each prompt. Throws std::invalid_argument for a prompt that is not there.
  [[nodiscard]] tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                                        random_stream rng) const {
    std::vector<std::vector<int>> lists;
    for (std::size_t row = 0; row < prompts.size() * group_size; ++row) {
      random_stream own = rng.split(row);
      lists.push_back(fill(prompts[row / group_size],
                           [&](const distribution& of) { return static_cast<int>(of.draw(own.uniform())); }));
    }
    return scored(prompts, group_size, std::move(lists));
  }

  /// The items of highest score in their order.
  [[nodiscard]] tabular_rollouts greedy(std::span<const std::size_t> prompts) const {
    std::vector<std::vector<int>> lists;
    for (const std::size_t prompt : prompts)
      lists.push_back(fill(prompt, [](const distribution& of) {
        Eigen::Index best = 0;
        of.log_probs.maxCoeff(&best);
        return static_cast<int>(best);
      }));
    return scored(prompts, 1, std::move(lists));
  }

  /// The rollouts of given lists of at most `length` distinct items; completions[i] answers prompts[i].
  /// Throws std::invalid_argument for a prompt or an item that is not there, an item twice, too long a list,
  /// or sizes that differ.
  [[nodiscard]] tabular_rollouts given(std::span<const std::size_t> prompts,
                                       const std::vector<std::vector<int>>& completions) const {
    require(prompts.size() == completions.size(),
            "recllm: plackett_luce_policy: given: expected a completion for each of ", prompts.size(),
            " prompts, got ", completions.size());
    return rollouts_of_lists(prompts, 1, completions);
  }

  /// The rows' log-probs, count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs(const tabular_rollouts& r, row_block rows) const {
    return spread(score(r, rows), rows.count, log_prob);
  }

  /// The rows' log-probs, kept for the way back.
  [[nodiscard]] forward_pass trace(const tabular_rollouts& r, row_block rows);

  /// W -= learning_rate * gradient; then the gradient is cleared. Returns its norm before clipping. A norm
  /// that is not finite throws non_finite_error, W unchanged and the gradient cleared.
  double step(update how) { return detail::descend(weights_, gradient_, how, "plackett_luce_policy"); }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { gradient_.setZero(); }

  /// W = share * other's + (1 - share) * W.
  void blend(const plackett_luce_policy& other, double share) {
    weights_ = share * other.weights_ + (1.0 - share) * weights_;
  }

  /// W, d x k. All that a checkpoint needs.
  [[nodiscard]] const token_matrix<double>& weights() const { return weights_; }
  [[nodiscard]] token_matrix<double>& weights() { return weights_; }

  /// The scores of all items for a prompt, N.
  [[nodiscard]] row_values<double> scores(std::size_t prompt) const {
    check_prompt(prompt);
    return (of_.item_features.matrix() * weights_.matrix().transpose() *
            of_.prompt_features.row(static_cast<Eigen::Index>(prompt)).matrix().transpose())
        .array();
  }

 private:
  using numbers = row_values<double>;
  using distribution = detail::softmax<numbers>;

  struct token {
    Eigen::Index row, place;
    std::size_t prompt;
    int item;
    distribution of;  // all items; those placed before have no share
  };

  void check_prompt(std::size_t prompt) const {
    require(prompt < static_cast<std::size_t>(of_.prompt_features.rows()),
            "recllm: plackett_luce_policy: prompt ", prompt, " is not there; expected 0 to ",
            of_.prompt_features.rows() - 1);
  }

  [[nodiscard]] std::size_t items() const { return static_cast<std::size_t>(of_.item_features.rows()); }

  /// A list of `choose(distribution)` at each place.
  template <class Choose>
  [[nodiscard]] std::vector<int> fill(std::size_t prompt, Choose&& choose) const {
    numbers left = scores(prompt);
    std::vector<int> list;
    while (list.size() < of_.length) {
      list.push_back(choose(distribution(left)));
      left(list.back()) = -std::numeric_limits<double>::infinity();
    }
    return list;
  }

  [[nodiscard]] tabular_rollouts scored(std::span<const std::size_t> prompts, std::size_t group_size,
                                        std::vector<std::vector<int>> lists) const {
    tabular_rollouts r = rollouts_of_lists(prompts, group_size, std::move(lists));
    r.log_probs = log_probs(r, {0, r.rows()});
    return r;
  }

  [[nodiscard]] tabular_rollouts rollouts_of_lists(std::span<const std::size_t> prompts,
                                                   std::size_t group_size,
                                                   std::vector<std::vector<int>> lists) const {
    tabular_rollouts r;
    r.mask = token_matrix<float>::Zero(static_cast<Eigen::Index>(lists.size()),
                                       static_cast<Eigen::Index>(of_.length));
    for (std::size_t row = 0; row < lists.size(); ++row) {
      check_prompt(prompts[row / group_size]);
      std::vector<bool> placed(items(), false);
      require(lists[row].size() <= of_.length, "recllm: plackett_luce_policy: completion ", row, " has ",
              lists[row].size(), " items; there are ", of_.length, " places");
      for (const int item : lists[row]) {
        require(item >= 0 && static_cast<std::size_t>(item) < items(),
                "recllm: plackett_luce_policy: completion ", row, " has item ", item, "; expected 0 to ",
                items() - 1);
        require(!placed[static_cast<std::size_t>(item)], "recllm: plackett_luce_policy: completion ", row,
                " has item ", item, " twice; its lists are of distinct items");
        placed[static_cast<std::size_t>(item)] = true;
      }
      r.mask.row(static_cast<Eigen::Index>(row)).head(static_cast<Eigen::Index>(lists[row].size())) = 1.0f;
      r.prompt.push_back(row / group_size);
      r.answered.push_back(prompts[row / group_size]);
    }
    r.completions = std::move(lists);
    r.log_probs = token_matrix<float>::Zero(r.mask.rows(), r.mask.cols());
    return r;
  }

  /// The tokens of some rows, each with its distribution.
  [[nodiscard]] std::vector<token> score(const tabular_rollouts& r, row_block rows) const {
    std::vector<token> all;
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const auto from = static_cast<std::size_t>(rows.first + row);
      numbers left = scores(r.answered[from]);
      for (std::size_t place = 0; place < r.completions[from].size(); ++place) {
        const int item = r.completions[from][place];
        all.push_back({row, static_cast<Eigen::Index>(place), r.answered[from], item, distribution(left)});
        left(item) = -std::numeric_limits<double>::infinity();
      }
    }
    return all;
  }

  /// count x T: `value` of each token, 0 elsewhere.
  template <class Value>
  [[nodiscard]] token_matrix<float> spread(const std::vector<token>& tokens, Eigen::Index count,
                                           Value value) const {
    token_matrix<float> all = token_matrix<float>::Zero(count, static_cast<Eigen::Index>(of_.length));
    for (const token& at : tokens) all(at.row, at.place) = static_cast<float>(value(at));
    return all;
  }
  [[nodiscard]] static double log_prob(const token& at) { return at.of.log_probs(at.item); }
  [[nodiscard]] static double entropy(const token& at) { return at.of.entropy(); }

  /// Adds what slopes of a token's scores, N, are to W.
  void add(const token& at, const numbers& dloss_dscores) {
    gradient_ += (of_.prompt_features.row(static_cast<Eigen::Index>(at.prompt)).matrix().transpose() *
                  (dloss_dscores.matrix().transpose() * of_.item_features.matrix()))
                     .array();
  }

  plackett_luce_options of_;
  token_matrix<double> weights_, gradient_;
};

/// Some rows' log-probs and the way back from them. Must not outlive its policy.
class plackett_luce_policy::forward_pass {
 public:
  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() const { return policy_.spread(tokens_, count_, log_prob); }

  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> entropies() const { return policy_.spread(tokens_, count_, entropy); }

  /// Adds the pullback of dloss_dlogp, count x T, to the policy's gradient: dlogp / dscore_j = [j = item] -
  /// p_j.
  void backward(const token_view<float>& dloss_dlogp) {
    for (const token& at : tokens_) {
      const auto slope = static_cast<double>(dloss_dlogp(at.row, at.place));
      numbers slopes = -slope * at.of.probs;
      slopes(at.item) += slope;
      policy_.add(at, slopes);
    }
  }

  /// The same, and that of dloss_dentropy, count x T.
  void backward(const token_view<float>& dloss_dlogp, const token_view<float>& dloss_dentropy) {
    backward(dloss_dlogp);
    for (const token& at : tokens_)
      policy_.add(at, static_cast<double>(dloss_dentropy(at.row, at.place)) * at.of.entropy_slopes());
  }

 private:
  friend plackett_luce_policy;
  forward_pass(plackett_luce_policy& policy, std::vector<token> tokens, Eigen::Index count)
      : policy_(policy), tokens_(std::move(tokens)), count_(count) {}

  plackett_luce_policy& policy_;
  std::vector<token> tokens_;
  Eigen::Index count_;
};

inline plackett_luce_policy::forward_pass plackett_luce_policy::trace(const tabular_rollouts& r,
                                                                      row_block rows) {
  return {*this, score(r, rows), rows.count};
}

static_assert(Policy<plackett_luce_policy> && Teachable<plackett_luce_policy> &&
              Greedy<plackett_luce_policy>);
static_assert(EntropyPullback<plackett_luce_policy::forward_pass> &&
              Blendable<plackett_luce_policy, plackett_luce_policy>);

}  // namespace recllm
