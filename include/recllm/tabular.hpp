// The smallest complete policy, a table of logits: read it to write your own. With it, a critic that is a
// table too.
//
//   pi(item at place t | prompt) = softmax(logits[prompt, t]),   d log pi(item) / d logit_j = [j = item] -
//   pi(j)
//
// It learns by plain stochastic gradient descent, so the table is all there is to save.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// The sizes of a table, each > 0.
struct tabular_options {
  std::size_t prompts = 1;  ///< prompts are numbered 0, ..., prompts - 1
  std::size_t length = 1;   ///< places of a completion
  std::size_t items = 2;    ///< items are numbered 0, ..., items - 1
};

/// Lists of items that remember which prompt they answer.
struct tabular_rollouts : rollouts<std::vector<int>> {
  std::vector<std::size_t> answered;  ///< B: the prompt of each row
};

namespace detail {

/// table -= learning_rate * gradient, clipped; the gradient is cleared. Returns its norm before clipping.
inline double descend(token_matrix<double>& table, token_matrix<double>& gradient, update how,
                      const char* who) {
  const token_matrix<double> taken =
      std::exchange(gradient, token_matrix<double>::Zero(gradient.rows(), gradient.cols()));
  const double norm = std::sqrt(taken.square().sum());
  if (!std::isfinite(norm))
    throw non_finite_error(
        message("recllm: ", who, ": step: the gradient's norm is ", norm, "; the table is unchanged"));
  const bool clip = how.max_grad_norm > 0.0 && norm > how.max_grad_norm;
  table -= how.learning_rate * (clip ? how.max_grad_norm / norm : 1.0) * taken;
  return norm;
}

/// The softmax of some scores, an Eigen array. Those of -infinity, say of items that are placed already, have
/// no share; not all may be.
template <class Numbers>
struct softmax {
  explicit softmax(const Numbers& scores) {
    const double top = scores.maxCoeff();
    probs = (scores - top).exp();
    const double sum = probs.sum();
    log_probs = scores - (top + std::log(sum));
    probs /= sum;
  }

  /// Nats.
  [[nodiscard]] double entropy() const { return -log_probs.isInf().select(0.0, probs * log_probs).sum(); }

  /// dH / dscore_j = -p_j (log p_j + H).
  [[nodiscard]] Numbers entropy_slopes() const {
    return log_probs.isInf().select(0.0, -probs * (log_probs + entropy()));
  }

  /// The place whose share of [0, 1) holds u; never one without a share.
  [[nodiscard]] Eigen::Index draw(double u) const {
    Eigen::Index last = 0;
    for (Eigen::Index i = 0; i < probs.size(); ++i) {
      if (probs(i) <= 0.0) continue;
      last = i;
      if ((u -= probs(i)) < 0.0) break;
    }
    return last;
  }

  Numbers log_probs, probs;
};

}  // namespace detail

/// A policy that fills each place of a list by a softmax of its own, whatever the other places hold.
/// A copy shares nothing: `const auto reference = policy;` freezes a reference.
class tabular_policy {
 public:
  using prompt_type = std::size_t;
  class forward_pass;

  /// Starts uniform, all logits 0. Throws std::invalid_argument where a size is 0.
  explicit tabular_policy(tabular_options sizes)
      : sizes_(sizes),
        logits_(token_matrix<double>::Zero(static_cast<Eigen::Index>(sizes.prompts * sizes.length),
                                           static_cast<Eigen::Index>(sizes.items))),
        gradient_(token_matrix<double>::Zero(logits_.rows(), logits_.cols())) {
    require(logits_.size() > 0, "recllm: tabular_policy: expected sizes above 0, got ", sizes.prompts,
            " prompts, ", sizes.length, " places, ", sizes.items, " items");
  }

