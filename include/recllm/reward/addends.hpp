// The addends of a reward and their factors: what GDPO normalises one by one.
//
//   0.6 * lcs + 0.4 * (diversity - repeats)   ->   lcs, 0.6;   diversity, 0.4;   repeats, -0.4
#pragma once

#include <functional>

#include <recllm/reward/algebra.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/scheduled.hpp>

namespace recllm::reward {

namespace detail {

constexpr double factor_at(const constant& number, recorder) { return number.value; }
template <class F>
constexpr double factor_at(const scheduled<F>& number, recorder record) {
  return number.at(record);
}

/// Satisfied by what is the same number for all completions of a step.
template <class E>
concept Factor = requires(const E& e, recorder record) {
  factor_at(e, record);
};

}  // namespace detail

/// The value of `goal`, as evaluate() has it. Each addend (whatever is neither a sum nor a difference, nor a
/// number or schedule times one) calls `addend(factor, value)` once, from left to right; numbers alone do
/// not. A gate, a product or a function is one addend, so all completions of a goal have as many.
template <class R, class P, class C, class Sink>
constexpr double evaluate_addends(const R& goal, const P& prompt, const C& completion, recorder record,
                                  Sink& addend, double factor = 1.0) {
  const double value = evaluate(goal, prompt, completion, record);
  addend(factor, value);
  return value;
}

/// As above.
template <detail::Factor R, class P, class C, class Sink>
constexpr double evaluate_addends(const R& goal, const P&, const C&, recorder record, Sink&, double = 1.0) {
  return detail::factor_at(goal, record);
}

/// As above.
template <class L, class R, class P, class C, class Sink>
constexpr double evaluate_addends(const joined<std::plus<>, L, R>& goal, const P& prompt, const C& completion,
                                  recorder record, Sink& addend, double factor = 1.0) {
  const double left = evaluate_addends(goal.left(), prompt, completion, record, addend, factor);
  return left + evaluate_addends(goal.right(), prompt, completion, record, addend, factor);
}

/// As above.
template <class L, class R, class P, class C, class Sink>
constexpr double evaluate_addends(const joined<std::minus<>, L, R>& goal, const P& prompt,
                                  const C& completion, recorder record, Sink& addend, double factor = 1.0) {
  const double left = evaluate_addends(goal.left(), prompt, completion, record, addend, factor);
  return left - evaluate_addends(goal.right(), prompt, completion, record, addend, -factor);
}

/// As above.
template <detail::Factor L, class R, class P, class C, class Sink>
constexpr double evaluate_addends(const joined<std::multiplies<>, L, R>& goal, const P& prompt,
                                  const C& completion, recorder record, Sink& addend, double factor = 1.0) {
  const double number = detail::factor_at(goal.left(), record);
  return number * evaluate_addends(goal.right(), prompt, completion, record, addend, factor * number);
}

/// As above.
template <class L, detail::Factor R, class P, class C, class Sink>
requires(!detail::Factor<L>) constexpr double evaluate_addends(const joined<std::multiplies<>, L, R>& goal,
                                                               const P& prompt, const C& completion,
                                                               recorder record, Sink& addend,
                                                               double factor = 1.0) {
  const double number = detail::factor_at(goal.right(), record);
  return evaluate_addends(goal.left(), prompt, completion, record, addend, factor * number) * number;
}

}  // namespace recllm::reward
