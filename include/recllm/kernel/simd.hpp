// Floats as many as a register holds, in the compiler's own vectors (GCC and Clang), and kernels compiled for
// several processors.
//
// A kernel is written once, as a struct with `template <std::size_t Lanes, ...> static run(...)` over vectors
// of Lanes floats; dispatched<Kernel> runs it as compiled for AVX-512 (16 lanes) or AVX2 (8), which the
// program chooses, so no -march is needed, or else for the build's own target. Where the build asks for AVX2
// or more, or is not for x86-64, or has a sanitizer, its target alone counts. All files of a program are to
// be compiled for the same target and RECLLM_LANES: how packed weights lie depends on them. A width that has
// no register is taken apart by way of memory, ten times slower: hence a width for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

/// Of what a kernel calls: it becomes part of what calls it, and of the processor that is compiled for.
#define RECLLM_INLINE [[gnu::always_inline]] inline

#ifndef RECLLM_LANES  // defined, it fixes the width: 4, 8 or 16
#if defined(__AVX512F__)
#define RECLLM_LANES 16
#elif defined(__AVX2__)
#define RECLLM_LANES 8
#else
#define RECLLM_LANES 4
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RECLLM_CHOOSES_LANES
#endif
#endif
#endif

#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RECLLM_OPTIMIZED optimize("O3")
#else
#define RECLLM_OPTIMIZED
#endif

namespace recllm::kernel {

static_assert(RECLLM_LANES == 4 || RECLLM_LANES == 8 || RECLLM_LANES == 16, "RECLLM_LANES is 4, 8 or 16");

/// Vectors of `Lanes` numbers, and as they lie in memory, wherever that is.
template <std::size_t Lanes>
struct vectors {
  // typedef: in an alias GCC 12 forgets a size that depends on a template's argument
  typedef float floats __attribute__((vector_size(Lanes * 4)));
  typedef std::uint16_t shorts __attribute__((vector_size(Lanes * 2)));
  typedef std::int32_t ints __attribute__((vector_size(Lanes * 4)));
  typedef std::uint32_t unsigned_ints __attribute__((vector_size(Lanes * 4)));
  struct __attribute__((packed, may_alias)) floats_at {
    floats v;
  };
  struct __attribute__((packed, may_alias)) shorts_at {
    shorts v;
  };
};
template <std::size_t Lanes>
using floats = typename vectors<Lanes>::floats;

/// The numbers of a vector.
template <class Floats>
inline constexpr std::size_t lanes_of = sizeof(Floats) / sizeof(float);

/// The upper half of a float's bits.
struct bfloat16 {
  std::uint16_t bits;
};

/// The smallest multiple of sixteen, lanes of the widest vector, that is not below n.
constexpr std::size_t padded(std::size_t n) { return (n + 15) / 16 * 16; }

/// The lanes that dispatched<> chooses on this processor.
[[nodiscard]] inline std::size_t lanes_here() {
#ifdef RECLLM_CHOOSES_LANES
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return 16;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
  return RECLLM_LANES;
}

namespace detail {
#ifdef RECLLM_CHOOSES_LANES
template <class Kernel, class... Arguments>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"), RECLLM_OPTIMIZED)) auto run_16(
    Arguments... arguments) {
  return Kernel::template run<16>(arguments...);
}
template <class Kernel, class... Arguments>
__attribute__((target("avx2,fma"), RECLLM_OPTIMIZED)) auto run_8(Arguments... arguments) {
  return Kernel::template run<8>(arguments...);
}
#endif
template <class Kernel, class... Arguments>
__attribute__((RECLLM_OPTIMIZED)) auto run_as_built(Arguments... arguments) {
  return Kernel::template run<RECLLM_LANES>(arguments...);
}
}  // namespace detail

/// A function that is Kernel::run<lanes_here()>(arguments...), compiled for the processor that has so many.
template <class Kernel>
struct dispatched {
  template <class... Arguments>
  auto operator()(Arguments... arguments) const {
#ifdef RECLLM_CHOOSES_LANES
    switch (lanes_here()) {
      case 16:
        return detail::run_16<Kernel>(arguments...);
      case 8:
        return detail::run_8<Kernel>(arguments...);
      default:
        break;
    }
#endif
    return detail::run_as_built<Kernel>(arguments...);
  }
};

// References, not values: a function that passes vectors by value has another ABI for each processor.

template <std::size_t Lanes>
RECLLM_INLINE auto at(const float* p) {
  return reinterpret_cast<const typename vectors<Lanes>::floats_at*>(p);
}
template <std::size_t Lanes>
RECLLM_INLINE auto at(float* p) {
  return reinterpret_cast<typename vectors<Lanes>::floats_at*>(p);
}

RECLLM_INLINE float value(float x) { return x; }
RECLLM_INLINE float value(bfloat16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16u);
}