  /// group_size lists of `length` items for each prompt. Throws std::invalid_argument for a prompt not in the
  /// table.
  [[nodiscard]] tabular_rollouts sample(std::span<const std::size_t> prompts, std::size_t group_size,
                                        random_stream rng) const {
    tabular_rollouts r;
    for (std::size_t row = 0; row < prompts.size() * group_size; ++row) {
      random_stream own = rng.split(row);
      const std::size_t asked = row / group_size;
      std::vector<int> list;
      for (std::size_t place = 0; place < sizes_.length; ++place)
        list.push_back(static_cast<int>(softmax(cell(prompts[asked], place)).draw(own.uniform())));
      append(r, asked, prompts[asked], std::move(list));
    }
    fill_mask(r);
    r.log_probs = log_probs(r, {0, r.rows()});
    return r;
  }

  /// The likeliest item at each place.
  [[nodiscard]] tabular_rollouts greedy(std::span<const std::size_t> prompts) const {
    std::vector<std::vector<int>> lists(prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i)
      for (std::size_t place = 0; place < sizes_.length; ++place) {
        Eigen::Index item = 0;
        logits_.row(cell(prompts[i], place)).maxCoeff(&item);
        lists[i].push_back(static_cast<int>(item));
      }
    tabular_rollouts r = given(prompts, lists);
    r.log_probs = log_probs(r, {0, r.rows()});
    return r;
  }

  /// The rollouts of given lists of at most `length` items; completions[i] answers prompts[i]. Throws
  /// std::invalid_argument for a prompt or an item not in the table, too long a list, or sizes that differ.
  [[nodiscard]] tabular_rollouts given(std::span<const std::size_t> prompts,
                                       const std::vector<std::vector<int>>& completions) const {
    require(prompts.size() == completions.size(),
            "recllm: tabular_policy: given: expected a completion for each of ", prompts.size(),
            " prompts, got ", completions.size());
    tabular_rollouts r;
    for (std::size_t i = 0; i < prompts.size(); ++i) append(r, i, prompts[i], completions[i]);
    fill_mask(r);
    r.log_probs = token_matrix<float>::Zero(r.mask.rows(), r.mask.cols());
    return r;
  }

