// A step of train() in parts: what was sampled together, which of its groups count, and what is computed over
// all of them at once.
//
// Dynamic sampling adds parts of other lengths, so a step is a list of them. Advantages, weights and masks of
// tokens are those of the whole step, whatever the parts, mini-batches and micro-batches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/shaping.hpp>
#include <recllm/train/pass.hpp>
#include <recllm/train/score.hpp>
#include <recllm/train/train_options.hpp>

namespace recllm::detail {

/// Completions that were sampled together.
template <class Rollouts>
struct step_part {
  Rollouts rollouts;
  scored_rows scored;
  row_values<double> baselines;  // B, or none
  fixed_batch fixed = {};
};

/// Rows of one of a step's parts.
struct part_rows {
  std::size_t part = 0;
  row_block rows = {};
};

/// The groups of a step that count, and their parts.
template <class Rollouts>
struct step_batch {
  std::vector<step_part<Rollouts>> parts;
  std::vector<part_rows> groups;

  /// Neighbouring groups `first`, ..., `first + count - 1` in blocks of one part each, of at most micro_rows.
  [[nodiscard]] std::vector<part_rows> blocks(std::size_t first, std::size_t count, std::size_t micro_rows,
                                              std::size_t group_size) const {
    std::vector<part_rows> all;
    for (std::size_t i = first; i < first + count;) {
      part_rows run = groups[i++];
      for (; i < first + count && groups[i].part == run.part &&
             groups[i].rows.first == run.rows.first + run.rows.count;
           ++i)
        run.rows.count += groups[i].rows.count;
      for (const row_block rows : row_blocks(run.rows, micro_rows, group_size))
        all.push_back({run.part, rows});
    }
    return all;
  }

  /// The blocks' rows of what `of(part)` is, one under the other; columns that a part lacks are 0.
  template <class S, class Of>
  [[nodiscard]] token_matrix<S> stacked(std::span<const part_rows> from, Of&& of) const {
    Eigen::Index rows = 0, columns = 0;
    for (const part_rows& b : from) {
      rows += b.rows.count;
      columns = std::max<Eigen::Index>(columns, of(parts[b.part]).cols());
    }
    token_matrix<S> all = token_matrix<S>::Zero(rows, columns);
    Eigen::Index at = 0;
    for (const part_rows& b : from) {
      const auto& one = of(parts[b.part]);
      all.block(at, 0, b.rows.count, one.cols()) = one.middleRows(b.rows.first, b.rows.count);
      at += b.rows.count;
    }
    return all;
  }

