// A factor that moves with the step of training: which term matters when.
//
//   reward::lcs(&sample::next_items) + reward::scheduled(ramp{.to = 0.3, .last_step = 200}) *
//   reward::diversity(genres)
//
// Curriculum shaping: easy terms such as the format first, what is rare later.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <utility>

#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// A straight line from `from` at first_step to `to` at last_step, level before and after.
struct ramp {
  double from = 0.0;
  double to = 1.0;
  std::ptrdiff_t first_step = 0;
  std::ptrdiff_t last_step = 0;

  [[nodiscard]] constexpr double operator()(std::ptrdiff_t step) const {
    if (step >= last_step) return to;
    if (step <= first_step) return from;
    return from +
           (to - from) * static_cast<double>(step - first_step) / static_cast<double>(last_step - first_step);
  }
};

/// A number that is a function of the step, f(step) -> number: ramp, or your own. It reports nothing. train()
/// counts steps from 0, a resumed run goes on counting; outside of training the step is after_training.
template <std::invocable<std::ptrdiff_t> F>
struct scheduled : expression<scheduled<F>> {
  constexpr explicit scheduled(F f_) : f(std::move(f_)) {}

  template <class P, class C>
  constexpr double operator()(const P&, const C&, recorder record = {}) const {
    return at(record);
  }

  [[nodiscard]] constexpr double at(recorder record) const {
    return static_cast<double>(std::invoke(f, record.step()));
  }

  F f;
};

}  // namespace recllm::reward