  /// The rows' log-probs, count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs(const tabular_rollouts& r, row_block rows) const {
    return spread(score(r, rows), rows.count, log_prob);
  }

  /// The rows' log-probs, kept for the way back.
  [[nodiscard]] forward_pass trace(const tabular_rollouts& r, row_block rows);

  /// logits -= learning_rate * gradient; then the gradient is cleared. Returns its norm before clipping. A
  /// norm that is not finite throws non_finite_error, the table unchanged and the gradient cleared.
  double step(update how) { return detail::descend(logits_, gradient_, how, "tabular_policy"); }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { gradient_.setZero(); }

  /// logits = share * other's + (1 - share) * logits.
  void blend(const tabular_policy& other, double share) {
    logits_ = share * other.logits_ + (1.0 - share) * logits_;
  }

  /// The table, (prompts * length) x items; row prompt * length + place. All that a checkpoint needs.
  [[nodiscard]] const token_matrix<double>& logits() const { return logits_; }
  [[nodiscard]] token_matrix<double>& logits() { return logits_; }

 private:
  using distribution = detail::softmax<Eigen::Array<double, 1, Eigen::Dynamic>>;

  struct token {
    Eigen::Index row, place, cell, item;
    distribution of;
  };

  /// count x T: `value` of each token, 0 elsewhere.
  template <class Value>
  [[nodiscard]] token_matrix<float> spread(const std::vector<token>& tokens, Eigen::Index count,
                                           Value value) const {
    token_matrix<float> all = token_matrix<float>::Zero(count, static_cast<Eigen::Index>(sizes_.length));
    for (const token& at : tokens) all(at.row, at.place) = static_cast<float>(value(at));
    return all;
  }
  [[nodiscard]] static double log_prob(const token& at) { return at.of.log_probs(at.item); }
  [[nodiscard]] static double entropy(const token& at) { return at.of.entropy(); }

  /// The tokens of some rows, each with its distribution.
  [[nodiscard]] std::vector<token> score(const tabular_rollouts& r, row_block rows) const {
    std::vector<token> all;
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const std::size_t from = static_cast<std::size_t>(rows.first + row);
      for (std::size_t place = 0; place < r.completions[from].size(); ++place) {
        const Eigen::Index at = cell(r.answered[from], place);
        all.push_back({row, static_cast<Eigen::Index>(place), at, r.completions[from][place], softmax(at)});
      }
    }
    return all;
  }

  [[nodiscard]] distribution softmax(Eigen::Index at) const { return distribution(logits_.row(at)); }

  /// The row of the table. Throws for a prompt that is not in it.
  Eigen::Index cell(std::size_t prompt, std::size_t place) const {
    require(prompt < sizes_.prompts, "recllm: tabular_policy: prompt ", prompt,
            " is not in the table; expected 0 to ", sizes_.prompts - 1);
    return static_cast<Eigen::Index>(prompt * sizes_.length + place);
  }

  void append(tabular_rollouts& r, std::size_t asked, std::size_t prompt, std::vector<int> list) const {
    cell(prompt, 0);
    require(list.size() <= sizes_.length, "recllm: tabular_policy: completion ", asked, " has ", list.size(),
            " items; the table has ", sizes_.length, " places");
    for (const int item : list)
      require(item >= 0 && static_cast<std::size_t>(item) < sizes_.items,
              "recllm: tabular_policy: completion ", asked, " has item ", item, "; expected 0 to ",
              sizes_.items - 1);
    r.prompt.push_back(asked);
    r.answered.push_back(prompt);
    r.completions.push_back(std::move(list));
  }

  void fill_mask(tabular_rollouts& r) const {
    r.mask = token_matrix<float>::Zero(r.rows(), static_cast<Eigen::Index>(sizes_.length));
    for (Eigen::Index row = 0; row < r.rows(); ++row)
      r.mask.row(row).head(static_cast<Eigen::Index>(r.completions[static_cast<std::size_t>(row)].size())) =
          1.0f;
  }

  tabular_options sizes_;
  token_matrix<double> logits_, gradient_;
};

/// Some rows' log-probs and the way back from them. Must not outlive its policy.
class tabular_policy::forward_pass {
 public:
  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() const { return policy_.spread(tokens_, count_, log_prob); }

  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> entropies() const { return policy_.spread(tokens_, count_, entropy); }

  /// Adds the pullback of dloss_dlogp, count x T, to the policy's gradient.
  void backward(const token_view<float>& dloss_dlogp) {
    for (const token& at : tokens_) {
      const double slope = static_cast<double>(dloss_dlogp(at.row, at.place));
      policy_.gradient_.row(at.cell) -= slope * at.of.probs;
      policy_.gradient_(at.cell, at.item) += slope;
    }
  }

  /// The same, and that of dloss_dentropy, count x T.
  void backward(const token_view<float>& dloss_dlogp, const token_view<float>& dloss_dentropy) {
    backward(dloss_dlogp);
    for (const token& at : tokens_)
      policy_.gradient_.row(at.cell) +=
          static_cast<double>(dloss_dentropy(at.row, at.place)) * at.of.entropy_slopes();
  }

 private:
  friend tabular_policy;
  forward_pass(tabular_policy& policy, std::vector<token> tokens, Eigen::Index count)
      : policy_(policy), tokens_(std::move(tokens)), count_(count) {}

  tabular_policy& policy_;
  std::vector<token> tokens_;
  Eigen::Index count_;
};

inline tabular_policy::forward_pass tabular_policy::trace(const tabular_rollouts& r, row_block rows) {
  return {*this, score(r, rows), rows.count};
}

static_assert(Policy<tabular_policy> && Teachable<tabular_policy> &&
              Scorer<const tabular_policy, tabular_rollouts>);
static_assert(EntropyPullback<tabular_policy::forward_pass> && Greedy<tabular_policy> &&
              Blendable<tabular_policy, tabular_policy>);

}  // namespace recllm
