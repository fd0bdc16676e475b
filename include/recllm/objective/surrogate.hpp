// What a surrogate is: the part of a policy loss that earns the advantages, as a function of one token.
#pragma once

#include <concepts>
#include <limits>

#include <recllm/objective/lanes.hpp>

namespace recllm {

/// A loss at some tokens and its slope.
template <class X>
struct token_loss {
  X value;
  X slope;  ///< with respect to the log-ratio, or to the log-prob: see Surrogate
};

/// Where a surrogate stops earning, as ratios: what clip fractions count. Infinity is no bound.
struct ratio_bounds {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  double cap = std::numeric_limits<double>::infinity();  ///< where the advantage is < 0
};

/// Satisfied by `s(ratio, log_prob, advantage) -> token_loss<X>` for numbers X of lanes, `s.bounds()`, and
/// `T::through_ratio`, which says what the slope refers to: the log-ratio (true) or the log-prob beside a
/// ratio that is a constant (false). A new surrogate is a new file with these.
template <class T>
concept Surrogate = requires(const T& s, lanes<float, true> x, lanes<double, false> y) {
  { s(x, x, x) } -> std::same_as<token_loss<lanes<float, true>>>;
  { s(y, y, y) } -> std::same_as<token_loss<lanes<double, false>>>;
  { s.bounds() } -> std::same_as<ratio_bounds>;
  { T::through_ratio } -> std::convertible_to<bool>;
};

}  // namespace recllm
