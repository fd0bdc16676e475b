// What a decoder's layer does to each row between its matrix products, and the slopes; torch/qwen.hpp has the
// equations and their sources. T: float or bfloat16; sums are of floats.
#pragma once

#include <cmath>
#include <cstddef>

#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

namespace detail {

template <class T>
RECLLM_INLINE float square_of(const T* x, std::size_t width) {
  floats squares{};
  for (std::size_t i = 0; i < width; i += lanes) {
    floats v{};
    load(x, i, width, v);
    squares += v * v;
  }
  return sum(squares);
}

/// 1 / the root of the mean square.
RECLLM_INLINE float norm_scale(float square, std::size_t width, double epsilon) {
  return 1.0f / std::sqrt(square / static_cast<float>(width) + static_cast<float>(epsilon));
}

template <class T>
RECLLM_INLINE void normalise(const T* x, const T* weight, double epsilon, std::size_t width, T* out) {
  const float scale = norm_scale(square_of(x, width), width, epsilon);
  for (std::size_t i = 0; i < width; i += lanes) {
    floats v{}, w{};
    load(x, i, width, v);
    load(weight, i, width, w);
    store(v * scale * w, i, width, out);
  }
}

/// 1 / (1 + e^-x).
RECLLM_INLINE void sigmoid(const floats& x, floats& v) {
  v = -x;
  v = v > 88.0f ? floats{} + 88.0f : v;
  exp(v);
  v = 1.0f / (1.0f + v);
}

}  // namespace detail

/// RMSNorm of `rows` rows of `width` numbers, row after row; `out` may be x.
template <class T>
RECLLM_CLONES void rms_norm(const T* x, const T* weight, double epsilon, std::size_t rows, std::size_t width,
                            T* out) {
  for (std::size_t r = 0; r < rows; ++r)
    detail::normalise(x + r * width, weight, epsilon, width, out + r * width);
}

/// after = x + delta, which may be x itself, and out = RMSNorm(after).
template <class T>
RECLLM_CLONES void add_rms_norm(const T* x, const T* delta, const T* weight, double epsilon, std::size_t rows,
                                std::size_t width, T* after, T* out) {
  for (std::size_t r = 0; r < rows; ++r, x += width, delta += width, after += width, out += width) {
    for (std::size_t i = 0; i < width; i += lanes) {
      floats v{}, more{};
      load(x, i, width, v);
      load(delta, i, width, more);
      store(v + more, i, width, after);
    }
    detail::normalise(after, weight, epsilon, width, out);
  }
}

/// Of out = RMSNorm(x), given dL/dout: dx = dL/dx + `more`, where that is not null, and dL/dweight added to
/// `dweight`.
template <class T>
RECLLM_CLONES void rms_norm_slopes(const T* x, const T* weight, double epsilon, const T* dout, const T* more,
                                   std::size_t rows, std::size_t width, T* dx, float* dweight) {
  for (std::size_t r = 0; r < rows; ++r, x += width, dout += width, dx += width) {
    floats products{};
    for (std::size_t i = 0; i < width; i += lanes) {
      floats v{}, slope{}, w{};
      load(x, i, width, v);
      load(dout, i, width, slope);
      load(weight, i, width, w);
      products += v * slope * w;
    }
    const float scale = detail::norm_scale(detail::square_of(x, width), width, epsilon);
    const float pull = scale * scale * scale * sum(products) / static_cast<float>(width);
    for (std::size_t i = 0; i < width; i += lanes) {
      floats v{}, slope{}, w{}, before{}, gathered{};
      load(x, i, width, v);
      load(dout, i, width, slope);
      load(weight, i, width, w);
      if (more != nullptr) load(more + r * width, i, width, before);
      load(dweight, i, width, gathered);
      store(gathered + slope * v * scale, i, width, dweight);
      store(before + slope * w * scale - v * pull, i, width, dx);
    }
  }
}

/// Rotates the pairs (x_i, x_{i + size / 2}) of each of a row's heads by the angles of which cosine and sine
/// are given, at least size / 2 of each; `back`: the other way round, which is also the pullback. out may be
/// x.
template <class T>
RECLLM_CLONES void rotate_heads(const T* x, std::size_t heads, std::size_t size, const float* cosine,
                                const float* sine, T* out, bool back = false) {
  const std::size_t half = size / 2;
  const float sign = back ? -1.0f : 1.0f;
  for (std::size_t h = 0; h < heads; ++h, x += size, out += size)
    for (std::size_t i = 0; i < half; i += lanes) {
      floats first{}, second{}, along{}, turn{};
      load(x, i, half, first);
      load(x + half, i, half, second);
      load(cosine, i, half, along);
      load(sine, i, half, turn);
      turn *= sign;
      store(first * along - second * turn, i, half, out);
      store(second * along + first * turn, i, half, out + half);
    }
}

/// SwiGLU: out = gate sigmoid(gate) up, `count` numbers each.
template <class T>
RECLLM_CLONES void swiglu(const T* gate, const T* up, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; i += lanes) {
    floats g{}, u{}, share{};
    load(gate, i, count, g);
    load(up, i, count, u);
    detail::sigmoid(g, share);
    store(g * share * u, i, count, out);
  }
}

/// The same with dL/dgate and dL/dup, given dL/dout; `dgate`, put last, may be any of the others' place.
template <class T>
RECLLM_CLONES void swiglu_slopes(const T* gate, const T* up, const T* dout, std::size_t count, T* out,
                                 T* dgate, T* dup) {
  for (std::size_t i = 0; i < count; i += lanes) {
    floats g{}, u{}, slope{}, share{};
    load(gate, i, count, g);
    load(up, i, count, u);
    load(dout, i, count, slope);
    detail::sigmoid(g, share);
    store(g * share * u, i, count, out);
    store(slope * g * share, i, count, dup);
    store(slope * u * share * (1.0f + g * (1.0f - share)), i, count, dgate);
  }
}

}  // namespace recllm::kernel