/// v = as many of `count` floats as it has lanes, from place i on, `rest` past their end.
template <class Floats>
RECLLM_INLINE void load(const float* from, std::size_t i, std::size_t count, Floats& v, float rest = 0.0f) {
  constexpr std::size_t lanes = lanes_of<Floats>;
  if (i + lanes <= count) {
    v = at<lanes>(from + i)->v;
    return;
  }
  v = Floats{} + rest;
  for (std::size_t j = 0; i + j < count; ++j) v[j] = from[i + j];
}

/// And back, those that there are.
template <class Floats>
RECLLM_INLINE void store(const Floats& v, std::size_t i, std::size_t count, float* to) {
  constexpr std::size_t lanes = lanes_of<Floats>;
  if (i + lanes <= count) {
    at<lanes>(to + i)->v = v;
    return;
  }
  for (std::size_t j = 0; i + j < count; ++j) to[i + j] = v[j];
}

template <class Floats>
RECLLM_INLINE void load(const bfloat16* from, std::size_t i, std::size_t count, Floats& v,
                        float rest = 0.0f) {
  using types = vectors<lanes_of<Floats>>;
  if (i + lanes_of<Floats> <= count) {
    const auto bits = __builtin_convertvector(reinterpret_cast<const typename types::shorts_at*>(from + i)->v,
                                              typename types::unsigned_ints);
    v = __builtin_bit_cast(Floats, bits << 16u);
    return;
  }
  v = Floats{} + rest;
  for (std::size_t j = 0; i + j < count; ++j) v[j] = value(from[i + j]);
}

/// Rounded to the nearest, of two equally near to the even one.
template <class Floats>
RECLLM_INLINE void store(const Floats& v, std::size_t i, std::size_t count, bfloat16* to) {
  using types = vectors<lanes_of<Floats>>;
  using unsigned_ints = typename types::unsigned_ints;
  const unsigned_ints bits = __builtin_bit_cast(unsigned_ints, v);
  const unsigned_ints rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  if (i + lanes_of<Floats> <= count) {
    reinterpret_cast<typename types::shorts_at*>(to + i)->v =
        __builtin_convertvector(rounded, typename types::shorts);
    return;
  }
  for (std::size_t j = 0; i + j < count; ++j) to[i + j].bits = static_cast<std::uint16_t>(rounded[j]);
}

template <class Floats>
RECLLM_INLINE float sum(const Floats& v) {
  float total = 0.0f;
  for (std::size_t i = 0; i < lanes_of<Floats>; ++i) total += v[i];
  return total;
}

template <class Floats>
RECLLM_INLINE float largest(const Floats& v) {
  float most = v[0];
  for (std::size_t i = 1; i < lanes_of<Floats>; ++i) most = v[i] > most ? v[i] : most;
  return most;
}

namespace detail {

/// Swaps the off-diagonal blocks of Step x Step among blocks of twice the size.
template <std::size_t Step, class Floats, std::size_t Lanes, std::size_t... J>
RECLLM_INLINE void swap_blocks(Floats (&rows)[Lanes], std::index_sequence<J...>) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < Lanes; ++i) {
    if ((i & Step) != 0) continue;
    const Floats upper = rows[i], lower = rows[i + Step];
    rows[i] = __builtin_shufflevector(upper, lower, static_cast<int>(J & Step ? Lanes + J - Step : J)...);
    rows[i + Step] =
        __builtin_shufflevector(upper, lower, static_cast<int>(J & Step ? Lanes + J : J + Step)...);
  }
}

}  // namespace detail

/// As many rows as they have lanes become their columns.
template <class Floats, std::size_t Lanes>
RECLLM_INLINE void transpose(Floats (&rows)[Lanes]) {
  static_assert(Lanes == lanes_of<Floats>);
  constexpr auto columns = std::make_index_sequence<Lanes>();
  detail::swap_blocks<1>(rows, columns);
  detail::swap_blocks<2>(rows, columns);
  if constexpr (Lanes >= 8) detail::swap_blocks<4>(rows, columns);
  if constexpr (Lanes >= 16) detail::swap_blocks<8>(rows, columns);
}

/// v = e^v for v <= 88; 0 below -87. Relative error below 2e-7: e^v = 2^n e^r with |r| <= ln 2 / 2, the
/// latter by its series to the seventh power.
template <class Floats>
RECLLM_INLINE void exp(Floats& v) {
  using unsigned_ints = typename vectors<lanes_of<Floats>>::unsigned_ints;
  constexpr float log2_e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  constexpr float rounder = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the rounded number
  const typename vectors<lanes_of<Floats>>::ints tiny = v < -87.0f;
  const Floats bounded = tiny ? Floats{} - 87.0f : v;
  const Floats shifted = bounded * log2_e + rounder;
  const Floats n = shifted - rounder;
  const Floats r = (bounded - n * ln2_high) - n * ln2_low;
  Floats p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // n + 127 in the exponent's place; the rounder's own bits leave at the top.
  const unsigned_ints power = (__builtin_bit_cast(unsigned_ints, shifted) + 127u) << 23u;
  v = tiny ? Floats{} : p * __builtin_bit_cast(Floats, power);
}

}  // namespace recllm::kernel
