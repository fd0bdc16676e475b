// Intel's AMX: products of tiles of bf16, 16 x 32 by 32 x 16. By the compiler's intrinsics, on x86-64 Linux;
// no -m option is needed.
#pragma once

#include <cstddef>
#include <cstdint>

#include <recllm/kernel/simd.hpp>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define RECLLM_AMX_TARGET __attribute__((target("amx-tile,amx-bf16"), noinline))
#endif

namespace recllm::kernel {

/// Whether this processor multiplies tiles of bf16 (AMX), and the system lets the program do so.
[[nodiscard]] inline bool has_amx() {
#ifdef RECLLM_AMX_TARGET
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    const bool bf16 = (d >> 22u & 1u) != 0, tiles = (d >> 24u & 1u) != 0;
    constexpr long ask_for_state = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return bf16 && tiles && syscall(SYS_arch_prctl, ask_for_state, tile_data) == 0;
  }();
  return has;
#else
  return false;
#endif
}

namespace detail {
/// As the processor reads it. Tiles 0 to 2: sums of 16 rows of x each; 3 to 5: those rows; 6: a panel. All of
/// 16 rows of 64 bytes.
struct alignas(64) tile_shapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16};
};

#ifdef RECLLM_AMX_TARGET

/// Shapes tiles for amx_tile(), and gives back what was there.
RECLLM_AMX_TARGET inline void amx_begin(tile_shapes& before) {
  static constexpr tile_shapes shapes;
  _tile_storeconfig(&before);
  _tile_loadconfig(&shapes);
}
RECLLM_AMX_TARGET inline void amx_end(const tile_shapes& before) {
  if (before.palette == 0)
    _tile_release();
  else
    _tile_loadconfig(&before);
}

/// sums = x w of 16 * Tiles rows and a panel.
template <int Tiles>
RECLLM_AMX_TARGET void amx_tile(const bfloat16* x, const bfloat16* w, std::size_t inner, float* sums) {
  constexpr std::size_t ahead = 4096;
  const std::size_t bytes = inner * sizeof(bfloat16);
  _tile_zero(0);
  if constexpr (Tiles > 1) _tile_zero(1);
  if constexpr (Tiles > 2) _tile_zero(2);
  for (std::size_t k = 0; k < inner; k += 32) {
    for (std::size_t line = 0; line < 16; ++line) __builtin_prefetch(w + k * 16 + ahead + line * 32);
    _tile_loadd(6, w + k * 16, 64);
    _tile_loadd(3, x + k, bytes);
    _tile_dpbf16ps(0, 3, 6);
    if constexpr (Tiles > 1) {
      _tile_loadd(4, x + 16 * inner + k, bytes);
      _tile_dpbf16ps(1, 4, 6);
    }
    if constexpr (Tiles > 2) {
      _tile_loadd(5, x + 32 * inner + k, bytes);
      _tile_dpbf16ps(2, 5, 6);
    }
  }
  _tile_stored(0, sums, 64);
  if constexpr (Tiles > 1) _tile_stored(1, sums + 256, 64);
  if constexpr (Tiles > 2) _tile_stored(2, sums + 512, 64);
}

#else

inline void amx_begin(tile_shapes&) {}
inline void amx_end(const tile_shapes&) {}
template <int Tiles>
void amx_tile(const bfloat16*, const bfloat16*, std::size_t, float*) {}

#endif
}  // namespace detail

}  // namespace recllm::kernel
