// train(): policy optimisation by groups (GRPO and its kin) as a lazy range of steps. group_step() is the
// algorithm.
//
// Source: Shao et al., DeepSeekMath, arXiv 2402.03300, Algorithm 1; the paper RecLLM-R1, arXiv 2506.19235,
// section 3.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/order.hpp>
#include <recllm/train/pass.hpp>
#include <recllm/train/requirements.hpp>
#include <recllm/train/schedule.hpp>
#include <recllm/train/score.hpp>
#include <recllm/train/step_range.hpp>

namespace recllm {

/// Settings of train().
struct train_options {
  std::ptrdiff_t steps = 100;        ///< of the whole run; >= 0
  std::ptrdiff_t first_step = 0;     ///< steps first_step, ..., steps - 1 run, as if never interrupted
  std::size_t prompts_per_step = 0;  ///< 0 = all of them
  std::size_t group_size = 8;        ///< completions a prompt, > 0; groups of one have nothing to compare
  std::size_t inner_epochs = 1;      ///< optimizer steps on the same completions, > 0
  std::size_t micro_rows = 0;   ///< completions a forward pass, 0 = all: saves memory, changes nothing else
  double learning_rate = 1e-3;  ///< at its peak, > 0
  recllm::schedule schedule = recllm::schedule::constant;
  std::ptrdiff_t warmup_steps = 0;  ///< over which the learning rate rises, >= 0
  double max_grad_norm = 1.0;       ///< the gradient is scaled down to this norm; 0 = no clipping
  std::uint64_t seed = 0;           ///< step k depends on (seed, k) and the weights only
};

/// What one step works on.
template <class Prompt>
struct step_input {
  std::ptrdiff_t step = 0;
  std::vector<Prompt> prompts;       ///< P
  std::vector<std::size_t> numbers;  ///< P, or empty: the prompts' own numbers, for messages
  random_stream rng{0};
  double learning_rate = 1e-3;
};

namespace detail {

/// Makes the input of any step from (seed, step) alone. Borrows the prompts.
template <class Prompt, class Options>
class input_maker {
 public:
  input_maker(std::span<const Prompt> prompts, const Options& options)
      : prompts_(prompts), options_(options), order_(prompts.size(), options.seed) {}

  [[nodiscard]] step_input<Prompt> operator()(std::ptrdiff_t step) {
    step_input<Prompt> in;
    in.step = step;
    in.numbers =
        order_.batch(step, options_.prompts_per_step == 0 ? prompts_.size() : options_.prompts_per_step);
    for (const std::size_t number : in.numbers) in.prompts.push_back(prompts_[number]);
    in.rng = random_stream(options_.seed).split(static_cast<std::uint64_t>(step));
    in.learning_rate = options_.learning_rate *
                       learning_rate_share(options_.schedule, step, options_.steps, options_.warmup_steps);
    return in;
  }

 private:
  std::span<const Prompt> prompts_;
  Options options_;
  epoch_order order_;
};

template <class Options>
void check_options(const Options& o, std::size_t prompts, std::string_view who) {
  require(prompts > 0, "recllm: ", who, ": there are no prompts; expected at least one");
  require(o.prompts_per_step <= prompts, "recllm: ", who, ": prompts_per_step = ", o.prompts_per_step,
          ", but there are only ", prompts, " prompts; use 0 for all of them");
  require(o.group_size > 0, "recllm: ", who, ": group_size = 0; expected at least 1");
  require(o.inner_epochs > 0, "recllm: ", who, ": inner_epochs = 0; expected at least 1");
  check_run(o, who);
}

}  // namespace detail

/// One step of GRPO on P prompts, G = options.group_size, B = P * G rows: sample, score, compare within
/// groups, then follow the objective's gradient `inner_epochs` times, each over all rows in micro-batches. A
/// reference (or nullptr) is scored where there is one. Throws non_finite_error for a reward, a loss or a
/// gradient that is not finite, before the weights change by it.
template <class P, class O, class Goal, class Reference>
step_metrics group_step(P& policy, const O& objective, const Goal& goal, const step_input<prompt_of<P>>& in,
                        const train_options& options, Reference* reference) {
  const detail::stopwatch watch;
  step_metrics m{.step = in.step, .learning_rate = in.learning_rate};

  const rollouts_of<P> r = policy.sample(std::span(in.prompts), options.group_size, in.rng);
  detail::check_rollouts(r, in.prompts.size() * options.group_size, in.prompts.size(), "train");
  const row_values<double> rewards =
      detail::reward_rows(goal, r, in.prompts, in.numbers, options.group_size, "train", m);
  detail::describe_groups(rewards, r.mask, options.group_size, m);

  const std::vector<row_block> blocks = row_blocks({0, r.rows()}, options.micro_rows, options.group_size);
  detail::fixed_batch fixed;
  fixed.old_log_probs = r.log_probs;
  fixed.ref_log_probs = detail::reference_log_probs(reference, r, blocks);
  const token_matrix<double> advantages =
      objective.advantages(scored_step{.rewards = rewards, .groups = r.prompt, .mask = r.mask});
  fixed.advantages = advantages.cast<float>();
  fixed.weights = objective.weights(r.mask);
  fixed.entropy_weights = detail::entropy_weights(objective, r.mask);

  detail::pass_totals totals;
  for (std::size_t epoch = 0; epoch < options.inner_epochs; ++epoch) {
    totals += detail::pass(policy, objective, r, fixed, blocks, "train", in.step);
    totals.grad_norm += policy.step(update{in.learning_rate, options.max_grad_norm});
  }
  detail::describe_passes(totals, m);
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
/// Throws std::invalid_argument for settings out of range, and where the objective needs a reference that is
/// nullptr.
template <class P, class O, class Goal, class Prompts, class Reference = std::remove_reference_t<P>>
[[nodiscard]] step_range<step_metrics> train(P&& policy, O objective, Goal goal, Prompts&& prompts,
                                             train_options options = {}, Reference* reference = nullptr) {
  using policy_type = std::remove_reference_t<P>;
  if constexpr (detail::borrows_variables<P, Prompts>() && detail::can_learn<policy_type>()) {
    using prompt = prompt_of<policy_type>;
    if constexpr (detail::can_compare<O>() && detail::can_score<Reference, policy_type>() &&
                  detail::are_prompts<Prompts, prompt>()) {
      detail::check_options(options, std::ranges::size(prompts), "train");
      detail::check_reference(objective, reference != nullptr, "train");
      auto run = [&policy,
                  kept =
                      std::make_shared<std::pair<const O, const Goal>>(std::move(objective), std::move(goal)),
                  inputs = detail::input_maker<prompt, train_options>(prompts, options), options,
                  reference](std::ptrdiff_t step) mutable {
        return group_step(policy, kept->first, kept->second, inputs(step), options, reference);
      };
      return {std::move(run), options.first_step, options.steps};
    }
  }
  return {{}, 0, 0};
}

}  // namespace recllm
