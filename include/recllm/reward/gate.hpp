// when().otherwise(): a reward that depends on a test, such as a format that must hold first.
#pragma once

#include <utility>

#include <recllm/reward/algebra.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// `then` where the test holds, else `other`; only the side taken is evaluated and reports. Made by when().
template <class Test, class Then, class Else>
class gate : public expression<gate<Test, Then, Else>> {
 public:
  constexpr gate(Test test, Then then, Else other)
      : test_(std::move(test)), then_(std::move(then)), other_(std::move(other)) {}

  /// The same gate with another value, a number or an expression, where the test fails.
  template <class Other>
  [[nodiscard]] constexpr auto otherwise(const Other& other) const {
    return gate<Test, Then, decltype(detail::operand(other))>(test_, then_, detail::operand(other));
  }

  template <class P, class C>
  constexpr double operator()(const P& prompt, const C& completion, recorder record = {}) const {
    return holds(prompt, completion, record) ? evaluate(then_, prompt, completion, record)
                                             : evaluate(other_, prompt, completion, record);
  }

 private:
  template <class P, class C>
  constexpr bool holds(const P& prompt, const C& completion, recorder record) const {
    if constexpr (Expression<Test>) {
      return evaluate(test_, prompt, completion, record) != 0.0;
    } else {
      constexpr bool tests = detail::Scoring<Test, P, C>;
      static_assert(tests,
                    "recllm: when: a test must be callable as  test(const prompt&, const completion&)  or  "
                    "test(const completion&)");
      if constexpr (tests) {
        constexpr bool decides = requires { static_cast<bool>(detail::call(test_, prompt, completion)); };
        static_assert(decides, "recllm: when: a test must return a bool");
        if constexpr (decides) {
          const bool passed = static_cast<bool>(detail::call(test_, prompt, completion));
          record("gate", passed ? 1.0 : 0.0);
          return passed;
        }
      }
      return false;
    }
  }

  Test test_;
  Then then_;
  Else other_;
};

/// `when(test, value)`: the value, a number or an expression, where the test holds, else 0;
/// `when(test, value).otherwise(other)` gives the other value. The test is any predicate of (prompt,
/// completion) or of (completion), reported as "gate", 0 or 1; or an expression, which holds where it is not
/// 0 and reports as it does anywhere: `when(term("short", f), ...)` names the gate.
template <class Test, class Then>
[[nodiscard]] constexpr auto when(Test test, const Then& then) {
  return gate<Test, decltype(detail::operand(then)), constant>(std::move(test), detail::operand(then),
                                                               constant(0.0));
}

}  // namespace recllm::reward

namespace recllm {

using reward::when;

}  // namespace recllm
