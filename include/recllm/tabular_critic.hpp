// A critic for the tabular policy: a table of values, which learns by plain stochastic gradient descent.
#pragma once

#include <cstddef>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/tabular.hpp>
#include <recllm/train/ppo_train.hpp>

namespace recllm {

/// A critic with one value for each prompt and place, whatever the items so far; starts at 0. For a
/// tabular_policy of the same sizes (`items` is not read).
class tabular_critic {
 public:
  explicit tabular_critic(tabular_options sizes)
      : values_(token_matrix<double>::Zero(static_cast<Eigen::Index>(sizes.prompts),
                                           static_cast<Eigen::Index>(sizes.length))),
        gradient_(values_) {}

  /// Some rows' values and the way back from them. Must not outlive its critic.
  class forward_pass {
   public:
    forward_pass(tabular_critic& critic, const tabular_rollouts& r, row_block rows)
        : critic_(critic),
          values_(critic.values(r, rows)),
          answered_(r.answered.begin() + rows.first, r.answered.begin() + rows.first + rows.count) {}

    /// count x T, in units of reward.
    [[nodiscard]] token_matrix<float> values() const { return values_; }

    /// Adds the pullback of dloss_dvalues, count x T, to the critic's gradient.
    void backward(token_view<float> dloss_dvalues) {
      for (std::size_t row = 0; row < answered_.size(); ++row)
        critic_.gradient_.row(static_cast<Eigen::Index>(answered_[row])) +=
            dloss_dvalues.row(static_cast<Eigen::Index>(row)).cast<double>();
    }

   private:
    tabular_critic& critic_;
    token_matrix<float> values_;
    std::vector<std::size_t> answered_;
  };

  /// count x T, in units of reward: of the state before each token. Throws std::invalid_argument for rollouts
  /// of a policy of other sizes.
  [[nodiscard]] token_matrix<float> values(const tabular_rollouts& r, row_block rows) const {
    token_matrix<float> all(rows.count, values_.cols());
    for (Eigen::Index row = 0; row < rows.count; ++row) {
      const auto prompt = static_cast<Eigen::Index>(r.answered[static_cast<std::size_t>(rows.first + row)]);
      require(prompt < values_.rows() && r.mask.cols() == values_.cols(),
              "recllm: tabular_critic: expected prompts below ", values_.rows(), " and ", values_.cols(),
              " places, got prompt ", prompt, " and ", r.mask.cols(),
              " places; give critic and policy the same sizes");
      all.row(row) = values_.row(prompt).cast<float>() * r.mask.row(rows.first + row);
    }
    return all;
  }

  /// The rows' values, kept for the way back.
  [[nodiscard]] forward_pass trace_values(const tabular_rollouts& r, row_block rows) {
    return {*this, r, rows};
  }

  /// As tabular_policy::step.
  double step(update how) { return detail::descend(values_, gradient_, how, "tabular_critic"); }

  /// Forgets the gathered gradient.
  void clear_gradient() { gradient_.setZero(); }

 private:
  token_matrix<double> values_, gradient_;
};

static_assert(Critic<tabular_critic, tabular_rollouts>);

}  // namespace recllm