  /// The way back: the rows of `all` become those of `of(part)`, 0 where it was empty before.
  template <class S, class Of>
  void unstack(const token_matrix<S>& all, std::span<const part_rows> to, Of&& of) {
    Eigen::Index at = 0;
    for (const part_rows& b : to) {
      token_matrix<float>& one = of(parts[b.part]);
      const token_matrix<float>& mask = parts[b.part].rollouts.mask;
      if (one.size() == 0) one = token_matrix<float>::Zero(mask.rows(), mask.cols());
      one.middleRows(b.rows.first, b.rows.count) =
          all.block(at, 0, b.rows.count, one.cols()).template cast<float>();
      at += b.rows.count;
    }
  }
};

/// Samples and scores groups for `in`, as options.sampling_rounds says; what it drew goes to `log`.
template <class P, class Goal>
[[nodiscard]] step_batch<rollouts_of<P>> sample_groups(P& policy, const Goal& goal,
                                                       const step_input<prompt_of<P>>& in,
                                                       const train_options& o, completion_log& log,
                                                       step_metrics& m) {
  step_batch<rollouts_of<P>> batch;
  const auto size = static_cast<Eigen::Index>(o.group_size);
  double greedy = 0.0, asked = 0.0;
  const auto add = [&](const std::vector<prompt_of<P>>& prompts, const std::vector<std::size_t>& numbers,
                       random_stream rng) {
    rollouts_of<P> r = policy.sample(std::span(prompts), o.group_size, rng);
    check_rollouts(r, prompts.size() * o.group_size, prompts.size(), "train");
    const scored_by by{"train", in.step, numbers, o.group_size};
    scored_rows scored = score_rows(goal, r, prompts, by, log.terms);
    log.add(r, scored.rewards);
    row_values<double> baselines;
    if (o.greedy_baseline) {
      if constexpr (Greedy<P>) {
        term_log unread;
        const rollouts_of<P> best = policy.greedy(std::span(prompts));
        check_rollouts(best, prompts.size(), prompts.size(), "train");
        const row_values<double> earned =
            score_rows(goal, best, prompts, {"train", in.step, numbers}, unread).rewards;
        row_values<double> of_prompt(earned.size());
        for (std::size_t i = 0; i < best.prompt.size(); ++i)
          of_prompt(static_cast<Eigen::Index>(best.prompt[i])) = earned(static_cast<Eigen::Index>(i));
        baselines.resize(r.rows());
        for (std::size_t row = 0; row < r.prompt.size(); ++row)
          baselines(static_cast<Eigen::Index>(row)) = of_prompt(static_cast<Eigen::Index>(r.prompt[row]));
        greedy += earned.sum();
        asked += static_cast<double>(earned.size());
      } else {
        require(false,
                "recllm: train: greedy_baseline is set, so the policy needs  greedy(std::span<const "
                "prompt_type>)  that returns what sample() returns");
      }
    }
    for (Eigen::Index first = 0; first < r.rows(); first += size) {
      const row_values<double> group = scored.rewards.segment(first, size);
      if (o.sampling_rounds == 0 || group.maxCoeff() != group.minCoeff())
        batch.groups.push_back({batch.parts.size(), {first, size}});
    }
    batch.parts.push_back({std::move(r), std::move(scored), std::move(baselines)});
  };
  add(in.prompts, in.numbers, in.rng);
  if (o.sampling_rounds > 1) {
    // Rows take the low numbers of the step's split and the order of mini-batches the highest.
    constexpr std::uint64_t middle = std::uint64_t{1} << 63U;
    std::vector<std::size_t> untried = in.rng.split(middle).permutation(in.all.size());
    std::erase_if(untried, [&](std::size_t number) { return std::ranges::count(in.numbers, number) > 0; });
    for (std::size_t round = 1;
         round < o.sampling_rounds && batch.groups.size() < in.prompts.size() && !untried.empty(); ++round) {
      std::vector<prompt_of<P>> prompts;
      std::vector<std::size_t> numbers;
      for (std::size_t missing = in.prompts.size() - batch.groups.size(); missing > 0 && !untried.empty();
           --missing) {
        numbers.push_back(untried.back());
        prompts.push_back(in.all[untried.back()]);
        untried.pop_back();
      }
      add(prompts, numbers, in.rng.split(middle + round));
    }
  }
  log.describe(o.group_size, m);
  if (o.greedy_baseline) m.greedy_reward = greedy / asked;
  return batch;
}

/// The entropies of the blocks' rows, one under the other, as wide as `mask`. Throws std::invalid_argument
/// where the policy's trace has none.
template <class P>
[[nodiscard]] token_matrix<float> entropies_of(P& policy, const step_batch<rollouts_of<P>>& batch,
                                               std::span<const part_rows> blocks,
                                               const token_matrix<float>& mask) {
  token_matrix<float> all = token_matrix<float>::Zero(mask.rows(), mask.cols());
  Eigen::Index at = 0;
  for (const auto& [number, rows] : blocks) {
    auto trace = policy.trace(batch.parts[number].rollouts, rows);
    if constexpr (EntropyTrace<decltype(trace)>) {
      const token_matrix<float> own = trace.entropies();
      all.block(at, 0, rows.count, own.cols()) = own;
    } else {
      require(false, "recllm: train: top_entropy is below 1, so the policy's trace needs  entropies()");
    }
    at += rows.count;
  }
  return all;
}

/// Fills in what the objective is told of all groups but the weights: log-probs, importance and advantages.
template <class P, class O, class Reference>
void prepare_step(P& policy, const O& objective, const train_options& o, Reference* reference,
                  step_batch<rollouts_of<P>>& batch, step_metrics& m) {
  using part_type = step_part<rollouts_of<P>>;
  const std::vector<part_rows> whole = batch.blocks(0, batch.groups.size(), 0, o.group_size);
  const std::vector<part_rows> blocks = batch.blocks(0, batch.groups.size(), o.micro_rows, o.group_size);
  double importance = 0.0, tokens = 0.0;
  for (std::size_t i = 0; i < batch.parts.size(); ++i) {
    part_type& part = batch.parts[i];
    std::vector<row_block> own;
    for (const part_rows& b : blocks)
      if (b.part == i) own.push_back(b.rows);
    if (o.mask_truncated) drop_truncated(part.rollouts);
    part.fixed.old_log_probs = part.rollouts.log_probs;
    part.fixed.ref_log_probs = reference_log_probs(reference, part.rollouts, own);
    if (o.importance) {
      part.fixed.old_log_probs = reference_log_probs(&policy, part.rollouts, own);
      part.fixed.importance = importance_weights<float>(part.rollouts.log_probs, part.fixed.old_log_probs,
                                                        part.rollouts.mask, *o.importance);
      for (const row_block rows : own) {
        importance += static_cast<double>(part.fixed.importance.middleRows(rows.first, rows.count).sum());
        tokens += static_cast<double>(part.rollouts.mask.middleRows(rows.first, rows.count).sum());
      }
    }
  }
  if (o.importance) m.importance_ratio = importance / std::max(1.0, tokens);

  const auto mask_of = [](const auto& part) -> const token_matrix<float>& { return part.rollouts.mask; };
  const token_matrix<float> mask = batch.template stacked<float>(whole, mask_of);
  if (o.top_entropy < 1.0) {
    token_matrix<float> top =
        top_entropy_mask<float>(entropies_of(policy, batch, blocks, mask), mask, o.top_entropy);
    if (o.importance)
      top *= batch.template stacked<float>(
          whole, [](const auto& p) -> auto& { return p.fixed.importance; });
    batch.unstack(
        top, whole, [](part_type & p) -> auto& { return p.fixed.importance; });
  }

  row_values<double> rewards(mask.rows()), baselines(o.greedy_baseline ? mask.rows() : 0);
  std::vector<std::size_t> groups;
  token_matrix<double> token_rewards =
      token_matrix<double>::Zero(o.kl_in_reward ? mask.rows() : 0, mask.cols());
  token_matrix<double> addends(mask.rows(), batch.parts.front().scored.addends.cols());
  Eigen::Index at = 0;
  std::vector<std::size_t> first_number(batch.parts.size(), 0);  // so that parts share no group
  for (std::size_t i = 1; i < batch.parts.size(); ++i)
    first_number[i] = first_number[i - 1] + batch.parts[i - 1].rollouts.prompt.size();
  for (const auto& [number, rows] : whole) {
    const part_type& part = batch.parts[number];
    rewards.segment(at, rows.count) = part.scored.rewards.segment(rows.first, rows.count);
    addends.middleRows(at, rows.count) = part.scored.addends.middleRows(rows.first, rows.count);
    if (o.greedy_baseline) baselines.segment(at, rows.count) = part.baselines.segment(rows.first, rows.count);
    if (o.kl_in_reward)
      token_rewards.middleRows(at, rows.count).leftCols(part.rollouts.mask.cols()) =
          kl_in_reward<float>(part.fixed.old_log_probs.middleRows(rows.first, rows.count),
                              part.fixed.ref_log_probs.middleRows(rows.first, rows.count),
                              part.rollouts.mask.middleRows(rows.first, rows.count), *o.kl_in_reward)
              .template cast<double>();
    for (Eigen::Index row = rows.first; row < rows.first + rows.count; ++row)
      groups.push_back(first_number[number] + part.rollouts.prompt[static_cast<std::size_t>(row)]);
    at += rows.count;
  }
  const token_matrix<double> advantages =
      objective.advantages(scored_step{.rewards = rewards,
                                       .groups = groups,
                                       .mask = mask,
                                       .token_rewards = token_rewards,
                                       .columns = addends,
                                       .column_weights = batch.parts.front().scored.factors,
                                       .baselines = baselines});
  batch.unstack(
      advantages, whole, [](part_type & p) -> auto& { return p.fixed.advantages; });
}

}  // namespace recllm::detail
