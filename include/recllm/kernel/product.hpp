// Products of small matrices, as attention over a cache needs them: too small for a library's call each.
#pragma once

#include <cstddef>

#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

namespace detail {

template <std::size_t Rows, std::size_t Vectors>
RECLLM_INLINE void product_tile(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                                float* c, std::size_t c_stride, std::size_t inner, bool add) {
  floats sums[Rows][Vectors];
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < Vectors; ++v)
      sums[r][v] = add ? at(c + r * c_stride + v * lanes)->v : floats{};
  for (std::size_t k = 0; k < inner; ++k)
    for (std::size_t v = 0; v < Vectors; ++v) {
      const floats right = at(b + k * b_stride + v * lanes)->v;
      for (std::size_t r = 0; r < Rows; ++r) sums[r][v] += a[r * a_stride + k] * right;
    }
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < Vectors; ++v) at(c + r * c_stride + v * lanes)->v = sums[r][v];
}

template <std::size_t Rows, std::size_t Vectors>
RECLLM_INLINE void product_rows(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                                float* c, std::size_t c_stride, std::size_t columns, std::size_t inner,
                                bool add) {
  std::size_t j = 0;
  for (; j + Vectors * lanes <= columns; j += Vectors * lanes)
    product_tile<Rows, Vectors>(a, a_stride, b + j, b_stride, c + j, c_stride, inner, add);
  for (; j < columns; j += lanes)
    product_tile<Rows, 1>(a, a_stride, b + j, b_stride, c + j, c_stride, inner, add);
}

}  // namespace detail

/// C = A B, or C += A B where `add`: A is rows x inner, B inner x columns, all row after row at their
/// strides; columns is a multiple of `lanes`. To be called from a RECLLM_CLONES function.
RECLLM_INLINE void product(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                           float* c, std::size_t c_stride, std::size_t rows, std::size_t columns,
                           std::size_t inner, bool add = false) {
  std::size_t i = 0;
  for (; i + 6 <= rows; i += 6)
    detail::product_rows<6, 1>(a + i * a_stride, a_stride, b, b_stride, c + i * c_stride, c_stride, columns,
                               inner, add);
  for (; i + 2 <= rows; i += 2)
    detail::product_rows<2, 4>(a + i * a_stride, a_stride, b, b_stride, c + i * c_stride, c_stride, columns,
                               inner, add);
  if (i < rows)
    detail::product_rows<1, 4>(a + i * a_stride, a_stride, b, b_stride, c + i * c_stride, c_stride, columns,
                               inner, add);
}

}  // namespace recllm::kernel
