// y = x W^T + b for the few rows of a decoding step, x, y and b in float32, W in float32 or bf16.
//
// W lies in panels, each of some of its rows, as wide as the processor's registers want it; a panel is
// multiplied by all rows of x before the next one, which is fetched meanwhile: of so few rows, memory bounds
// the time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <recllm/kernel/amx.hpp>
#include <recllm/kernel/product.hpp>
#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

namespace detail {

inline constexpr std::size_t bf16_panel = 16;  // rows of a tile of AMX

/// Rows of x in a tile of sums, of two vectors each: as many as there are registers for.
constexpr std::size_t tile_rows(std::size_t lanes) { return lanes == 16 ? 12 : 6; }

/// Fetches a share of the next panel, `step` floats at each step of a tile.
template <std::size_t Lanes>
struct panel_fetch {
  const float* from;
  std::size_t step;
  RECLLM_INLINE void operator()(std::size_t k) const {
    __builtin_prefetch(from + k * step, 0, 2);
    if constexpr (Lanes == 16) __builtin_prefetch(from + k * step + Lanes, 0, 2);  // a line is 64 bytes
  }
};

/// y = sums + bias: of up to `rows` rows, `columns` numbers of a panel's, of which there are `panel`.
template <std::size_t Lanes>
RECLLM_INLINE void put_tile(const float* sums, std::size_t panel, const float* bias, std::size_t rows,
                            std::size_t columns, float* y, std::size_t stride) {
  for (std::size_t c = 0; c < std::min(columns, panel); c += Lanes) {
    floats<Lanes> b{};
    if (bias != nullptr) load(bias, c, columns, b);
    const bool whole = c + Lanes <= columns;
    for (std::size_t r = 0; r < rows; ++r) {
      const floats<Lanes> v = at<Lanes>(sums + r * panel + c)->v + b;
      if (whole)
        at<Lanes>(y + r * stride + c)->v = v;
      else
        store(v, c, columns, y + r * stride);
    }
  }
}

/// Columns of a packed weight or row of bf16: a multiple of 32.
constexpr std::size_t padded_inner(std::size_t in) { return (in + 31) / 32 * 32; }
}  // namespace detail

/// Rows of W in a panel.
template <class T>
[[nodiscard]] std::size_t panel_rows() {
  return sizeof(T) == 2 ? detail::bf16_panel : 2 * lanes_here();
}

/// Numbers of a packed weight, out x in.
template <class T>
[[nodiscard]] std::size_t packed_weight_size(std::size_t out, std::size_t in) {
  const std::size_t panels = (out + panel_rows<T>() - 1) / panel_rows<T>();
  return panels * panel_rows<T>() * (sizeof(T) == 2 ? detail::padded_inner(in) : in);
}

/// Numbers of `rows` packed rows.
template <class T>
[[nodiscard]] std::size_t packed_rows_size(std::size_t rows, std::size_t in) {
  if (sizeof(T) == 2) return (rows + 15) / 16 * 16 * detail::padded_inner(in);
  const std::size_t tile = detail::tile_rows(lanes_here());
  return (rows + tile - 1) / tile * tile * in;
}

/// Packs W, out x in: of float, or of bf16 in panels of 16 rows, two neighbouring columns together.
struct pack_weight_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const float* w, std::size_t out, std::size_t in, float* to) {
    detail::pack_strips<2 * Lanes>(w, in, out, in, to);
  }
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const bfloat16* w, std::size_t out, std::size_t in, bfloat16* to) {
    constexpr std::size_t panel = detail::bf16_panel;
    const std::size_t inner = detail::padded_inner(in);
    for (std::size_t j = 0; j < out; j += panel, to += panel * inner)
      for (std::size_t k = 0; k < inner; k += 2)
        for (std::size_t r = 0; r < panel; ++r)
          for (std::size_t e = 0; e < 2; ++e)
            to[k * panel + 2 * r + e] = j + r < out && k + e < in ? w[(j + r) * in + k + e] : bfloat16{0};
  }
};
inline constexpr dispatched<pack_weight_kernel> pack_weight{};

/// Packs x, rows x in: as it is, or rounded to bf16, where 16 rows and 32 columns at a time are full, by
/// zeros.
struct pack_rows_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const float* x, std::size_t rows, std::size_t in, float* to) {
    detail::pack_strips<detail::tile_rows(Lanes)>(x, in, rows, in, to);
  }
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const float* x, std::size_t rows, std::size_t in, bfloat16* to) {
    const std::size_t inner = detail::padded_inner(in);
    std::memset(to, 0, packed_rows_size<bfloat16>(rows, in) * sizeof(bfloat16));
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t k = 0; k < in; k += Lanes) {
        floats<Lanes> v{};
        load(x + r * in, k, in, v);
        store(v, k, in, to + r * inner);
      }
  }
};
inline constexpr dispatched<pack_rows_kernel> pack_rows{};

/// Columns [first, last) of y, rows x out, rows >= 1; first is a multiple of panel_rows<T>(), and so is last,
/// or it is out. `x` and `w` are packed; no bias: nullptr. Of bf16 weights where has_amx().
struct linear_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const float* x, const float* w, const float* bias, std::size_t rows,
                                std::size_t in, std::size_t out, std::size_t first, std::size_t last,
                                float* y) {
    constexpr std::size_t panel = 2 * Lanes, tile = detail::tile_rows(Lanes);
    const std::size_t tiles = (rows + tile - 1) / tile;
    const std::size_t share = (panel + tiles - 1) / tiles;  // columns of the next panel that a tile fetches
    float sums[tile * panel];
    for (std::size_t j = first; j < last; j += panel)
      for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t r = t * tile;
        const detail::panel_fetch<Lanes> next{w + (j + panel + t * share) * in, share};
        detail::product_tile<Lanes, tile, 2>({x + r * in, 1, tile}, w + j * in, panel, sums, panel, in, false,
                                             next);
        detail::put_tile<Lanes>(sums, panel, bias == nullptr ? nullptr : bias + j, std::min(tile, rows - r),
                                out - j, y + r * out + j, out);
      }
  }
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const bfloat16* x, const bfloat16* w, const float* bias, std::size_t rows,
                                std::size_t in, std::size_t out, std::size_t first, std::size_t last,
                                float* y) {
    constexpr std::size_t panel = detail::bf16_panel, most_rows = 48;
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
        detail::put_tile<Lanes>(sums, panel, bias == nullptr ? nullptr : bias + j, here, out - j,
                                y + r * out + j, out);
      }
    detail::amx_end(before);
  }
};
inline constexpr dispatched<linear_kernel> linear{};

}  // namespace recllm::kernel
