// How long a completion is against how long it should be.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>
#include <recllm/reward/overlong.hpp>

namespace recllm::reward {

/// "length_band": 1 for `least` to `most` tokens, else the share of the band's nearer end that is met,
/// length / least or most / length, in (0, 1); 0 for no token where least > 0. `length` is a function of the
/// completion, by default the number of its `.tokens`. Throws std::invalid_argument where least > most or
/// most is 0.
template <class Length = detail::token_count>
[[nodiscard]] auto length_band(std::size_t least, std::size_t most, Length length = {}) {
  require(least <= most && most > 0, "recllm: length_band: expected least <= most, most > 0, got ", least,
          " and ", most);
  return term("length_band", [=](const auto& completion) -> double {
    const auto tokens = static_cast<double>(std::invoke(length, completion));
    if (tokens < static_cast<double>(least)) return tokens / static_cast<double>(least);
    return std::min(1.0, static_cast<double>(most) / std::max(tokens, 1.0));
  });
}

/// "length_drift", a penalty: min(1, |length - expected| / expected). `expected` > 0 is a number, say the
/// mean length before training, or a projection of the prompt to one; where it is 0, no token costs 0 and any
/// other number 1. `length` as above.
template <class Expected, class Length = detail::token_count>
[[nodiscard]] constexpr auto length_drift(Expected expected, Length length = {}) {
  return term("length_drift", [=](const auto& prompt, const auto& completion) -> double {
    return detail::relative_distance(static_cast<double>(std::invoke(length, completion)),
                                     number_or_projection(expected, prompt));
  });
}

}  // namespace recllm::reward
