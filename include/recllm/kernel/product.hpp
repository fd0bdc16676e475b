// Products of small matrices, as attention needs them: too small for a library's call each.
#pragma once

#include <cstddef>

#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

/// The left factor of a product: element (r, k) lies at data[r * row + k * step].
struct left_factor {
  const float* data;
  std::size_t row, step = 1;
};

namespace detail {

struct no_fetch {
  RECLLM_INLINE void operator()(std::size_t) const {}
};

/// C = A B of a tile, or C += A B; fetch(k) brings into the cache what is wanted next, at each step of
/// `inner`.
template <std::size_t Lanes, std::size_t Rows, std::size_t Vectors, class Fetch = no_fetch>
RECLLM_INLINE void product_tile(const left_factor& a, const float* b, std::size_t b_stride, float* c,
                                std::size_t c_stride, std::size_t inner, bool add, const Fetch& fetch = {}) {
  using vector = floats<Lanes>;
  vector sums[Rows][Vectors];
#pragma GCC unroll 12
  for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v)
      sums[r][v] = add ? at<Lanes>(c + r * c_stride + v * Lanes)->v : vector{};
  for (std::size_t k = 0; k < inner; ++k) {
    fetch(k);
    vector right[Vectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) right[v] = at<Lanes>(b + k * b_stride + v * Lanes)->v;
#pragma GCC unroll 12
    for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
      for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] += a.data[r * a.row + k * a.step] * right[v];
  }
#pragma GCC unroll 12
  for (std::size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) at<Lanes>(c + r * c_stride + v * Lanes)->v = sums[r][v];
}

/// Tiles of Rows rows, as many as there are; moves a and c on, and takes their rows off.
template <std::size_t Lanes, std::size_t Rows, std::size_t Vectors>
RECLLM_INLINE void product_rows(left_factor& a, const float* b, std::size_t b_stride, float*& c,
                                std::size_t c_stride, std::size_t& rows, std::size_t columns,
                                std::size_t inner, bool add) {
  for (; rows >= Rows; rows -= Rows, a.data += Rows * a.row, c += Rows * c_stride) {
    std::size_t j = 0;
    for (; j + Vectors * Lanes <= columns; j += Vectors * Lanes)
      product_tile<Lanes, Rows, Vectors>(a, b + j, b_stride, c + j, c_stride, inner, add);
    for (; j < columns; j += Lanes)
      product_tile<Lanes, Rows, 1>(a, b + j, b_stride, c + j, c_stride, inner, add);
  }
}

/// Rows at their stride as strips of `Width`, of each strip one column after another; 0 for rows past the
/// last.
template <std::size_t Width>
RECLLM_INLINE void pack_strips(const float* from, std::size_t stride, std::size_t rows, std::size_t columns,
                               float* to) {
  for (std::size_t i = 0; i < rows; i += Width, to += Width * columns)
    if (rows - i >= Width) {
      for (std::size_t k = 0; k < columns; ++k)
#pragma GCC unroll 32
        for (std::size_t r = 0; r < Width; ++r) to[k * Width + r] = from[(i + r) * stride + k];
    } else {
      for (std::size_t k = 0; k < columns; ++k)
        for (std::size_t r = 0; r < Width; ++r)
          to[k * Width + r] = r < rows - i ? from[(i + r) * stride + k] : 0.0f;
    }
}

}  // namespace detail

/// C = A B, or C += A B where `add`: A is rows x inner, B inner x columns, rows at their strides; columns is
/// a multiple of sixteen.
template <std::size_t Lanes>
RECLLM_INLINE void product(left_factor a, const float* b, std::size_t b_stride, float* c,
                           std::size_t c_stride, std::size_t rows, std::size_t columns, std::size_t inner,
                           bool add = false) {
  if constexpr (Lanes == 16) {  // 32 registers
    detail::product_rows<Lanes, 12, 2>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
    detail::product_rows<Lanes, 4, 2>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
    detail::product_rows<Lanes, 3, 4>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
  } else {
    detail::product_rows<Lanes, 6, 2>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
    detail::product_rows<Lanes, 3, 2>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
  }
  detail::product_rows<Lanes, 2, 4>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
  detail::product_rows<Lanes, 1, 4>(a, b, b_stride, c, c_stride, rows, columns, inner, add);
}

}  // namespace recllm::kernel
