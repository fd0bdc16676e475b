// Sixteen floats at a time, in the compiler's own vectors (GCC and Clang), and functions compiled for several
// processors.
//
// A kernel is written once over `floats`, whatever the processor: a function marked RECLLM_CLONES is compiled
// for AVX-512, AVX2 and the build's own target, and the program picks one when it starts, so no -march is
// needed. Elsewhere than on x86-64 with GCC, and where the build asks for AVX2 or more, the mark is empty and
// the build's target decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__AVX2__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Compiles a function for three processors. What it calls must be inlined into it.
#define RECLLM_HAS_CLONES
#define RECLLM_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define RECLLM_CLONES
#endif
/// Of what a RECLLM_CLONES function calls.
#define RECLLM_INLINE [[gnu::always_inline]] inline

namespace recllm::kernel {

/// Sixteen floats.
using floats = float __attribute__((vector_size(64)));
/// The same wherever floats lie in memory, and sixteen halves of theirs.
struct __attribute__((packed, may_alias)) floats_at {
  floats v;
};
using shorts = std::uint16_t __attribute__((vector_size(32)));
struct __attribute__((packed, may_alias)) shorts_at {
  shorts v;
};
using ints = std::int32_t __attribute__((vector_size(64)));
using unsigned_ints = std::uint32_t __attribute__((vector_size(64)));

inline constexpr std::size_t lanes = 16;

/// The upper half of a float's bits.
struct bfloat16 {
  std::uint16_t bits;
};

/// The smallest multiple of `lanes` that is not below n.
constexpr std::size_t padded(std::size_t n) { return (n + lanes - 1) / lanes * lanes; }

/// Whether functions of RECLLM_CLONES run as compiled for AVX-512: with 32 registers of sixteen floats.
[[nodiscard]] RECLLM_INLINE bool has_avx512() {
#if defined(__AVX512F__)
  return true;
#elif defined(RECLLM_HAS_CLONES)
  return __builtin_cpu_supports("x86-64-v4") != 0;
#else
  return false;
#endif
}

// References, not values: a function that passes vectors by value has another ABI for each processor.

RECLLM_INLINE const floats_at* at(const float* p) { return reinterpret_cast<const floats_at*>(p); }
RECLLM_INLINE floats_at* at(float* p) { return reinterpret_cast<floats_at*>(p); }

RECLLM_INLINE float value(float x) { return x; }
RECLLM_INLINE float value(bfloat16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16u);
}

/// v = up to sixteen of `count` floats from place i on, `rest` past their end.
RECLLM_INLINE void load(const float* from, std::size_t i, std::size_t count, floats& v, float rest = 0.0f) {
  if (i + lanes <= count) {
    v = at(from + i)->v;
    return;
  }
  v = floats{} + rest;
  for (std::size_t j = 0; i + j < count; ++j) v[j] = from[i + j];
}

/// And back, those that there are.
RECLLM_INLINE void store(const floats& v, std::size_t i, std::size_t count, float* to) {
  if (i + lanes <= count) {
    at(to + i)->v = v;
    return;
  }
  for (std::size_t j = 0; i + j < count; ++j) to[i + j] = v[j];
}

RECLLM_INLINE void load(const bfloat16* from, std::size_t i, std::size_t count, floats& v,
                        float rest = 0.0f) {
  if (i + lanes <= count) {
    const auto bits = __builtin_convertvector(reinterpret_cast<const shorts_at*>(from + i)->v, unsigned_ints);
    v = __builtin_bit_cast(floats, bits << 16u);
    return;
  }
  v = floats{} + rest;
  for (std::size_t j = 0; i + j < count; ++j) v[j] = value(from[i + j]);
}

/// Rounded to the nearest, of two equally near to the even one.
RECLLM_INLINE void store(const floats& v, std::size_t i, std::size_t count, bfloat16* to) {
  const unsigned_ints bits = __builtin_bit_cast(unsigned_ints, v);
  const unsigned_ints rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  if (i + lanes <= count) {
    reinterpret_cast<shorts_at*>(to + i)->v = __builtin_convertvector(rounded, shorts);
    return;
  }
  for (std::size_t j = 0; i + j < count; ++j) to[i + j].bits = static_cast<std::uint16_t>(rounded[j]);
}

RECLLM_INLINE float sum(const floats& v) {
  float total = 0.0f;
  for (std::size_t i = 0; i < lanes; ++i) total += v[i];
  return total;
}

RECLLM_INLINE float largest(const floats& v) {
  float most = v[0];
  for (std::size_t i = 1; i < lanes; ++i) most = v[i] > most ? v[i] : most;
  return most;
}

namespace detail {

/// Swaps the off-diagonal blocks of Step x Step among blocks of twice the size.
template <std::size_t Step, std::size_t... J>
RECLLM_INLINE void swap_blocks(floats (&rows)[lanes], std::index_sequence<J...>) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < lanes; ++i) {
    if ((i & Step) != 0) continue;
    const floats upper = rows[i], lower = rows[i + Step];
    rows[i] = __builtin_shufflevector(upper, lower, static_cast<int>(J & Step ? lanes + J - Step : J)...);
    rows[i + Step] =
        __builtin_shufflevector(upper, lower, static_cast<int>(J & Step ? lanes + J : J + Step)...);
  }
}

}  // namespace detail

/// Sixteen rows of sixteen floats become their columns.
RECLLM_INLINE void transpose(floats (&rows)[lanes]) {
  if (has_avx512()) {
    constexpr auto columns = std::make_index_sequence<lanes>();
    detail::swap_blocks<1>(rows, columns);
    detail::swap_blocks<2>(rows, columns);
    detail::swap_blocks<4>(rows, columns);
    detail::swap_blocks<8>(rows, columns);
  } else {  // shuffles of sixteen floats would be taken apart
    for (std::size_t i = 0; i < lanes; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const float upper = rows[j][i];
        rows[j][i] = rows[i][j];
        rows[i][j] = upper;
      }
  }
}

/// v = e^v for v <= 88; 0 below -87. Relative error below 2e-7: e^v = 2^n e^r with |r| <= ln 2 / 2, the
/// latter by its series to the seventh power.
RECLLM_INLINE void exp(floats& v) {
  constexpr float log2_e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  constexpr float rounder = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the rounded number
  const ints tiny = v < -87.0f;
  const floats bounded = tiny ? floats{} - 87.0f : v;
  const floats shifted = bounded * log2_e + rounder;
  const floats n = shifted - rounder;
  const floats r = (bounded - n * ln2_high) - n * ln2_low;
  floats p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // n + 127 in the exponent's place; the rounder's own bits leave at the top.
  const unsigned_ints power = (__builtin_bit_cast(unsigned_ints, shifted) + 127u) << 23u;
  v = tiny ? floats{} : p * __builtin_bit_cast(floats, power);
}

}  // namespace recllm::kernel
