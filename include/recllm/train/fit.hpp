// fit(): learning from given completions (sft) or preferences between them (dpo) as a lazy range of steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/train/metrics.hpp>
#include <recllm/train/order.hpp>
#include <recllm/train/pass.hpp>
#include <recllm/train/reference.hpp>
#include <recllm/train/requirements.hpp>
#include <recllm/train/schedule.hpp>
#include <recllm/train/step_range.hpp>

namespace recllm {

/// A completion to imitate.
template <class Prompt, class Completion>
struct example {
  Prompt prompt;
  Completion completion;
};

/// Two completions of a prompt, the better one first.
template <class Prompt, class Completion>
struct preference {
  Prompt prompt;
  Completion chosen, rejected;
};

/// A completion and whether it is a good one.
template <class Prompt, class Completion>
struct feedback {
  Prompt prompt;
  Completion completion;
  bool desirable;
};

/// Settings of fit().
struct fit_options {
  double epochs = 1.0;            ///< passes over the examples, > 0; read where steps is 0
  std::ptrdiff_t steps = 0;       ///< of the whole run; 0 = as many as the epochs take
  std::ptrdiff_t first_step = 0;  ///< where to go on: steps first_step, ..., as if never interrupted
  std::size_t batch_size = 16;    ///< examples a step, > 0; never more than there are
  std::size_t micro_rows = 0;     ///< completions a forward pass, 0 = all: saves memory, changes nothing else
  double learning_rate = 1e-3;    ///< at its peak, > 0
  recllm::schedule schedule = recllm::schedule::constant;
  std::ptrdiff_t warmup_steps = 0;  ///< over which the learning rate rises, >= 0
  double max_grad_norm = 1.0;       ///< the gradient is scaled down to this norm; 0 = no clipping
  std::uint64_t seed = 0;           ///< batches are random permutations, one an epoch, of this seed
  reference_refresh refresh = {};   ///< when the reference follows the policy (TR-DPO)
};

/// The steps that these settings take over `examples` examples.
[[nodiscard]] inline std::ptrdiff_t steps_of(const fit_options& options, std::size_t examples) {
  if (options.steps > 0) return options.steps;
  const std::size_t batch = std::min(options.batch_size, examples);
  return static_cast<std::ptrdiff_t>(
      std::ceil(options.epochs * static_cast<double>(examples) / static_cast<double>(batch)));
}

namespace detail {

/// The rows of a batch that an objective compares with each other: dpo's pairs are 2.
template <class O>
inline constexpr std::size_t unit_of = [] {
  if constexpr (requires { O::rows_per_unit; })
    return static_cast<std::size_t>(O::rows_per_unit);
  else
    return std::size_t{1};
}();

/// Whether an objective learns from labels: kto does.
template <class O>
inline constexpr bool reads_labels = [] {
  if constexpr (requires { O::reads_labels; })
    return static_cast<bool>(O::reads_labels);
  else
    return false;
}();

/// Whether an objective must see all rows of a step at once.
template <class O>
[[nodiscard]] bool whole_step(const O& objective) {
  if constexpr (requires {
                  { objective.needs_whole_step() } -> std::convertible_to<bool>;
                })
    return objective.needs_whole_step();
  else
    return false;
}

template <class P>
using completions_of = std::remove_cvref_t<decltype(std::declval<rollouts_of<P>&>().completions)>;

template <class O, class P, class Example>
consteval bool can_show() {
  if constexpr (unit_of<O> == 2) {
    constexpr bool pairs =
        requires(const Example& e, std::vector<prompt_of<P>> prompts, completions_of<P> completions) {
      prompts.push_back(e.prompt);
      completions.push_back(e.chosen);
      completions.push_back(e.rejected);
    };
    static_assert(pairs,
                  "recllm: this objective compares pairs, so fit needs examples with  prompt , chosen  and  "
                  "rejected  of "
                  "the policy's types: see recllm::preference");
    return pairs;
  } else if constexpr (reads_labels<O>) {
    constexpr bool labelled =
        requires(const Example& e, std::vector<prompt_of<P>> prompts, completions_of<P> completions) {
      prompts.push_back(e.prompt);
      completions.push_back(e.completion);
      { e.desirable } -> std::convertible_to<bool>;
    };
    static_assert(
        labelled,
        "recllm: this objective learns from labels, so fit needs examples with  prompt , completion  and  "
        "desirable : see recllm::feedback");
    return labelled;
  } else {
    constexpr bool single =
        requires(const Example& e, std::vector<prompt_of<P>> prompts, completions_of<P> completions) {
      prompts.push_back(e.prompt);
      completions.push_back(e.completion);
    };
    static_assert(single,
                  "recllm: fit needs examples with  prompt  and  completion  of the policy's types: see "
                  "recllm::example");
    return single;
  }
}

}  // namespace detail

/// One step on the examples numbered `numbers`: their log-probs, the objective, its pullback in
/// micro-batches, one update. Rows 2i and 2i + 1 are the chosen and the rejected completion of pair i where
/// the objective compares pairs. Where it learns from labels, the advantages are 1 for a desirable completion
/// and -1 for an undesirable one; where it also needs the whole step, as many rows follow in which each
/// prompt is answered by the completion of the example before it (the first by the last's), of advantage 0.
/// Throws non_finite_error, the weights unchanged, for a loss or gradient that is not finite.
template <class P, class O, class Example, class Reference>
fit_metrics fit_step(P& policy, const O& objective, std::span<const Example> examples,
                     std::span<const std::size_t> numbers, update how, std::size_t micro_rows,
                     std::ptrdiff_t step, Reference* reference) {
  const detail::stopwatch watch;
  constexpr std::size_t unit = detail::unit_of<O>;
  std::vector<prompt_of<P>> prompts;
  detail::completions_of<P> completions;
  for (const std::size_t number : numbers) {
    const Example& e = examples[number];
    prompts.insert(prompts.end(), unit, e.prompt);
    if constexpr (unit == 2) {
      completions.push_back(e.chosen);
      completions.push_back(e.rejected);
    } else {
      completions.push_back(e.completion);
    }
  }
  std::vector<float> labels;
  if constexpr (detail::reads_labels<O>) {
    for (const std::size_t number : numbers) labels.push_back(examples[number].desirable ? 1.0f : -1.0f);
    if (detail::whole_step(objective)) {
      const std::size_t count = numbers.size();
      require(count > 1,
              "recllm: fit: this objective compares each prompt's completion with another example's, but a "
              "step has only one example; use a batch_size of at least 2");
      for (std::size_t i = 0; i < count; ++i) {
        prompts.push_back(prompts[i]);
        completions.push_back(completions[(i + count - 1) % count]);
        labels.push_back(0.0f);
      }
    }
  }
  const rollouts_of<P> r = policy.given(std::span<const prompt_of<P>>(prompts), completions);
  detail::check_rollouts(r, prompts.size(), prompts.size(), "fit");

  const std::vector<row_block> blocks =
      row_blocks({0, r.rows()}, micro_rows == 0 ? 0 : std::max(micro_rows, unit), unit);
  detail::fixed_batch fixed;
  fixed.old_log_probs = r.log_probs;
  fixed.ref_log_probs = detail::reference_log_probs(reference, r, blocks);
  fixed.advantages = r.mask;
  for (std::size_t row = 0; row < labels.size(); ++row)
    fixed.advantages.row(static_cast<Eigen::Index>(row)).setConstant(labels[row]);
  fixed.weights = objective.weights(r.mask);

  const bool at_once = blocks.size() > 1 && detail::whole_step(objective);
  const detail::pass_totals totals =
      at_once ? detail::pass_at_once(policy, objective, r, fixed, blocks, "fit", step)
              : detail::pass(policy, objective, r, fixed, blocks, "fit", step);
  fit_metrics m;
  m.step = step;
  m.grad_norm = policy.step(how);
  m.loss = totals.loss;
  if (totals.entropy) m.entropy = *totals.entropy / std::max(1.0, totals.tokens);
  const tally& counts = totals.counts;
  if (counts.chosen > 0.0) {
    m.chosen_reward = counts.chosen_reward / counts.chosen;
    m.chosen_log_prob = counts.chosen_log_prob / counts.chosen;
  }
  if (counts.rejected > 0.0) {
    m.rejected_reward = counts.rejected_reward / counts.rejected;
    m.rejected_log_prob = counts.rejected_log_prob / counts.rejected;
  }
  if (m.chosen_reward && m.rejected_reward) m.margin = *m.chosen_reward - *m.rejected_reward;
  if (counts.pairs > 0.0) m.accuracy = counts.correct / counts.pairs;
  const auto shown = static_cast<Eigen::Index>(numbers.size() * unit);  // not those that are only scored
  m.num_tokens = static_cast<std::size_t>((r.mask.topRows(shown) != 0.0f).count());
  m.learning_rate = how.learning_rate;
  m.seconds = watch.seconds();
  return m;
}

/// Fits `policy` to `examples` of recllm::example (sft) or recllm::preference (dpo), or of any structs with
/// those members, as a lazy range of steps:
///
///     for (const auto& m : fit(policy, sft{}, examples, {.epochs = 3})) ...
///
/// runs a step when its metrics are read. Policy, examples and reference are borrowed and must outlive the
/// range. Batches are cut from one random permutation after another, so that all have the same size. Throws
/// std::invalid_argument for settings out of range, no examples, and an objective that needs a reference
/// where it is nullptr.
template <class P, class O, class Examples, class Reference = std::remove_reference_t<P>>
[[nodiscard]] step_range<fit_metrics> fit(P&& policy, O objective, Examples&& examples,
                                          fit_options options = {}, Reference* reference = nullptr) {
  using policy_type = std::remove_reference_t<P>;
  using example_type = std::ranges::range_value_t<Examples>;
  if constexpr (detail::borrows_variables<P, Examples>() && detail::can_be_taught<policy_type>()) {
    if constexpr (detail::can_show<O, policy_type, example_type>() && detail::can_imitate<O>() &&
                  detail::can_score<Reference, policy_type>()) {
      const std::span<const example_type> all(examples);
      require(!all.empty(), "recllm: fit: there are no examples; expected at least one");
      require(options.batch_size > 0, "recllm: fit: batch_size = 0; expected at least 1");
      require(options.steps > 0 || options.epochs > 0.0, "recllm: fit: epochs = ", options.epochs,
              "; expected a positive number, or steps above 0");
      detail::check_run(options, "fit");
      detail::check_reference(objective, reference != nullptr, "fit");
      detail::check_refresh<Reference, policy_type>(options.refresh, reference, "fit");
      options.batch_size = std::min(options.batch_size, all.size());
      options.steps = steps_of(options, all.size());
      auto run = [&policy, objective = std::move(objective), all,
                  order = epoch_order(all.size(), options.seed), options,
                  reference](std::ptrdiff_t step) mutable {
        const double share = learning_rate_share(options.schedule, step, options.steps, options.warmup_steps);
        const std::vector<std::size_t> numbers = order.batch(step, options.batch_size);
        fit_metrics m = fit_step(policy, objective, all, std::span<const std::size_t>(numbers),
                                 update{options.learning_rate * share, options.max_grad_norm},
                                 options.micro_rows, step, reference);
        m.epoch = static_cast<double>(step + 1) * static_cast<double>(numbers.size()) /
                  static_cast<double>(all.size());
        detail::refresh_reference(options.refresh, step, reference, policy);
        return m;
      };
      return {std::move(run), options.first_step, options.steps};
    }
  }
  return {{}, 0, 0};
}

}  // namespace recllm
