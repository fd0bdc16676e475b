// One completion's reward: what may be one, how it is evaluated, and the leaves of expressions.
#pragma once

#include <concepts>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <recllm/reward/recorder.hpp>

namespace recllm::reward {

template <class E>
class named_expression;
template <class E>
class clamped;
template <class E, class F>
class mapped_expression;

/// The base of every expression E. A leaf of your own derives from `expression<leaf>` and has a member `name`
/// and `operator()(prompt, completion) const -> number`; `term` spares you that.
template <class E>
struct expression {
  /// The same value, reported as `name` (borrowed: use a literal). A leaf is renamed; the terms within a
  /// composed expression still report first.
  [[nodiscard]] constexpr named_expression<E> named(std::string_view name) const { return {name, self()}; }

  /// The value brought into [low, high]; NaN stays NaN. Terms within still report their raw values.
  /// Throws std::invalid_argument unless low <= high.
  [[nodiscard]] constexpr clamped<E> clamp(double low, double high) const { return {self(), low, high}; }

  /// f(value), f from double to a number: `lcs(...).mapped([](double x) { return x * x; })`. Terms within
  /// still report their raw values.
  template <std::invocable<double> F>
  [[nodiscard]] constexpr mapped_expression<E, F> mapped(F f) const {
    return {self(), std::move(f)};
  }

 private:
  constexpr const E& self() const { return static_cast<const E&>(*this); }
};

/// Satisfied by types derived from `expression` of themselves: what the operators take.
template <class E>
concept Expression = std::derived_from<E, expression<E>>;

template <class R, class P, class C>
constexpr double evaluate(const R& goal, const P& prompt, const C& completion, recorder record = {});

namespace detail {

// A composed expression passes the recorder on; a leaf is reported by whoever evaluates it.
template <class E, class P, class C>
concept Composed = Expression<E> && std::is_invocable_v<const E&, const P&, const C&, recorder>;

// f(prompt, completion), or f(completion) where f takes only that.
template <class F, class P, class C>
concept Scoring =
    std::is_invocable_v<const F&, const P&, const C&> || std::is_invocable_v<const F&, const C&>;

template <class F, class P, class C>
constexpr decltype(auto) call(const F& f, const P& prompt, const C& completion) {
  if constexpr (std::is_invocable_v<const F&, const P&, const C&>)
    return std::invoke(f, prompt, completion);
  else
    return std::invoke(f, completion);
}

template <class F, class P, class C>
constexpr double number(const F& f, const P& prompt, const C& completion) {
  constexpr bool callable = Scoring<F, P, C>;
  static_assert(
      callable,
      "recllm: a reward must be callable as  f(const prompt&, const completion&)  or  f(const completion&)");
  if constexpr (callable) {
    constexpr bool arithmetic =
        std::is_arithmetic_v<std::remove_cvref_t<decltype(call(f, prompt, completion))>>;
    static_assert(arithmetic, "recllm: a reward must return a number: float, double, an integer or bool");
    if constexpr (arithmetic) return static_cast<double>(call(f, prompt, completion));
  }
  return 0.0;
}

}  // namespace detail

/// The value of `goal`, an expression or any function of (prompt, completion) or of (completion). Every named
/// term that is evaluated reports its raw value once, from left to right; a bare function has no name and
/// reports nothing.
template <class R, class P, class C>
constexpr double evaluate(const R& goal, const P& prompt, const C& completion, recorder record) {
  if constexpr (detail::Composed<R, P, C>) {
    return goal(prompt, completion, record);
  } else {
    const double value = detail::number(goal, prompt, completion);
    if constexpr (Expression<R>) record(goal.name, value);
    return value;
  }
}

/// A leaf: any function lifted under a name (borrowed: use a literal), `term("freshness", f)`.
template <class F>
struct term : expression<term<F>> {
  constexpr term(std::string_view name_, F f_) : name(name_), f(std::move(f_)) {}

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion) const {
    return detail::number(f, prompt, completion);
  }

  std::string_view name;
  F f;
};

/// A number; reports nothing.
struct constant : expression<constant> {
  constexpr explicit constant(double value_) : value(value_) {}

  template <class P, class C>
  constexpr double operator()(const P&, const C&, recorder = {}) const {
    return value;
  }

  double value;
};

}  // namespace recllm::reward
