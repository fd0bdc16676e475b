// y = x W^T + b for the few rows of a decoding step, x, y and b in float32, W in float32 or bf16.
//
// W lies in panels, each of some of its rows; a panel is multiplied by all rows of x before the next one,
// which is fetched meanwhile: of so few rows, memory bounds the time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <recllm/kernel/amx.hpp>
#include <recllm/kernel/product.hpp>
#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

/// Rows of W in a panel.
template <class T>
inline constexpr std::size_t panel_rows = 16;
template <>
inline constexpr std::size_t panel_rows<float> = 32;

namespace detail {

/// 24 vectors of sums and 2 of a panel: as AVX-512 has registers for.
inline constexpr std::size_t tile_rows = 12, panel_vectors = panel_rows<float> / lanes;

/// sums = x w of a tile's rows and a panel. x: inner x tile_rows, w: inner x panel; meanwhile fetches
/// inner * fetch_step floats.
RECLLM_INLINE void linear_tile(const float* x, const float* w, std::size_t inner, const float* fetch,
                               std::size_t fetch_step, float* sums) {
  floats s[tile_rows][panel_vectors];
#pragma GCC unroll 12
  for (std::size_t r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
    for (std::size_t v = 0; v < panel_vectors; ++v) s[r][v] = floats{};
  for (std::size_t k = 0; k < inner; ++k) {
    __builtin_prefetch(fetch + k * fetch_step, 0, 2);
    __builtin_prefetch(fetch + k * fetch_step + lanes, 0, 2);
    floats right[panel_vectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < panel_vectors; ++v) right[v] = at(w + (k * panel_vectors + v) * lanes)->v;
#pragma GCC unroll 12
    for (std::size_t r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
      for (std::size_t v = 0; v < panel_vectors; ++v) s[r][v] += x[k * tile_rows + r] * right[v];
  }
#pragma GCC unroll 12
  for (std::size_t r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
    for (std::size_t v = 0; v < panel_vectors; ++v) at(sums + (r * panel_vectors + v) * lanes)->v = s[r][v];
}

/// y = sums + bias: of up to `rows` rows, `columns` numbers of a panel's.
template <class T>
RECLLM_INLINE void put_tile(const float* sums, const float* bias, std::size_t rows, std::size_t columns,
                            float* y, std::size_t stride) {
  for (std::size_t c = 0; c < std::min(columns, panel_rows<T>); c += lanes) {
    floats b{};
    if (bias != nullptr) load(bias, c, columns, b);
    const bool whole = c + lanes <= columns;
    for (std::size_t r = 0; r < rows; ++r) {
      const floats v = at(sums + r * panel_rows<T> + c)->v + b;
      if (whole)
        at(y + r * stride + c)->v = v;
      else
        store(v, c, columns, y + r * stride);
    }
  }
}

/// Columns of a packed weight or row of bf16: a multiple of 32.
constexpr std::size_t padded_inner(std::size_t in) { return (in + 31) / 32 * 32; }
}  // namespace detail

/// Numbers of a packed weight, out x in.
template <class T>
[[nodiscard]] constexpr std::size_t packed_weight_size(std::size_t out, std::size_t in) {
  const std::size_t panels = (out + panel_rows<T> - 1) / panel_rows<T>;
  return panels * panel_rows<T> * (sizeof(T) == 2 ? detail::padded_inner(in) : in);
}

/// Numbers of `rows` packed rows.
template <class T>
[[nodiscard]] constexpr std::size_t packed_rows_size(std::size_t rows, std::size_t in) {
  if (sizeof(T) == 2) return (rows + 15) / 16 * 16 * detail::padded_inner(in);
  return (rows + detail::tile_rows - 1) / detail::tile_rows * detail::tile_rows * in;
}

/// Packs W, out x in.
RECLLM_CLONES inline void pack_weight(const float* w, std::size_t out, std::size_t in, float* to) {
  detail::pack_strips<panel_rows<float>>(w, in, out, in, to);
}

/// Packs x, rows x in.
RECLLM_CLONES inline void pack_rows(const float* x, std::size_t rows, std::size_t in, float* to) {
  detail::pack_strips<detail::tile_rows>(x, in, rows, in, to);
}

/// Columns [first, last) of y, rows x out; first is a multiple of a panel's rows. `x` and `w` are packed; no
/// bias: nullptr.
RECLLM_CLONES inline void linear(const float* x, const float* w, const float* bias, std::size_t rows,
                                 std::size_t in, std::size_t out, std::size_t first, std::size_t last,
                                 float* y) {
  constexpr std::size_t panel = panel_rows<float>;
  const std::size_t tiles = (rows + detail::tile_rows - 1) / detail::tile_rows;
  const std::size_t share = (panel + tiles - 1) / tiles;  // columns of the next panel that a tile fetches
  float sums[detail::tile_rows * panel];
  for (std::size_t j = first; j < last; j += panel)
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t r = t * detail::tile_rows;
      detail::linear_tile(x + r * in, w + j * in, in, w + (j + panel + t * share) * in, share, sums);
      detail::put_tile<float>(sums, bias == nullptr ? nullptr : bias + j,
                              std::min(detail::tile_rows, rows - r), out - j, y + r * out + j, out);
    }
}

/// Packs W, out x in: panels of 16 rows, two neighbouring columns together.
inline void pack_weight(const bfloat16* w, std::size_t out, std::size_t in, bfloat16* to) {
  constexpr std::size_t panel = panel_rows<bfloat16>;
  const std::size_t inner = detail::padded_inner(in);
  for (std::size_t j = 0; j < out; j += panel, to += panel * inner)
    for (std::size_t k = 0; k < inner; k += 2)
      for (std::size_t r = 0; r < panel; ++r)
        for (std::size_t e = 0; e < 2; ++e)
          to[k * panel + 2 * r + e] = j + r < out && k + e < in ? w[(j + r) * in + k + e] : bfloat16{0};
}

/// Packs x, rows x in, rounded to bf16: 16 rows and 32 columns at a time are full, by zeros.
RECLLM_CLONES inline void pack_rows(const float* x, std::size_t rows, std::size_t in, bfloat16* to) {
  const std::size_t inner = detail::padded_inner(in);
  std::memset(to, 0, packed_rows_size<bfloat16>(rows, in) * sizeof(bfloat16));
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t k = 0; k < in; k += lanes) {
      floats v{};
      load(x + r * in, k, in, v);
      store(v, k, in, to + r * inner);
    }
}

/// The same of bf16 weights, where has_amx().
RECLLM_CLONES inline void linear(const bfloat16* x, const bfloat16* w, const float* bias, std::size_t rows,
                                 std::size_t in, std::size_t out, std::size_t first, std::size_t last,
                                 float* y) {
  constexpr std::size_t panel = panel_rows<bfloat16>, most_rows = 48;
  const std::size_t inner = detail::padded_inner(in);
  detail::tile_shapes before;  // a library may have its own in this thread
  detail::amx_begin(before);
  alignas(64) float sums[most_rows * panel];
  for (std::size_t j = first; j < last; j += panel)
    for (std::size_t r = 0; r < rows; r += most_rows) {
      const std::size_t here = std::min(most_rows, rows - r);
      const auto multiply = here > 32   ? detail::amx_tile<3>
                            : here > 16 ? detail::amx_tile<2>
                                        : detail::amx_tile<1>;
      multiply(x + r * inner, w + j * inner, inner, sums);
      detail::put_tile<bfloat16>(sums, bias == nullptr ? nullptr : bias + j, here, out - j, y + r * out + j,
                                 out);
    }
  detail::amx_end(before);
}

}  // namespace recllm::kernel
