// How good a completion was compared with others of its prompt: group-relative and leave-one-out advantages,
// and what every estimator shares.
//
//   group-relative  (r - mean of its group) / (deviation + epsilon)    Shao et al., DeepSeekMath, arXiv
//   2402.03300,
//                   section 4.1.2; without the deviation: Liu et al., Dr. GRPO, arXiv 2503.20783
//   leave-one-out   r - mean of the others of its group    Kool et al. 2019; Ahmadian et al., RLOO, arXiv
//   2402.14740
#pragma once

#include <cstddef>
#include <span>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/advantage_options.hpp>
#include <recllm/objective/groups.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm {

/// A_i = (r_i - mean of its group) / (deviation + epsilon), B. `rewards`: B; `groups`: B, equal numbers are a
/// group, of any size. Advantages are exactly 0 in a group whose rewards are all equal, such as a group of
/// one. Reads scale, epsilon, divisor and lone. Empty input gives empty output. Throws std::invalid_argument
/// where sizes differ or epsilon < 0.
[[nodiscard]] inline row_values<double> group_relative(const row_values<double>& rewards,
                                                       std::span<const std::size_t> groups,
                                                       const advantage_options& how = {}) {
  require(how.epsilon >= 0.0, "recllm: group_relative: epsilon must be 0 or more, but is ", how.epsilon);
  return detail::within_groups(rewards, groups, how.lone, "group_relative",
                               [&](const row_values<double>& own, const auto&) -> row_values<double> {
                                 double scale = 1.0;
                                 if (how.scale == advantage_scale::group_deviation)
                                   scale = detail::spread(own, how.divisor) + how.epsilon;
                                 if (how.scale == advantage_scale::batch_deviation)
                                   scale = detail::spread(rewards, how.divisor) + how.epsilon;
                                 return detail::shifted(own, detail::mean_of(own), 1.0, scale);
                               });
}

/// A_i = r_i - mean of the others of its group, B (RLOO). Exactly 0 in a group of equal rewards and in a
/// group of one. Reads lone. Arguments and errors as for group_relative.
[[nodiscard]] inline row_values<double> leave_one_out(const row_values<double>& rewards,
                                                      std::span<const std::size_t> groups,
                                                      const advantage_options& how = {}) {
  return detail::within_groups(rewards, groups, how.lone, "leave_one_out",
                               [](const row_values<double>& own, const auto&) -> row_values<double> {
                                 const double count = static_cast<double>(own.size());
                                 return detail::shifted(own, detail::mean_of(own), count, count - 1.0);
                               });
}

/// The estimators as what an objective's `advantage` holds: `grpo{.advantage = advantage::leave_one_out}`.
namespace advantage {

/// recllm::group_relative at each token.
[[nodiscard]] inline token_matrix<double> group_relative(const scored_step& step,
                                                         const advantage_options& how) {
  return detail::over_tokens(step, recllm::group_relative(detail::total_rewards(step), step.groups, how));
}

/// recllm::leave_one_out at each token.
[[nodiscard]] inline token_matrix<double> leave_one_out(const scored_step& step,
                                                        const advantage_options& how) {
  return detail::over_tokens(step, recllm::leave_one_out(detail::total_rewards(step), step.groups, how));
}

}  // namespace advantage

}  // namespace recllm
