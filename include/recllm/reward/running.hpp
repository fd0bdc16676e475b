// Rewards brought to mean 0 and deviation 1 by what was seen in earlier steps.
//
//   normalised(r) = clip((r - mean) / deviation)      mean, deviation: of all values before this step
//
// Within a step the scale does not move, so that siblings of a group are compared by one measure. Moments are
// merged by Chan, Golub and LeVeque, The American Statistician 37 (1983).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// How many values were seen, their mean, and the sum of their squared distances from it.
struct moments {
  double count = 0.0;
  double mean = 0.0;
  double squares = 0.0;

  /// Takes in the values that `other` has seen.
  constexpr void merge(const moments& other) {
    if (other.count == 0.0) return;
    const double all = count + other.count, distance = other.mean - mean;
    mean += distance * other.count / all;
    squares += other.squares + distance * distance * count * other.count / all;
    count = all;
  }
};

/// The values of a reward so far. All of its state is public: save the seven numbers with a checkpoint and a
/// resumed run goes on exactly.
struct running_moments {
  moments settled;           ///< of the steps before `step`
  moments current;           ///< of step `step`
  std::ptrdiff_t step = -1;  ///< the last one that was seen

  /// Notes a value of a training step; a new step settles the one before.
  constexpr void add(double value, std::ptrdiff_t at) {
    if (at != step) {
      settled.merge(current);
      current = {};
      step = at;
    }
    current.merge({1.0, value, 0.0});
  }
};

/// See running_normalised().
template <class E>
class running_normalised_expression : public expression<running_normalised_expression<E>> {
 public:
  running_normalised_expression(E inner, running_moments& seen, double clip)
      : inner_(std::move(inner)), seen_(&seen), clip_(clip) {
    require(clip > 0.0, "recllm: running_normalised: expected clip > 0, got ", clip);
  }

  template <class P, class C>
  double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    const double value = evaluate(inner_, prompt, completion, record);
    if (record.step() != after_training && std::isfinite(value)) seen_->add(value, record.step());
    const moments& m = seen_->settled;
    const double deviation = m.count > 1.0 ? std::sqrt(m.squares / (m.count - 1.0)) : 0.0;
    if (!(deviation > 0.0)) return value;
    return std::clamp((value - m.mean) / deviation, -clip_, clip_);
  }

 private:
  E inner_;
  running_moments* seen_;
  double clip_;
};

/// The value of `goal` (an expression) normalised by its values in the steps before, in [-clip, clip]; the
/// raw value while fewer than two different ones are known. `seen` is borrowed and changed by training alone.
/// Throws std::invalid_argument unless clip > 0.
template <Expression E>
[[nodiscard]] auto running_normalised(E goal, running_moments& seen, double clip = 10.0) {
  return running_normalised_expression<E>(std::move(goal), seen, clip);
}

}  // namespace recllm::reward
