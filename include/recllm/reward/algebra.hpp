// What composes rewards: named, clamp, mapped, + - and *.
#pragma once

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// See expression::named.
template <class E>
class named_expression : public expression<named_expression<E>> {
 public:
  constexpr named_expression(std::string_view name, E inner) : name_(name), inner_(std::move(inner)) {}

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    // A leaf under a new name must not report under its old one too.
    const double value = evaluate(inner_, prompt, completion,
                                  detail::Composed<E, P, C> ? record : recorder::silent(record.step()));
    record(name_, value);
    return value;
  }

 private:
  std::string_view name_;
  E inner_;
};

/// See expression::clamp.
template <class E>
class clamped : public expression<clamped<E>> {
 public:
  constexpr clamped(E inner, double low, double high) : inner_(std::move(inner)), low_(low), high_(high) {
    if (!(low <= high))
      throw std::invalid_argument(message("recllm: clamp: expected low <= high, got ", low, " and ", high));
  }

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    return std::clamp(evaluate(inner_, prompt, completion, record), low_, high_);
  }

 private:
  E inner_;
  double low_, high_;
};

/// See expression::mapped.
template <class E, class F>
class mapped_expression : public expression<mapped_expression<E, F>> {
 public:
  constexpr mapped_expression(E inner, F f) : inner_(std::move(inner)), f_(std::move(f)) {}

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    return static_cast<double>(std::invoke(f_, evaluate(inner_, prompt, completion, record)));
  }

 private:
  E inner_;
  F f_;
};

/// Two expressions joined by `Operation`; both are evaluated, left first.
template <class Operation, class L, class R>
class joined : public expression<joined<Operation, L, R>> {
 public:
  constexpr joined(L left, R right) : left_(std::move(left)), right_(std::move(right)) {}

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    const double left = evaluate(left_, prompt, completion, record);
    const double right = evaluate(right_, prompt, completion, record);
    return Operation{}(left, right);
  }

  [[nodiscard]] constexpr const L& left() const { return left_; }
  [[nodiscard]] constexpr const R& right() const { return right_; }

 private:
  L left_;
  R right_;
};

namespace detail {

// One side at least is ours, so that no foreign operator is touched.
template <class R, class L>
concept JoinedTo = Expression<L> || Expression<R>;

template <class T>
constexpr auto operand(const T& value) {
  constexpr bool composes = Expression<T> || std::is_arithmetic_v<T>;
  static_assert(composes,
                "recllm: reward expressions combine with expressions and numbers: lift a function with "
                "reward::term(\"its name\", f)");
  if constexpr (Expression<T>)
    return value;
  else if constexpr (std::is_arithmetic_v<T>)
    return constant(static_cast<double>(value));
  else
    return constant(0.0);
}

template <class Operation, class L, class R>
constexpr auto join(const L& left, const R& right) {
  return joined<Operation, decltype(operand(left)), decltype(operand(right))>(operand(left), operand(right));
}

}  // namespace detail

/// Sum, difference and product of expressions and numbers. The product of 0/1 tests is their "and".
template <class L, detail::JoinedTo<L> R>
[[nodiscard]] constexpr auto operator+(const L& left, const R& right) {
  return detail::join<std::plus<>>(left, right);
}
template <class L, detail::JoinedTo<L> R>
[[nodiscard]] constexpr auto operator-(const L& left, const R& right) {
  return detail::join<std::minus<>>(left, right);
}
template <class L, detail::JoinedTo<L> R>
[[nodiscard]] constexpr auto operator*(const L& left, const R& right) {
  return detail::join<std::multiplies<>>(left, right);
}
template <Expression E>
[[nodiscard]] constexpr auto operator-(const E& e) {
  return -1.0 * e;
}

}  // namespace recllm::reward
