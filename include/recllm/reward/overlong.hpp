// overlong: what is taken off for a completion that comes near its length limit.
//
// Yu et al., DAPO, arXiv 2503.14476, equation 13.
#pragma once

#include <cstddef>
#include <functional>
#include <ranges>
#include <utility>

#include <recllm/objective/shaping.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

namespace detail {

/// The number of tokens: `.tokens` of a language model's completion, or the completion itself, a range.
struct token_count {
  template <class C>
  [[nodiscard]] std::size_t operator()(const C& completion) const {
    if constexpr (requires { std::ranges::size(completion.tokens); }) {
      return static_cast<std::size_t>(std::ranges::size(completion.tokens));
    } else {
      constexpr bool counts = requires { std::ranges::size(completion); };
      static_assert(
          counts,
          "recllm: overlong: a completion has no  tokens  to count: pass a function of the completion that "
          "returns its length, overlong(how, length)");
      if constexpr (counts) return static_cast<std::size_t>(std::ranges::size(completion));
    }
    return 0;
  }
};

}  // namespace detail

/// recllm::overlong_penalty of the completion's length, in [-factor, 0] where how.floor, as "overlong".
/// `length` is a function of the completion, by default the number of its `.tokens`.
/// Throws as overlong_penalty does.
template <class Length = detail::token_count>
[[nodiscard]] auto overlong(overlong_options how, Length length = {}) {
  static_cast<void>(overlong_penalty(0, how));  // throws now, not at the first completion
  return term("overlong", [how, length = std::move(length)](const auto& completion) {
    return overlong_penalty(static_cast<std::size_t>(std::invoke(length, completion)), how);
  });
}

}  // namespace recllm::reward
