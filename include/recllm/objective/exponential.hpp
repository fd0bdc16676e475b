// exp(x), and exp(x) - 1 - x without cancellation near 0, for lanes: both from one series.
//
//   exp(x) = 2^m (1 + r + r^2 q(r)),   m = round(x / log 2),   r = x - m log 2,   q(r) = (exp(r) - 1 - r) /
//   r^2 exp(x) - 1 - x = 2^m r^2 q(r) + (2^m (1 + r) - (1 + x)),   the second part exactly 0 where m = 0
//
// Reduction of the argument in two parts: Cody and Waite, "Software Manual for the Elementary Functions",
// 1980.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <recllm/objective/lanes.hpp>

namespace recllm {

/// exp(x), relative error 3e-7 in float and 6e-16 in double, and exp(x) - 1 - x, 25 times that at most.
template <class X>
struct exponential {
  X value;
  X beyond_linear;  ///< >= 0 but for rounding
};

namespace detail {

/// What depends on the precision: bits of the fraction, log 2 in two parts, the range of x, and q: the
/// polynomial that equals it at as many Chebyshev nodes of [-log 2 / 2, log 2 / 2], relative error 1.4e-7
/// and 2.3e-16.
template <class S>
struct exp_constants;
template <>
struct exp_constants<float> {
  using integer = std::int32_t;
  static constexpr int fraction = 23;
  static constexpr double log2_high = 0.693359375, log2_low = -2.12194440054690583e-4;
  static constexpr double low = -88.0, high = 89.0;
  static constexpr std::array q{0.5, 0.16666576989698775683, 0.041666554617204574203,
                                0.0083631790527225773704, 0.0013926183587713491};
};
template <>
struct exp_constants<double> {
  using integer = std::int64_t;
  static constexpr int fraction = 52;
  static constexpr double log2_high = 0.693145751953125, log2_low = 1.42860682030941723212e-6;
  static constexpr double low = -709.0, high = 710.0;
  static constexpr std::array q{0.50000000000000010221,     0.16666666666666667453,
                                0.041666666666624127873,    0.0083333333333300618325,
                                0.0013888888917213716901,   0.00019841269863053616878,
                                0.000024801521295954375131, 2.7557268459997064772e-6,
                                2.7620088445409748161e-7,   2.5100385495510319078e-8};
};

/// 2^m, given m + 1.5 * 2^fraction, whose last bits are those of m.
template <class X>
[[nodiscard, gnu::always_inline]] inline X power_of_two(X shifted) {
  using constants = exp_constants<typename X::scalar>;
  using integer = typename constants::integer;
  using packet = typename X::Packet;
  using integers [[gnu::vector_size(sizeof(packet))]] = integer;
  constexpr integer one = integer((integer{1} << (sizeof(integer) * 8 - 2 - constants::fraction)) - 1)
                          << constants::fraction;  // the bits of 1.0
  const integers bits = (__builtin_bit_cast(integers, shifted.packet) << constants::fraction) + one;
  return typename X::of{__builtin_bit_cast(packet, bits)};
}

}  // namespace detail

/// As the head of this file says. 0 below the smallest normal number, infinite from 2^(the largest exponent +
/// 1/2) on; NaN stays.
template <class X>
[[nodiscard, gnu::always_inline]] inline exponential<X> exponential_of(X x) {
  using constants = detail::exp_constants<typename X::scalar>;
  constexpr double log2_e = 1.44269504088896340736,
                   shift = 1.5 * static_cast<double>(std::uint64_t{1} << constants::fraction);
  const X held = max(min(x, X(constants::high)), X(constants::low));
  const X shifted = held * X(log2_e) + X(shift), m = shifted - X(shift);
  const X r = (held - m * X(constants::log2_high)) - m * X(constants::log2_low);
  const X scale = detail::power_of_two(shifted);
  // Even and odd powers apart: two short chains of additions instead of a long one.
  const X square = r * r;
  constexpr int terms = static_cast<int>(constants::q.size());
  X last = constants::q[terms - 1], before_last = constants::q[terms - 2];
  for (int i = terms - 3; i >= 0; --i) {
    const X next = last * square + X(constants::q[static_cast<std::size_t>(i)]);
    last = before_last;
    before_last = next;
  }
  const X curve = square * (last * r + before_last);
  return {scale * (curve + r + X(1.0)), scale * curve + (scale * (r + X(1.0)) - (x + X(1.0)))};
}

}  // namespace recllm
