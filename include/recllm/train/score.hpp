// The rewards of a step's completions, and what they and the completions say of the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// The reward of each row, B; the mean of each named term goes to m.reward_terms. `numbers` are the prompts'
/// own, for messages. Throws non_finite_error, naming step, prompt, rollout and term, where a reward is not
/// finite.
template <class Goal, class Rollouts, class Prompt>
[[nodiscard]] row_values<double> reward_rows(const Goal& goal, const Rollouts& r,
                                             const std::vector<Prompt>& prompts,
                                             const std::vector<std::size_t>& numbers, std::size_t group_size,
                                             std::string_view who, step_metrics& m) {
  row_values<double> rewards(r.rows());
  std::vector<double> counts;
  std::string culprits;
  auto note = [&](std::string_view name, double value) {
    if (!std::isfinite(value))
      culprits += message(culprits.empty() ? ": " : ", ", name, " is ", printable(value));
    auto term =
        std::ranges::find(m.reward_terms, name, [](const auto& t) { return std::string_view(t.first); });
    if (term == m.reward_terms.end()) {
      counts.push_back(0.0);
      term = m.reward_terms.emplace(term, name, 0.0);
    }
    term->second += value;
    counts[static_cast<std::size_t>(term - m.reward_terms.begin())] += 1.0;
  };
  for (std::size_t row = 0; row < r.completions.size(); ++row) {
    culprits.clear();
    const std::size_t asked = r.prompt[row];
    const double reward = reward::evaluate(goal, prompts[asked], r.completions[row], note);
    if (!std::isfinite(reward))
      throw non_finite_error(message("recllm: ", who, ": step ", m.step, ": the reward of prompt ",
                                     numbers.empty() ? asked : numbers[asked], ", rollout ", row % group_size,
                                     " is ", printable(reward), culprits, "; the weights are unchanged"));
    rewards(static_cast<Eigen::Index>(row)) = reward;
  }
  for (std::size_t i = 0; i < counts.size(); ++i) m.reward_terms[i].second /= counts[i];
  return rewards;
}

/// Fills in what follows from the rewards and the completions' lengths; groups are `group_size` neighbouring
/// rows.
inline void describe_groups(const row_values<double>& rewards, const token_matrix<float>& mask,
                            std::size_t group_size, step_metrics& m) {
  const auto size = static_cast<Eigen::Index>(group_size);
  const auto groups = static_cast<double>(rewards.size() / size);
  m.reward = rewards.mean();
  for (Eigen::Index first = 0; first < rewards.size(); first += size) {
    const row_values<double> group = rewards.segment(first, size);
    if (size > 1)
      m.reward_std +=
          std::sqrt((group - group.mean()).square().sum() / static_cast<double>(size - 1)) / groups;
    if (group.maxCoeff() == group.minCoeff()) m.frac_reward_zero_std += 1.0 / groups;
  }
  m.num_tokens = static_cast<std::size_t>((mask != 0.0f).count());
  m.mean_length = static_cast<double>(m.num_tokens) / static_cast<double>(mask.rows());
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
