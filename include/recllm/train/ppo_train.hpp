// train_ppo(): policy optimisation with a critic (PPO) as a lazy range of steps. ppo_step() is the algorithm.
//
// Source: Schulman et al., arXiv 1707.06347, Algorithm 1; for language models Stiennon et al., arXiv
// 2009.01325.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/ppo.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/pass.hpp>
#include <recllm/train/reference.hpp>
#include <recllm/train/requirements.hpp>
#include <recllm/train/score.hpp>
#include <recllm/train/step_range.hpp>
#include <recllm/train/train_options.hpp>

namespace recllm {

/// Satisfied by one forward pass of values that can be pulled back: `t.values()` (count x T, in units of
/// reward, 0 where the mask is 0) and `t.backward(dloss_dvalues)`, which adds to the critic's gradient.
template <class T>
concept ValueTrace = requires(T& t, const token_matrix<float>& dloss_dvalues) {
  { t.values() } -> std::convertible_to<token_matrix<float>>;
  t.backward(token_view<float>(dloss_dvalues));
};

/// Satisfied by `c.values(rollouts, row_block)`, the value of the state before each token (count x T),
/// `c.trace_values(rollouts, row_block)` -> ValueTrace, and `c.step(update)` as a policy has it.
template <class C, class Rollouts>
concept Critic = Updatable<C> && requires(C& c, const Rollouts& r, row_block rows) {
  { c.values(r, rows) } -> std::convertible_to<token_matrix<float>>;
  { c.trace_values(r, rows) } -> ValueTrace;
};

/// Settings of train_ppo().
struct ppo_train_options {
  std::ptrdiff_t steps = 100;        ///< of the whole run; >= 0
  std::ptrdiff_t first_step = 0;     ///< steps first_step, ..., steps - 1 run, as if never interrupted
  std::size_t prompts_per_step = 0;  ///< 0 = all of them
  std::size_t group_size = 1;        ///< completions a prompt, > 0
  std::size_t inner_epochs =
      4;  ///< passes over the same completions, > 0; fewer where ppo::target_kl is passed
  std::size_t mini_batches = 1;  ///< optimizer steps a pass, > 0, on neighbouring rows, in random order
  std::size_t micro_rows =
      0;  ///< completions a forward pass, 0 = a mini-batch: saves memory, changes nothing else
  double learning_rate = 1e-3;                             ///< of the policy at its peak, > 0
  double critic_learning_rate = 1e-3;                      ///< of the critic at its peak, > 0
  recllm::schedule schedule = recllm::schedule::constant;  ///< of both
  std::ptrdiff_t warmup_steps = 0;                         ///< over which the learning rates rise, >= 0
  double max_grad_norm = 1.0;   ///< each gradient is scaled down to this norm; 0 = no clipping
  std::uint64_t seed = 0;       ///< step k depends on (seed, k) and the weights only
  bool mask_truncated = false;  ///< completions that the length limit cut off are not learned from
  /// Moves the objective's kl_coef once a step by step_metrics::kl (nats a token). To go on with a run, set
  /// its `coef` to the last step_metrics::kl_coef.
  std::optional<adaptive_kl> kl_control = std::nullopt;
  reference_refresh refresh = {};  ///< when the reference follows the policy
};

namespace detail {

/// What the critic is told that stays while the rows are passed: each B x T.
struct fixed_values {
  token_matrix<float> old_values, returns;
};

/// trace_values -> critic_loss -> backward for each block of rows; the loss. Throws non_finite_error where it
/// is not finite.
template <class C, class O, class Rollouts>
[[nodiscard]] double value_pass(C& critic, const O& objective, const Rollouts& r, const fixed_values& fixed,
                                const token_matrix<float>& weights, std::span<const row_block> blocks,
                                std::ptrdiff_t step) {
  double loss = 0.0;
  for (const row_block rows : blocks) {
    auto trace = critic.trace_values(r, rows);
    const token_matrix<float> values = trace.values();
    const value_evaluation<float> e = objective.critic_loss(value_batch<float>{
        values, fixed.old_values.middleRows(rows.first, rows.count),
        fixed.returns.middleRows(rows.first, rows.count), weights.middleRows(rows.first, rows.count)});
    if (!std::isfinite(e.loss) || !e.dloss_dvalues.isFinite().all())
      throw non_finite_error(message(
          "recllm: train_ppo: step ", step, ": the critic's loss of rows ", rows.first, " to ",
          rows.first + rows.count - 1, " is ", printable(e.loss), ", or its slope is not finite",
          values.isFinite().all() ? "" : ": its values are not finite", "; the weights are unchanged"));
    loss += e.loss;
    trace.backward(e.dloss_dvalues);
  }
  return loss;
}

}  // namespace detail

/// One step of PPO on P prompts, G = options.group_size, B = P * G rows: sample, score, spread the rewards
/// over the tokens, estimate advantages with the critic, then follow both losses' gradients, mini-batch by
/// mini-batch. Throws non_finite_error for a reward, a loss or a gradient that is not finite, before the
/// weights change by it.
template <class P, class C, class O, class Goal, class Reference>
step_metrics ppo_step(P& policy, C& critic, const O& objective, const Goal& goal,
                      const step_input<prompt_of<P>>& in, const ppo_train_options& options,
                      Reference* reference) {
  const detail::stopwatch watch;
  step_metrics m{.step = in.step, .learning_rate = in.learning_rate};

  rollouts_of<P> r = policy.sample(std::span(in.prompts), options.group_size, in.rng);
  detail::check_rollouts(r, in.prompts.size() * options.group_size, in.prompts.size(), "train_ppo");
  detail::completion_log log;
  const detail::scored_by by{"train_ppo", in.step, in.numbers, options.group_size};
  const row_values<double> rewards = detail::score_rows(goal, r, in.prompts, by, log.terms).rewards;
  log.add(r, rewards);
  log.describe(options.group_size, m);
  if (options.mask_truncated) detail::drop_truncated(r);

  const row_block all{0, r.rows()};
  const std::vector<row_block> blocks = row_blocks(all, options.micro_rows, options.group_size);
  detail::fixed_batch fixed;
  fixed.old_log_probs = r.log_probs;
  fixed.ref_log_probs = detail::reference_log_probs(reference, r, blocks);
  detail::fixed_values values{token_matrix<float>(r.mask.rows(), r.mask.cols()), {}};
  for (const row_block rows : blocks)
    values.old_values.middleRows(rows.first, rows.count) = critic.values(r, rows);

  gae_estimate<float> estimate = objective.estimate(experience<float>{
      rewards.template cast<float>(), fixed.old_log_probs, fixed.ref_log_probs, values.old_values, r.mask});
  fixed.advantages = std::move(estimate.advantages);
  values.returns = std::move(estimate.returns);
  fixed.weights = fixed.entropy_weights = r.mask;
  token_matrix<float> value_weights = r.mask;

  const std::size_t rows_a_batch = (r.completions.size() + options.mini_batches - 1) / options.mini_batches;
  const std::vector<row_block> batches = row_blocks(all, rows_a_batch);
  const double critic_rate = options.critic_learning_rate * in.learning_rate / options.learning_rate;
  detail::pass_totals totals;
  double value_loss = 0.0;
  for (std::size_t epoch = 0; epoch < options.inner_epochs; ++epoch) {
    tally moved;
    // Rows take the low numbers of the step's split, the order of mini-batches the highest.
    random_stream order = in.rng.split(std::numeric_limits<std::uint64_t>::max() - epoch);
    for (const std::size_t number : order.permutation(batches.size())) {
      const row_block batch = batches[number];
      const token_matrix<float> mask = r.mask.middleRows(batch.first, batch.count);
      fixed.weights.middleRows(batch.first, batch.count) = objective.weights(mask);
      fixed.entropy_weights.middleRows(batch.first, batch.count) = objective.entropy_weights(mask);
      value_weights.middleRows(batch.first, batch.count) = objective.value_weights(mask);
      const std::vector<row_block> parts = row_blocks(batch, options.micro_rows);
      try {
        detail::pass_totals pass = detail::pass(policy, objective, r, fixed, parts, "train_ppo", in.step);
        value_loss += detail::value_pass(critic, objective, r, values, value_weights, parts, in.step);
        pass.grad_norm = policy.step(update{in.learning_rate, options.max_grad_norm});
        critic.step(update{critic_rate, options.max_grad_norm});
        moved += pass.counts;
        totals += pass;
      } catch (...) {
        detail::forget_gradient(policy);
        detail::forget_gradient(critic);
        throw;
      }
    }
    if (objective.past_target(moved)) break;
  }
  detail::describe_passes(totals, m);
  m.value_loss = value_loss / std::max(1.0, totals.passes);
  m.seconds = watch.seconds();
  return m;
}

/// Trains `policy` and `critic` together to earn `goal(prompt, completion)`, as a lazy range of steps: see
/// train(). The critic is borrowed as the policy is; without a reference set the objective's kl_coef to 0.
template <class P, class C, class O, class Goal, class Prompts, class Reference = std::remove_reference_t<P>>
[[nodiscard]] step_range<step_metrics> train_ppo(P&& policy, C&& critic, O objective, Goal goal,
                                                 Prompts&& prompts, ppo_train_options options = {},
                                                 Reference* reference = nullptr) {
  using policy_type = std::remove_reference_t<P>;
  using critic_type = std::remove_reference_t<C>;
  if constexpr (detail::borrows_variables<P, Prompts>() && detail::can_learn<policy_type>()) {
    using prompt = prompt_of<policy_type>;
    constexpr bool criticises =
        std::is_lvalue_reference_v<C> && Critic<critic_type, rollouts_of<policy_type>>;
    static_assert(criticises,
                  "recllm: train_ppo needs a critic, a variable with  values(rollouts, recllm::row_block) , "
                  "trace_values(rollouts, recllm::row_block)  that returns an object with  values()  and  "
                  "backward(dloss_dvalues) , "
                  "and  step(recllm::update)");
    constexpr bool judges =
        StepObjective<O> && requires(const O& o, const experience<float>& x, const value_batch<float>& b,
                                     const token_matrix<float>& mask) {
      { o.estimate(x) } -> std::convertible_to<gae_estimate<float>>;
      { o.critic_loss(b) } -> std::convertible_to<value_evaluation<float>>;
      { o.past_target(tally{}) } -> std::convertible_to<bool>;
      { o.value_weights(mask) } -> std::convertible_to<token_matrix<float>>;
      { o.entropy_weights(mask) } -> std::convertible_to<token_matrix<float>>;
    };
    static_assert(
        judges,
        "recllm: train_ppo needs an objective with  estimate(experience) , critic_loss(value_batch) , "
        "value_weights(mask) , entropy_weights(mask)  and  past_target(tally) , such as ppo{}; grpo learns "
        "by "
        "train");
    if constexpr (criticises && judges && detail::can_score<Reference, policy_type>() &&
                  detail::are_prompts<Prompts, prompt>()) {
      detail::check_options(options, std::span<const prompt>(prompts).size(), "train_ppo");
      require(options.critic_learning_rate > 0.0 && std::isfinite(options.critic_learning_rate),
              "recllm: train_ppo: critic_learning_rate = ", options.critic_learning_rate,
              "; expected a positive number");
      if (options.kl_control) detail::set_kl_coef(objective, options.kl_control->coef, "train_ppo");
      detail::check_reference(objective, reference != nullptr, "train_ppo");
      detail::check_refresh<Reference, policy_type>(options.refresh, reference, "train_ppo");
      auto run = [&policy, &critic, objective = std::move(objective),
                  goal = std::make_shared<const Goal>(std::move(goal)),
                  inputs = detail::input_maker<prompt, ppo_train_options>(prompts, options), options,
                  reference](std::ptrdiff_t step) mutable {
        step_metrics m = ppo_step(policy, critic, objective, *goal, inputs(step), options, reference);
        if (options.kl_control) {
          m.kl_coef = options.kl_control->coef;
          detail::set_kl_coef(objective, options.kl_control->update(m.kl), "train_ppo");
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
