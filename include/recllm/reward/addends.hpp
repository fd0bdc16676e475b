// The addends of a reward and their factors: what GDPO normalises one by one.
//
//   0.6 * lcs + 0.4 * (diversity - repeats)   ->   lcs, 0.6;   diversity, 0.4;   repeats, -0.4
#pragma once

#include <concepts>
#include <functional>

#include <recllm/reward/algebra.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// The value of `goal`, as evaluate() has it. Each addend (whatever is neither a sum nor a difference, nor a
/// number times one) calls `addend(factor, value)` once, from left to right; numbers alone do not. A gate, a
/// product or a function is one addend, so all completions of a goal have as many.
template <class R, class P, class C, class Sink>
constexpr double evaluate_addends(const R& goal, const P& prompt, const C& completion, recorder record,
                                  Sink& addend, double factor = 1.0) {
  const double value = evaluate(goal, prompt, completion, record);
  addend(factor, value);
  return value;
}

/// As above.
template <class P, class C, class Sink>
constexpr double evaluate_addends(const constant& goal, const P&, const C&, recorder, Sink&, double = 1.0) {
  return goal.value;
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
template <class R, class P, class C, class Sink>
constexpr double evaluate_addends(const joined<std::multiplies<>, constant, R>& goal, const P& prompt,
                                  const C& completion, recorder record, Sink& addend, double factor = 1.0) {
  const double number = goal.left().value;
  return number * evaluate_addends(goal.right(), prompt, completion, record, addend, factor * number);
}

/// As above.
template <class L, class P, class C, class Sink>
requires(!std::same_as<L, constant>) constexpr double evaluate_addends(
    const joined<std::multiplies<>, L, constant>& goal, const P& prompt, const C& completion, recorder record,
    Sink& addend, double factor = 1.0) {
  const double number = goal.right().value;
  return evaluate_addends(goal.left(), prompt, completion, record, addend, factor * number) * number;
}

}  // namespace recllm::reward
