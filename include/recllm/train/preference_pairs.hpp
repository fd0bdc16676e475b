// Preferences made from scored completions, so that the rewards of train() feed dpo and kto too:
//
//     const auto r = policy.sample(std::span<const prompt>(prompts), 8, random_stream(seed));
//     const auto rewards = rewards_of(goal, r, prompts);
//     const auto pairs = preferences_of(r, prompts, preference_pairs(rewards, r.prompt));
//     for (const auto& m : fit(policy, dpo{}, pairs, {.epochs = 1}, &reference)) ...
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/train/fit.hpp>
#include <recllm/train/score.hpp>

namespace recllm {

/// goal(prompt, completion) of each row, B. `prompts` are those that the rollouts answer, as given to
/// sample(). Throws non_finite_error, naming prompt, row and term, where a reward is not finite.
template <class Goal, class Rollouts, class Prompt>
[[nodiscard]] row_values<double> rewards_of(const Goal& goal, const Rollouts& r,
                                            const std::vector<Prompt>& prompts) {
  detail::term_log unread;
  return detail::score_rows(goal, r, prompts, {.who = "rewards_of", .group_size = r.completions.size()},
                            unread)
      .rewards;
}

/// Which completions of a group are set against each other: its best against its worst, its best against each
/// other, or each against each.
enum class pairing { best_worst, best_rest, all };

/// Settings of preference_pairs.
struct pairing_options {
  pairing how = pairing::best_worst;
  double margin =
      0.0;  ///< >= 0: the least difference of rewards that is worth a pair; equal rewards never are
};

/// Row numbers of two completions of a group, the better one first.
struct row_pair {
  std::size_t chosen = 0;
  std::size_t rejected = 0;
  bool operator==(const row_pair&) const = default;
};

/// The pairs of completions of one group whose rewards differ, and by at least the margin.
///
/// `rewards`: B, finite; `groups`: B, equal numbers = one group, in any order: rollouts::prompt. Groups come
/// in the order of their first row, their pairs in the order of rows, chosen before rejected. Of equally good
/// completions the first is the best, of equally bad ones the first the worst. A group of one or of equal
/// rewards has no pair. Throws std::invalid_argument for sizes that differ, a reward that is not finite and a
/// margin out of range.
[[nodiscard]] inline std::vector<row_pair> preference_pairs(const row_values<double>& rewards,
                                                            std::span<const std::size_t> groups,
                                                            const pairing_options& options = {}) {
  require(static_cast<std::size_t>(rewards.size()) == groups.size(), "recllm: preference_pairs: got ",
          rewards.size(), " rewards and ", groups.size(), " group numbers; pass one of each a completion");
  require(options.margin >= 0.0, "recllm: preference_pairs: margin must be 0 or more, but is ",
          options.margin);
  const auto reward = [&](std::size_t row) { return rewards(static_cast<Eigen::Index>(row)); };
  std::vector<std::vector<std::size_t>> members;
  std::unordered_map<std::size_t, std::size_t> place;  // of a group number among the members
  for (std::size_t row = 0; row < groups.size(); ++row) {
    require(std::isfinite(reward(row)), "recllm: preference_pairs: the reward of completion ", row, " is ",
            reward(row), "; expected a finite number");
    const auto [at, fresh] = place.try_emplace(groups[row], members.size());
    if (fresh) members.emplace_back();
    members[at->second].push_back(row);
  }
  std::vector<row_pair> pairs;
  for (const std::vector<std::size_t>& group : members) {
    std::size_t best = group.front(), worst = group.front();
    for (const std::size_t row : group) {
      if (reward(row) > reward(best)) best = row;
      if (reward(row) < reward(worst)) worst = row;
    }
    for (const std::size_t chosen : group)
      for (const std::size_t rejected : group) {
        const double difference = reward(chosen) - reward(rejected);
        if (difference <= 0.0 || difference < options.margin) continue;
        if (options.how != pairing::all && chosen != best) continue;
        if (options.how == pairing::best_worst && rejected != worst) continue;
        pairs.push_back({chosen, rejected});
      }
  }
  return pairs;
}

/// The pairs as fit(policy, dpo{}, ...) takes them. `prompts` are those that the rollouts answer, as given to
/// sample(). Throws std::invalid_argument for rows or prompts that are not there, and for two completions of
/// different prompts.
template <class Rollouts, class Prompt>
[[nodiscard]] auto preferences_of(const Rollouts& r, const std::vector<Prompt>& prompts,
                                  std::span<const row_pair> pairs) {
  using completion = typename decltype(Rollouts::completions)::value_type;
  std::vector<preference<Prompt, completion>> all;
  all.reserve(pairs.size());
  for (const auto& [chosen, rejected] : pairs) {
    require(chosen < r.prompt.size() && rejected < r.prompt.size(), "recllm: preferences_of: a pair of rows ",
            chosen, " and ", rejected, ", but there are ", r.prompt.size(),
            " completions; pass the rollouts that were scored");
    require(r.prompt[chosen] == r.prompt[rejected] && r.prompt[chosen] < prompts.size(),
            "recllm: preferences_of: rows ", chosen, " and ", rejected, " answer prompts ", r.prompt[chosen],
            " and ", r.prompt[rejected], " of ", prompts.size(),
            "; a pair answers one prompt of those that were sampled");
    all.push_back({prompts[r.prompt[chosen]], r.completions[chosen], r.completions[rejected]});
  }
  return all;
}

/// The completions as fit(policy, kto{}, ...) takes them: those of rewards above `threshold` are desirable.
/// Throws std::invalid_argument where the rewards are not one a completion, and for a prompt that is not
/// there.
template <class Rollouts, class Prompt>
[[nodiscard]] auto feedback_of(const Rollouts& r, const std::vector<Prompt>& prompts,
                               const row_values<double>& rewards, double threshold) {
  using completion = typename decltype(Rollouts::completions)::value_type;
  require(static_cast<std::size_t>(rewards.size()) == r.completions.size(), "recllm: feedback_of: got ",
          rewards.size(), " rewards of ", r.completions.size(), " completions; pass one each");
  std::vector<feedback<Prompt, completion>> all;
  all.reserve(r.completions.size());
  for (std::size_t row = 0; row < r.completions.size(); ++row) {
    require(r.prompt[row] < prompts.size(), "recllm: feedback_of: row ", row, " answers prompt ",
            r.prompt[row], " of ", prompts.size(), "; pass the prompts that were sampled");
    all.push_back(
        {prompts[r.prompt[row]], r.completions[row], rewards(static_cast<Eigen::Index>(row)) > threshold});
  }
  return all;
}

}  // namespace recllm
