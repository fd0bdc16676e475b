// The rewards of a step's completions, and what they and the completions say of the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/reward/reward.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/pass.hpp>

namespace recllm::detail {

/// What the named terms of rewards report, gathered over completions.
class term_log {
 public:
  void operator()(std::string_view name, double value) {
    if (!std::isfinite(value))
      culprits_ += message(culprits_.empty() ? ": " : ", ", name, " is ", printable(value));
    auto at = std::ranges::find(terms_, name, [](const auto& t) { return std::string_view(t.name); });
    if (at == terms_.end()) at = terms_.insert(at, {std::string(name), {}});
    at->values.push_back(value);
  }

  /// The terms of the completion begun last that were not finite, for a message.
  [[nodiscard]] const std::string& culprits() const { return culprits_; }
  void begin_completion() { culprits_.clear(); }

  [[nodiscard]] std::vector<reward_term> summary() const {
    std::vector<reward_term> all;
    for (const auto& [name, values] : terms_) {
      const auto count = static_cast<double>(values.size());
      double sum = 0.0, squares = 0.0;
      for (const double value : values) sum += value;
      const double mean = sum / count;
      for (const double value : values) squares += (value - mean) * (value - mean);
      all.push_back({name, mean, count > 1.0 ? std::sqrt(squares / (count - 1.0)) : 0.0});
    }
    return all;
  }

 private:
  struct term {
    std::string name;
    std::vector<double> values;
  };
  std::vector<term> terms_;
  std::string culprits_;
};

/// Where a completion's reward comes from, for messages.
struct scored_by {
  std::string_view who;
  std::ptrdiff_t step = 0;
  std::span<const std::size_t> numbers = {};  ///< the prompts' own; none = their places
  std::size_t group_size = 1;
};

/// The rewards of B completions, and the values of their goal's addends.
struct scored_rows {
  row_values<double> rewards;    ///< B
  token_matrix<double> addends;  ///< B x k
  row_values<double> factors;    ///< k
};

/// Throws non_finite_error, naming step, prompt, rollout and term, where a reward is not finite.
template <class Goal, class Rollouts, class Prompt>
[[nodiscard]] scored_rows score_rows(const Goal& goal, const Rollouts& r, const std::vector<Prompt>& prompts,
                                     const scored_by& by, term_log& log) {
  scored_rows all{row_values<double>(r.rows()), {}, {}};
  std::vector<double> values, factors;
  const auto addend = [&](double factor, double value) {
    values.push_back(value);
    factors.push_back(factor);
  };
  for (std::size_t row = 0; row < r.completions.size(); ++row) {
    log.begin_completion();
    values.clear();
    factors.clear();
    const std::size_t asked = r.prompt[row];
    const double reward = reward::evaluate_addends(goal, prompts[asked], r.completions[row],
                                                   reward::recorder(log, by.step), addend);
    if (!std::isfinite(reward))
      throw non_finite_error(message("recllm: ", by.who, ": step ", by.step, ": the reward of prompt ",
                                     by.numbers.empty() ? asked : by.numbers[asked], ", rollout ",
                                     row % by.group_size, " is ", printable(reward), log.culprits(),
                                     "; the weights are unchanged"));
    const auto at = static_cast<Eigen::Index>(row), count = static_cast<Eigen::Index>(values.size());
    all.rewards(at) = reward;
    if (row == 0) {
      all.addends.resize(r.rows(), count);
      all.factors = Eigen::Map<const row_values<double>>(factors.data(), count);
    }
    all.addends.row(at) = Eigen::Map<const row_values<double>>(values.data(), count).transpose();
  }
  return all;
}

/// All completions of a step, those that are not learned from too, for its metrics.
class completion_log {
 public:
  term_log terms;  ///< where their rewards report

  /// Notes completions and their rewards.
  template <class Rollouts>
  void add(const Rollouts& r, const row_values<double>& rewards) {
    rewards_.insert(rewards_.end(), rewards.begin(), rewards.end());
    for (Eigen::Index row = 0; row < r.rows(); ++row)
      lengths_.push_back(static_cast<std::size_t>((r.mask.row(row) != 0.0f).count()));
    if (!r.truncated.empty())
      truncated_ = truncated_.value_or(0.0) + static_cast<double>(std::ranges::count(r.truncated, true));
  }

  /// Fills in what follows; groups are `group_size` neighbours.
  void describe(std::size_t group_size, step_metrics& m) const {
    m.reward_terms = terms.summary();
    const Eigen::Map<const row_values<double>> rewards(rewards_.data(),
                                                       static_cast<Eigen::Index>(rewards_.size()));
    const auto size = static_cast<Eigen::Index>(group_size);
    const auto groups = static_cast<double>(rewards.size() / size);
    m.reward = rewards.mean();
    for (Eigen::Index first = 0; first < rewards.size(); first += size) {
      const row_values<double> group = rewards.segment(first, size);
      if (size > 1)
        m.reward_std +=
            std::sqrt((group - group.mean()).square().sum() / static_cast<double>(size - 1)) / groups;
      if (group.maxCoeff() == group.minCoeff()) m.frac_reward_zero_std += 1.0;
    }
    m.frac_reward_zero_std /= groups;  // exactly 1 where no group can teach
    m.num_tokens = std::accumulate(lengths_.begin(), lengths_.end(), std::size_t{0});
    const auto completions = static_cast<double>(lengths_.size());
    m.mean_length = static_cast<double>(m.num_tokens) / completions;
    m.min_length = std::ranges::min(lengths_);
    m.max_length = std::ranges::max(lengths_);
    if (truncated_) m.truncated = *truncated_ / completions;
  }

 private:
  std::vector<double> rewards_;
  std::vector<std::size_t> lengths_;
  std::optional<double> truncated_;
};

/// Mask 0 for completions that the length limit cut off.
template <class Rollouts>
void drop_truncated(Rollouts& r) {
  for (std::size_t row = 0; row < r.truncated.size(); ++row)
    if (r.truncated[row]) r.mask.row(static_cast<Eigen::Index>(row)).setZero();
}

/// Fills in the means over the step's passes: of losses a pass, of the rest a token.
inline void describe_passes(const pass_totals& totals, step_metrics& m) {
  const double passes = std::max(1.0, totals.passes), counted = std::max(1.0, totals.counts.tokens);
  m.loss = totals.loss / passes;
  m.grad_norm = totals.grad_norm / passes;
  m.kl = totals.counts.kl / counted;
  m.clip_ratio_low = totals.counts.clipped_low / counted;
  m.clip_ratio_high = totals.counts.clipped_high / counted;
  if (totals.entropy) m.entropy = *totals.entropy / std::max(1.0, totals.tokens);
}

}  // namespace recllm::detail
