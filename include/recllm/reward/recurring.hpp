// A penalty that grows where a prompt has been answered wrongly before.
//
//   value = penalty * min(most, 1 + growth * memory(prompt))
//   memory <- decay * memory + mean penalty of the prompt's completions, after each step that asks it
//
// RecLLM-R1, arXiv 2506.19235, section 4.2: penalties against the recurrence of common errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// Mistakes by prompt. All of its state is public: save `prompts` with a checkpoint and a resumed run goes on
/// exactly.
struct mistake_memory {
  /// One prompt's mistakes.
  struct entry {
    double weight = 0.0;       ///< remembered, of the steps before `step`
    double sum = 0.0;          ///< of the penalties in `step`
    double completions = 0.0;  ///< in `step`
    std::ptrdiff_t step = -1;  ///< the last one that asked it
  };

  double decay = 0.9;  ///< in [0, 1]
  std::unordered_map<std::uint64_t, entry> prompts{};

  /// What is remembered of the prompt in the steps before `step`.
  [[nodiscard]] double operator()(std::uint64_t id, std::ptrdiff_t step) const {
    const auto found = prompts.find(id);
    return found == prompts.end() ? 0.0 : weight(found->second, step);
  }

  /// Notes the penalty of a completion of training step `step`.
  void add(std::uint64_t id, std::ptrdiff_t step, double penalty) {
    entry& e = prompts[id];
    if (e.step != step) e = {weight(e, step), 0.0, 0.0, step};
    e.sum += penalty;
    e.completions += 1.0;
  }

 private:
  [[nodiscard]] double weight(const entry& e, std::ptrdiff_t step) const {
    return e.step == step || e.completions == 0.0 ? e.weight : decay * e.weight + e.sum / e.completions;
  }
};

/// Settings of recurring().
struct recurring_options {
  double growth = 1.0;  ///< >= 0: what a whole list of remembered mistakes adds to the factor
  double most = 4.0;    ///< >= 1: the largest factor
};

/// See recurring().
template <class E, class Id>
class recurring_expression : public expression<recurring_expression<E, Id>> {
 public:
  recurring_expression(E penalty, Id id, mistake_memory& memory, recurring_options how)
      : penalty_(std::move(penalty)), id_(std::move(id)), memory_(&memory), how_(how) {
    require(how.growth >= 0.0 && how.most >= 1.0,
            "recllm: recurring: expected growth >= 0 and most >= 1, got ", how.growth, " and ", how.most);
    require(memory.decay >= 0.0 && memory.decay <= 1.0, "recllm: recurring: expected a decay in [0, 1], got ",
            memory.decay);
  }

  template <class P, class C>
  double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    const auto id = static_cast<std::uint64_t>(std::invoke(id_, prompt));
    const double penalty = evaluate(penalty_, prompt, completion, record);
    const double value = penalty * std::min(how_.most, 1.0 + how_.growth * (*memory_)(id, record.step()));
    if (record.step() != after_training && std::isfinite(penalty)) memory_->add(id, record.step(), penalty);
    record("recurring", value);
    return value;
  }

 private:
  E penalty_;
  Id id_;
  mistake_memory* memory_;
  recurring_options how_;
};

/// "recurring": `penalty` (an expression >= 0), larger the more the prompt's earlier completions were
/// penalised: - 0.2 * recurring(repeats() + out_of_pool(&sample::pool), &sample::id, memory). `id` projects
/// the prompt to an integer that is its own. `memory` is borrowed and changed by training alone. Throws
/// std::invalid_argument for settings out of range.
template <Expression E, class Id>
[[nodiscard]] auto recurring(E penalty, Id id, mistake_memory& memory, recurring_options how = {}) {
  return recurring_expression<E, Id>(std::move(penalty), std::move(id), memory, how);
}

}  // namespace recllm::reward
