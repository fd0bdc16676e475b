// One row of logits, once through: a token drawn from it, a token's log-prob and the entropy, and the slopes
// of both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

namespace detail {

inline constexpr float lowest = -std::numeric_limits<float>::infinity();

template <std::size_t Lanes, class T>
RECLLM_INLINE float largest_of(const T* logits, std::size_t count) {
  floats<Lanes> most{};
  load(logits, 0, count, most, lowest);
  for (std::size_t i = Lanes; i < count; i += Lanes) {
    floats<Lanes> v{};
    load(logits, i, count, v, lowest);
    most = v > most ? v : most;
  }
  return largest(most);
}

/// Sum of exp((z - highest) * scale) over places first, ..., last - 1.
template <std::size_t Lanes>
RECLLM_INLINE double sum_of_exp(const float* logits, std::size_t first, std::size_t last, float highest,
                                float scale) {
  floats<Lanes> total{};
  for (std::size_t i = first; i < last; i += Lanes) {
    floats<Lanes> v{};
    load(logits, i, last, v, lowest);
    v = (v - highest) * scale;
    exp(v);
    total += v;
  }
  return static_cast<double>(sum(total));
}

}  // namespace detail

/// A token and its log-prob, nats.
struct drawn_token {
  std::size_t token;
  float log_prob;
};

/// Draws from softmax(scale * logits) over `count` tokens by the inverse of the cumulative distribution at
/// `uniform` in [0, 1). scale > 0. A row without a finite largest logit gives token 0 and NaN.
struct draw_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static drawn_token run(const float* logits, std::size_t count, float scale, double uniform) {
    using vector = floats<Lanes>;
    constexpr std::size_t block = 256, most_blocks = 64;
    const float highest = detail::largest_of<Lanes>(logits, count);
    // Sums of equal stretches of blocks; the one that holds the token is summed again, more and more finely.
    const std::size_t stretch = (count + block * most_blocks - 1) / (block * most_blocks) * block;
    double sums[most_blocks];
    double total = 0.0;
    std::size_t number = 0;
    for (std::size_t i = 0; i < count; i += stretch)
      total += sums[number++] =
          detail::sum_of_exp<Lanes>(logits, i, std::min(count, i + stretch), highest, scale);
    double left = uniform * total;
    std::size_t chosen = 0;
    while (chosen + 1 < number && left >= sums[chosen]) left -= sums[chosen++];
    std::size_t token = chosen * stretch;
    const std::size_t end = std::min(count, token + stretch);
    // Rounding may leave a rest past the last token: it goes to one with a chance.
    std::size_t likely = token;
    bool found = false;
    for (std::size_t i = token; i < end && !found; i += Lanes) {
      vector v{};
      load(logits, i, end, v, detail::lowest);
      v = (v - highest) * scale;
      exp(v);
      const std::size_t here = std::min(Lanes, end - i);
      for (std::size_t j = 0; j < here && !found; ++j) {
        if (v[j] > 0.0f) likely = i + j;
        left -= static_cast<double>(v[j]);
        found = left < 0.0;
      }
    }
    return {likely, (logits[likely] - highest) * scale - static_cast<float>(std::log(total))};
  }
};
inline constexpr dispatched<draw_kernel> draw{};

/// The likeliest token, the first of equals, and its log-prob under softmax(logits).
struct likeliest_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static drawn_token run(const float* logits, std::size_t count) {
    const float highest = detail::largest_of<Lanes>(logits, count);
    const double total = detail::sum_of_exp<Lanes>(logits, 0, count, highest, 1.0f);
    std::size_t token = 0;
    while (token + 1 < count && logits[token] != highest) ++token;
    return {token, -static_cast<float>(std::log(total))};
  }
};
inline constexpr dispatched<likeliest_kernel> likeliest{};

/// Of softmax(logits): the log-prob of `target` and the entropy, nats.
struct softmax_scores {
  float log_prob, entropy;
};
struct score_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static softmax_scores run(const T* logits, std::size_t count, std::size_t target) {
    using vector = floats<Lanes>;
    const float highest = detail::largest_of<Lanes>(logits, count);
    double total = 0.0, weighted = 0.0;
    for (std::size_t first = 0; first < count; first += 1024) {  // short sums in float, their sum in double
      const std::size_t last = std::min(count, first + 1024);
      vector sums{}, products{};
      for (std::size_t i = first; i < last; i += Lanes) {
        vector v{};
        load(logits, i, last, v, detail::lowest);
        v -= highest;
        const vector bounded = v < -87.0f ? vector{} - 87.0f : v;  // 0 * -inf is no number
        exp(v);
        sums += v;
        products += v * bounded;
      }
      total += static_cast<double>(sum(sums));
      weighted += static_cast<double>(sum(products));
    }
    const double log_total = std::log(total);
    return {value(logits[target]) - highest - static_cast<float>(log_total),
            static_cast<float>(log_total - weighted / total)};
  }
};
inline constexpr dispatched<score_kernel> score{};

/// Puts dL/dlogits in place of the logits, given their score, dL/dlogp of the target and dL/dentropy:
///
///   dlogp (1[v = target] - p_v) - dentropy p_v (log p_v + H)
struct slopes_kernel {
  template <std::size_t Lanes, class T>
  RECLLM_INLINE static void run(T* logits, std::size_t count, std::size_t target, const softmax_scores& of,
                                float dlogp, float dentropy) {
    using vector = floats<Lanes>;
    const float log_sum = value(logits[target]) - of.log_prob;
    for (std::size_t i = 0; i < count; i += Lanes) {
      vector v{};
      load(logits, i, count, v, detail::lowest);
      v -= log_sum;
      const vector bounded = v < -87.0f ? vector{} - 87.0f : v;
      exp(v);
      v *= -(dlogp + dentropy * (bounded + of.entropy));
      if (target >= i && target < i + Lanes) v[target - i] += dlogp;
      store(v, i, count, logits);
    }
  }
};
inline constexpr dispatched<slopes_kernel> slopes{};

}  // namespace recllm::kernel
