// Attention of the newest token of each completion of a prompt over the prompt, whose keys and values all
// share, and over the completion's own past: one tile of scores for the whole group.
//
// Keys are held transposed, head_dim x places, so that scores are sums of whole vectors.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <recllm/kernel/product.hpp>
#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

/// The cache of one key-value head and one prompt, and the completions that go on from it. Places beyond
/// those in use may hold anything finite; `size` is a multiple of sixteen, as are the rooms.
struct group_head {
  const float* prompt_keys;    ///< size x prompt_room
  const float* prompt_values;  ///< prompt_room x size
  std::size_t prompt, prompt_room;
  std::span<const std::size_t> rows;  ///< numbers of the completions
  const float* keys;                  ///< of completion r at r * stride: size x room
  const float* values;                ///< of completion r at r * stride: room x size
  std::size_t stride, said, room;     ///< said: places in use, at least one
  std::size_t queries, size;          ///< query heads that share the key head; head_dim
};

/// Numbers that attend_group() needs for its work.
[[nodiscard]] inline std::size_t attention_scratch(const group_head& g) {
  return g.rows.size() * g.queries * (g.prompt_room + g.room + 2 * g.size);
}

/// q, out: of row r `queries` heads of `size` numbers, at r * q_stride and r * out_stride.
struct attend_group_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const group_head& g, const float* q, std::size_t q_stride, float* out,
                                std::size_t out_stride, float* scratch) {
    using vector = floats<Lanes>;
    const std::size_t total = g.rows.size() * g.queries, own = padded(g.said);
    const std::size_t width = g.prompt_room + own;
    float* const tile = scratch;
    float* const sums = tile + total * g.size;
    float* const scores = sums + total * g.size;
    const float scale = 1.0f / std::sqrt(static_cast<float>(g.size));
    for (std::size_t i = 0; i < g.rows.size(); ++i) {
      const float* from = q + g.rows[i] * q_stride;
      float* to = tile + i * g.queries * g.size;
      for (std::size_t d = 0; d < g.queries * g.size; d += Lanes)
        at<Lanes>(to + d)->v = at<Lanes>(from + d)->v * scale;
    }
    product<Lanes>({tile, g.size}, g.prompt_keys, g.prompt_room, scores, width, total, g.prompt_room, g.size);
    for (std::size_t i = 0; i < g.rows.size(); ++i)
      product<Lanes>({tile + i * g.queries * g.size, g.size}, g.keys + g.rows[i] * g.stride, g.room,
                     scores + i * g.queries * width + g.prompt_room, width, g.queries, own, g.size);

    for (std::size_t t = 0; t < total; ++t) {
      float* s = scores + t * width;
      for (std::size_t j = g.prompt; j < g.prompt_room; ++j) s[j] = -std::numeric_limits<float>::infinity();
      for (std::size_t j = g.prompt_room + g.said; j < width; ++j)
        s[j] = -std::numeric_limits<float>::infinity();
      vector most = at<Lanes>(s)->v;
      for (std::size_t j = Lanes; j < width; j += Lanes)
        most = at<Lanes>(s + j)->v > most ? at<Lanes>(s + j)->v : most;
      const float highest = largest(most);
      vector weights{};
      for (std::size_t j = 0; j < width; j += Lanes) {
        vector w = at<Lanes>(s + j)->v - highest;
        exp(w);
        at<Lanes>(s + j)->v = w;
        weights += w;
      }
      const float share = 1.0f / sum(weights);
      for (std::size_t j = 0; j < width; j += Lanes) at<Lanes>(s + j)->v *= share;
    }

    product<Lanes>({scores, width}, g.prompt_values, g.size, sums, g.size, total, g.size, g.prompt);
    for (std::size_t i = 0; i < g.rows.size(); ++i) {
      float* from = sums + i * g.queries * g.size;
      product<Lanes>({scores + i * g.queries * width + g.prompt_room, width}, g.values + g.rows[i] * g.stride,
                     g.size, from, g.size, g.queries, g.size, g.said, true);
      float* to = out + g.rows[i] * out_stride;
      for (std::size_t d = 0; d < g.queries * g.size; d += Lanes)
        at<Lanes>(to + d)->v = at<Lanes>(from + d)->v;
    }
  }
};
inline constexpr dispatched<attend_group_kernel> attend_group{};

}  // namespace recllm::kernel
