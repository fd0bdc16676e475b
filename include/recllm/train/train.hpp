// train(): policy optimisation by groups (GRPO and its kin) as a lazy range of steps. group_step() is the
// algorithm.
//
// Source: Shao et al., DeepSeekMath, arXiv 2402.03300, Algorithm 1; the paper RecLLM-R1, arXiv 2506.19235,
// section 3.3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/pass.hpp>
#include <recllm/train/reference.hpp>
#include <recllm/train/requirements.hpp>
#include <recllm/train/score.hpp>
#include <recllm/train/step_parts.hpp>
#include <recllm/train/step_range.hpp>
#include <recllm/train/train_options.hpp>

namespace recllm {

namespace detail {

/// The objective's weights of some groups, as the objective takes their mean.
template <class O, class Rollouts>
void set_weights(const O& objective, step_batch<Rollouts>& batch, std::span<const part_rows> blocks) {
  const token_matrix<float> mask = batch.template stacked<float>(
      blocks, [](const auto& p) -> auto& { return p.rollouts.mask; });
  batch.unstack(
      token_matrix<float>(objective.weights(mask)), blocks, [](auto& p) -> auto& { return p.fixed.weights; });
  const token_matrix<float> of_entropies = entropy_weights(objective, mask);
  if (of_entropies.size() != 0)
    batch.unstack(
        of_entropies, blocks, [](auto& p) -> auto& { return p.fixed.entropy_weights; });
}

}  // namespace detail

/// One step of GRPO on P prompts, G = options.group_size, B = P * G rows: sample, score, compare within
/// groups, then follow the objective's gradient `inner_epochs` times, mini-batch by mini-batch, each in
/// micro-batches. A reference (or nullptr) is scored where there is one. Throws non_finite_error for a
/// reward, a loss or a gradient that is not finite, before the weights change by it.
template <class P, class O, class Goal, class Reference>
step_metrics group_step(P& policy, const O& objective, const Goal& goal, const step_input<prompt_of<P>>& in,
                        const train_options& options, Reference* reference) {
  const detail::stopwatch watch;
  step_metrics m{.step = in.step, .learning_rate = in.learning_rate};
  detail::completion_log log;
  auto batch = detail::sample_groups(policy, goal, in, options, log, m);
  const std::size_t groups = batch.groups.size();
  if (groups > 0) {
    detail::prepare_step(policy, objective, options, reference, batch, m);
    const std::size_t a_batch = (groups + options.mini_batches - 1) / options.mini_batches;
    const std::size_t batches = (groups + a_batch - 1) / a_batch;
    detail::pass_totals totals;
    for (std::size_t epoch = 0; epoch < options.inner_epochs; ++epoch) {
      random_stream order = in.rng.split(std::numeric_limits<std::uint64_t>::max() - epoch);
      for (const std::size_t number : order.permutation(batches)) {
        const std::size_t first = number * a_batch;
        const std::vector<detail::part_rows> blocks =
            batch.blocks(first, std::min(a_batch, groups - first), options.micro_rows, options.group_size);
        detail::set_weights(objective, batch, blocks);
        detail::pass_totals pass;
        for (const auto& [part, rows] : blocks)
          pass += detail::pass(policy, objective, batch.parts[part].rollouts, batch.parts[part].fixed,
                               std::span(&rows, 1), "train", in.step);
        pass.passes = 1.0;
        pass.grad_norm = policy.step(update{in.learning_rate, options.max_grad_norm});
        totals += pass;
      }
    }
    detail::describe_passes(totals, m);
  }
  m.seconds = watch.seconds();
  return m;
}

/// Trains `policy` to earn `goal(prompt, completion)` from completions of its own. Returns the run as a lazy
/// range:
///
///     for (const auto& m : train(policy, grpo{}, goal, prompts, {.steps = 500}, &reference)) ...
///
/// runs a step when its metrics are read; leaving the loop ends training. Policy, prompts and reference are
/// borrowed and must outlive the range; objective and goal are kept. Step k draws from (seed, k) alone and
/// prompts come in random permutations of the seed, so `.first_step = k` goes on as if the run had not
/// stopped.
///
/// Throws std::invalid_argument for settings out of range, where the objective needs a reference that is
/// nullptr, and where a setting asks for what policy, objective or reference cannot do.
template <class P, class O, class Goal, class Prompts, class Reference = std::remove_reference_t<P>>
[[nodiscard]] step_range<step_metrics> train(P&& policy, O objective, Goal goal, Prompts&& prompts,
                                             train_options options = {}, Reference* reference = nullptr) {
  using policy_type = std::remove_reference_t<P>;
  if constexpr (detail::borrows_variables<P, Prompts>() && detail::can_learn<policy_type>()) {
    using prompt = prompt_of<policy_type>;
    if constexpr (detail::can_compare<O>() && detail::can_score<Reference, policy_type>() &&
                  detail::are_prompts<Prompts, prompt>()) {
      detail::check_options(options, std::span<const prompt>(prompts).size(), "train");
      detail::check_train_options(options, reference != nullptr);
      const auto set_coef = [](O& of, train_options& how, double coef) {
        if (how.kl_in_reward)
          how.kl_in_reward->coef = coef;
        else
          detail::set_kl_coef(of, coef, "train");
      };
      if (options.kl_control) set_coef(objective, options, options.kl_control->coef);
      detail::check_reference(objective, reference != nullptr, "train");
      detail::check_refresh<Reference, policy_type>(options.refresh, reference, "train");
      auto run = [&policy, objective = std::move(objective),
                  goal = std::make_shared<const Goal>(std::move(goal)),
                  inputs = detail::input_maker<prompt, train_options>(prompts, options), options, reference,
                  set_coef](std::ptrdiff_t step) mutable {
        step_metrics m = group_step(policy, objective, *goal, inputs(step), options, reference);
        if (options.kl_control) {
          m.kl_coef = options.kl_control->coef;
          const bool measured =
              options.sampling_rounds == 0 || m.frac_reward_zero_std < 1.0;  // a group was left
          if (measured) set_coef(objective, options, options.kl_control->update(m.kl));
        }
        detail::refresh_reference(options.refresh, step, reference, policy);
        return m;
      };
      return {std::move(run), options.first_step, options.steps};
    }
  }
  return {{}, 0, 0};
}

}  // namespace recllm
