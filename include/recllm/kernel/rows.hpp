// What a decoder's layer does to each row between its matrix products, and the slopes; torch/qwen.hpp has the
// equations and their sources. T: float or bfloat16; sums are of floats.
#pragma once

#include <cmath>
#include <cstddef>

#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

namespace detail {

template <std::size_t Lanes, class T>
RECLLM_INLINE float square_of(const T* x, std::size_t width) {
  using vector = floats<Lanes>;
  vector squares{};
  for (std::size_t i = 0; i < width; i += Lanes) {
    vector v{};
    load(x, i, width, v);
    squares += v * v;
  }
  return sum(squares);
}

/// 1 / the root of the mean square.
RECLLM_INLINE float norm_scale(float square, std::size_t width, double epsilon) {
  return 1.0f / std::sqrt(square / static_cast<float>(width) + static_cast<float>(epsilon));
}

template <std::size_t Lanes, class T>
RECLLM_INLINE void normalise(const T* x, const T* weight, double epsilon, std::size_t width, T* out) {
  using vector = floats<Lanes>;
  const float scale = norm_scale(square_of<Lanes>(x, width), width, epsilon);
  for (std::size_t i = 0; i < width; i += Lanes) {
    vector v{}, w{};
    load(x, i, width, v);
    load(weight, i, width, w);
    store(v * scale * w, i, width, out);
  }
}

/// 1 / (1 + e^-x).
template <class Floats>
RECLLM_INLINE void sigmoid(const Floats& x, Floats& v) {
  v = -x;
  v = v > 88.0f ? Floats{} + 88.0f : v;
  exp(v);
  v = 1.0f / (1.0f + v);
}

}  // namespace detail

/// RMSNorm of `rows` rows of `width` numbers, row after row; `out` may be x.
struct rms_norm_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* x, const T* weight, double epsilon, std::size_t rows,
                                std::size_t width, T* out) {
    for (std::size_t r = 0; r < rows; ++r)
      detail::normalise<Lanes>(x + r * width, weight, epsilon, width, out + r * width);
  }
};
inline constexpr dispatched<rms_norm_kernel> rms_norm{};

/// after = x + delta, which may be x itself, and out = RMSNorm(after).
struct add_rms_norm_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* x, const T* delta, const T* weight, double epsilon, std::size_t rows,
                                std::size_t width, T* after, T* out) {
    using vector = floats<Lanes>;
    for (std::size_t r = 0; r < rows; ++r, x += width, delta += width, after += width, out += width) {
      for (std::size_t i = 0; i < width; i += Lanes) {
        vector v{}, more{};
        load(x, i, width, v);
        load(delta, i, width, more);
        store(v + more, i, width, after);
      }
      detail::normalise<Lanes>(after, weight, epsilon, width, out);
    }
  }
};
inline constexpr dispatched<add_rms_norm_kernel> add_rms_norm{};

/// Of out = RMSNorm(x), given dL/dout: dx = dL/dx + `more`, where that is not null, and dL/dweight added to
/// `dweight`.
struct rms_norm_slopes_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* x, const T* weight, double epsilon, const T* dout, const T* more,
                                std::size_t rows, std::size_t width, T* dx, float* dweight) {
    using vector = floats<Lanes>;
    for (std::size_t r = 0; r < rows; ++r, x += width, dout += width, dx += width) {
      vector products{};
      for (std::size_t i = 0; i < width; i += Lanes) {
        vector v{}, slope{}, w{};
        load(x, i, width, v);
        load(dout, i, width, slope);
        load(weight, i, width, w);
        products += v * slope * w;
      }
      const float scale = detail::norm_scale(detail::square_of<Lanes>(x, width), width, epsilon);
      const float pull = scale * scale * scale * sum(products) / static_cast<float>(width);
      for (std::size_t i = 0; i < width; i += Lanes) {
        vector v{}, slope{}, w{}, before{}, gathered{};
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
};
inline constexpr dispatched<rms_norm_slopes_kernel> rms_norm_slopes{};

/// Rotates the pairs (x_i, x_{i + size / 2}) of each of a row's heads by the angles of which cosine and sine
/// are given, at least size / 2 of each; `back`: the other way round, which is also the pullback. out may be
/// x.
struct rotate_heads_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* x, std::size_t heads, std::size_t size, const float* cosine,
                                const float* sine, T* out, bool back = false) {
    using vector = floats<Lanes>;
    const std::size_t half = size / 2;
    const float sign = back ? -1.0f : 1.0f;
    for (std::size_t h = 0; h < heads; ++h, x += size, out += size)
      for (std::size_t i = 0; i < half; i += Lanes) {
        vector first{}, second{}, along{}, turn{};
        load(x, i, half, first);
        load(x + half, i, half, second);
        load(cosine, i, half, along);
        load(sine, i, half, turn);
        turn *= sign;
        store(first * along - second * turn, i, half, out);
        store(second * along + first * turn, i, half, out + half);
      }
  }
};
inline constexpr dispatched<rotate_heads_kernel> rotate_heads{};

/// SwiGLU: out = gate sigmoid(gate) up, `count` numbers each.
struct swiglu_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* gate, const T* up, std::size_t count, T* out) {
    using vector = floats<Lanes>;
    for (std::size_t i = 0; i < count; i += Lanes) {
      vector g{}, u{}, share{};
      load(gate, i, count, g);
      load(up, i, count, u);
      detail::sigmoid(g, share);
      store(g * share * u, i, count, out);
    }
  }
};
inline constexpr dispatched<swiglu_kernel> swiglu{};

/// The same with dL/dgate and dL/dup, given dL/dout; `dgate`, put last, may be any of the others' place.
struct swiglu_slopes_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(const T* gate, const T* up, const T* dout, std::size_t count, T* out,
                                T* dgate, T* dup) {
    using vector = floats<Lanes>;
    for (std::size_t i = 0; i < count; i += Lanes) {
      vector g{}, u{}, slope{}, share{};
      load(gate, i, count, g);
      load(up, i, count, u);
      load(dout, i, count, slope);
      detail::sigmoid(g, share);
      store(g * share * u, i, count, out);
      store(slope * g * share, i, count, dup);
      store(slope * u * share * (1.0f + g * (1.0f - share)), i, count, dgate);
    }
  }
};
inline constexpr dispatched<swiglu_slopes_kernel> swiglu_slopes{};

}  // namespace recllm::kernel
