// How the learning rate moves from step to step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string_view>

#include <recllm/core/check.hpp>

namespace recllm {

/// The shape of the learning rate after its warm-up.
enum class schedule {
  constant,  ///< stays
  linear,    ///< falls in a straight line, to reach 0 one step after the last
  cosine     ///< falls as half a cosine (Loshchilov and Hutter, arXiv 1608.03983, without restarts)
};

/// The share, in (0, 1], of the peak learning rate that step `step` of `steps` uses. The first `warmup_steps`
/// rise in a straight line and never use 0: step k gets (k + 1) / warmup_steps. 0 <= step < steps.
[[nodiscard]] inline double learning_rate_share(schedule shape, std::ptrdiff_t step, std::ptrdiff_t steps,
                                                std::ptrdiff_t warmup_steps = 0) {
  if (step < warmup_steps) return static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const double done = static_cast<double>(step - warmup_steps) /
                      static_cast<double>(std::max<std::ptrdiff_t>(1, steps - warmup_steps));
  switch (shape) {
    case schedule::linear:
      return 1.0 - done;
    case schedule::cosine:
      return 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    case schedule::constant:
      break;
  }
  return 1.0;
}

namespace detail {

/// Throws std::invalid_argument for a run whose steps or learning rate are out of range.
template <class Options>
void check_run(const Options& o, std::string_view who) {
  require(o.steps >= 0, "recllm: ", who, ": steps = ", o.steps, "; expected 0 or more");
  require(o.first_step >= 0, "recllm: ", who, ": first_step = ", o.first_step, "; expected 0 or more");
  require(o.warmup_steps >= 0, "recllm: ", who, ": warmup_steps = ", o.warmup_steps, "; expected 0 or more");
  require(o.learning_rate > 0.0 && std::isfinite(o.learning_rate), "recllm: ", who,
          ": learning_rate = ", o.learning_rate, "; expected a positive number");
  require(o.max_grad_norm >= 0.0, "recllm: ", who, ": max_grad_norm = ", o.max_grad_norm,
          "; expected a positive number, or 0 for no clipping");
}

}  // namespace detail

}  // namespace recllm
