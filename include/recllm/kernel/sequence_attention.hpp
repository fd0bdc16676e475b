// Causal attention of whole sequences and its gradient: of a group, a prompt once and the completions that go
// on from it. A token sees its prompt and what came before it in its own completion.
//
//   s_ij = q_i k_j / sqrt(d),  p_ij = exp(s_ij - lse_i),  o_i = sum_j p_ij v_j,  lse_i = ln sum_j exp s_ij
//   ds_ij = p_ij (do_i v_j - do_i o_i)
//
// As flash attention has it, nothing of the size of s is kept: Dao et al., arXiv 2205.14135, algorithm 4.
// Tiles hold all keys that some queries see, one key a row, so that a softmax is computed for as many
// queries at once as a vector holds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <recllm/kernel/product.hpp>
#include <recllm/kernel/simd.hpp>

namespace recllm::kernel {

/// Tokens of a group as they lie one after another, and one key-value head of them with its query heads.
struct group_sequences {
  std::size_t prompt;                    ///< tokens, at least one
  std::span<const std::size_t> answers;  ///< tokens of each completion
  std::size_t queries, size;             ///< query heads that share the key head; head_dim
  std::size_t q_stride, kv_stride;       ///< from a token's numbers to the next one's: q, out; k, v
  std::size_t lse_stride;                ///< the same of lse
};

namespace detail {

/// Queries of a tile, and keys of a strip: what product() takes at once, or twice.
inline constexpr std::size_t tile_queries = 64, strip_keys = 12;

/// The keys and values of a prompt or completion, as products read them, and their slopes.
struct sequence_keys {
  std::size_t first = 0, count = 0;       // tokens of the group
  std::vector<float> key_strips, values;  // strips of 12 keys, one number after another; count x width
  std::vector<float> value_strips, keys;  // the same of the other, for the way back
  std::vector<float> dkeys, dvalues;      // count x width
};

/// Room for one tile: numbers of `queries` queries, transposed (width x 64) and not (64 x width).
struct query_tile {
  std::vector<float> q_columns, q, dout_columns, dout, out, dq;
  std::vector<float> scores, slopes;  // keys x 64
  alignas(64) float lse[tile_queries] = {};
  alignas(64) float inner[tile_queries] = {};        // do_i o_i
  alignas(64) std::int32_t seen[tile_queries] = {};  // keys of its own sequence that each query sees
};

/// The keys that a tile sees of a sequence: rows [row, row + count) of its scores.
struct seen_keys {
  sequence_keys* of;
  std::size_t row, count;
  bool causal;
};

RECLLM_INLINE void pack_rows_of(const float* from, std::size_t stride, std::size_t count, std::size_t size,
                                std::vector<float>& to) {
  const std::size_t width = padded(size);
  to.assign(count * width, 0.0f);
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t d = 0; d < size; ++d) to[t * width + d] = from[t * stride + d];
}

RECLLM_INLINE void pack_strips_of(const float* from, std::size_t stride, std::size_t count, std::size_t size,
                                  std::vector<float>& to) {
  to.resize((count + strip_keys - 1) / strip_keys * strip_keys * size);
  pack_strips<strip_keys>(from, stride, count, size, to.data());
}

/// c = strips * columns: keys x 64, of which the first `queries` are wanted.
template <std::size_t Lanes>
RECLLM_INLINE void strips_product(const std::vector<float>& strips, const std::vector<float>& columns,
                                  std::size_t keys, std::size_t size, std::size_t queries, float* c) {
  for (std::size_t t = 0; t < keys; t += strip_keys)
    product<Lanes>({strips.data() + t * size, 1, strip_keys}, columns.data(), tile_queries,
                   c + t * tile_queries, tile_queries, std::min(strip_keys, keys - t), padded(queries), size);
}

/// Query number n of a sequence is head n % queries of its token n / queries.
struct query_place {
  std::size_t token, head;
};
RECLLM_INLINE query_place place_of(const group_sequences& g, const sequence_keys& s, std::size_t n) {
  return {s.first + n / g.queries, n % g.queries};
}

/// What a tile sees: its queries, the keys of the prompt, where it is of a completion, and of its own.
struct tile_view {
  std::size_t first, queries;
  seen_keys parts[2];
  std::size_t number;  // of parts
  std::size_t keys;    // of both

  [[nodiscard]] std::span<const seen_keys> seen() const { return {parts, number}; }
};

/// Scores of a tile's keys, minus infinity where a query does not see a key.
template <std::size_t Lanes>
RECLLM_INLINE void score_tile(const tile_view& view, std::size_t size, query_tile& tile) {
  for (const seen_keys& part : view.seen()) {
    float* scores = tile.scores.data() + part.row * tile_queries;
    strips_product<Lanes>(part.of->key_strips, tile.q_columns, part.count, size, view.queries, scores);
    if (!part.causal) continue;
    // The first query of the tile sees the fewest.
    for (std::size_t j = static_cast<std::size_t>(tile.seen[0]); j < part.count; ++j)
      for (std::size_t i = 0; i < tile_queries; ++i)
        if (static_cast<std::int32_t>(j) >= tile.seen[i])
          scores[j * tile_queries + i] = -std::numeric_limits<float>::infinity();
  }
}

/// The tile whose first query is number `first` of its sequence.
RECLLM_INLINE tile_view view_tile(const group_sequences& g, sequence_keys& prompt, sequence_keys& own,
                                  std::size_t first, query_tile& tile) {
  tile_view view{first, std::min(tile_queries, own.count * g.queries - first), {}, 0, 0};
  for (std::size_t i = 0; i < tile_queries; ++i)
    tile.seen[i] = static_cast<std::int32_t>((first + std::min(i, view.queries - 1)) / g.queries + 1);
  if (&own != &prompt) {
    view.parts[view.number++] = {&prompt, 0, prompt.count, false};
    view.keys = prompt.count;
  }
  const std::size_t newest = static_cast<std::size_t>(tile.seen[tile_queries - 1]);
  view.parts[view.number++] = {&own, view.keys, newest, true};
  view.keys += newest;
  return view;
}

/// A tile's rows of q or dout, times `scale`, transposed and, where asked for, not.
template <std::size_t Lanes>
RECLLM_INLINE void gather_queries(const group_sequences& g, const sequence_keys& s, const tile_view& view,
                                  const float* from, float scale, std::vector<float>& columns,
                                  std::vector<float>* rows) {
  const std::size_t width = padded(g.size);
  columns.resize(width * tile_queries);
  if (rows != nullptr) rows->resize(tile_queries * width);
  for (std::size_t i = 0; i < padded(view.queries); i += Lanes)
    for (std::size_t d = 0; d < g.size; d += Lanes) {
      floats<Lanes> block[Lanes] = {};
      for (std::size_t r = 0; r < std::min(Lanes, view.queries - i); ++r) {
        const query_place at = place_of(g, s, view.first + i + r);
        load(from + at.token * g.q_stride + at.head * g.size, d, g.size, block[r]);
        block[r] *= scale;
      }
      if (rows != nullptr)
        for (std::size_t r = 0; r < Lanes; ++r)
          kernel::at<Lanes>(rows->data() + (i + r) * width + d)->v = block[r];
      transpose(block);
      for (std::size_t r = 0; r < Lanes; ++r)
        kernel::at<Lanes>(columns.data() + (d + r) * tile_queries + i)->v = block[r];
    }
}

/// `own` becomes the prompt (number 0) or a completion, which begins at token `next`; moves `next` past it.
RECLLM_INLINE void begin_sequence(const group_sequences& g, std::size_t number, const float* k,
                                  std::size_t& next, sequence_keys& own) {
  own.first = next;
  own.count = number == 0 ? g.prompt : g.answers[number - 1];
  next += own.count;
  pack_strips_of(k + own.first * g.kv_stride, g.kv_stride, own.count, g.size, own.key_strips);
}

/// dk and dv of a sequence.
RECLLM_INLINE void put_slopes(const group_sequences& g, const sequence_keys& s, float* dk, float* dv) {
  const std::size_t width = padded(g.size);
  for (std::size_t t = 0; t < s.count; ++t)
    for (std::size_t d = 0; d < g.size; ++d) {
      dk[(s.first + t) * g.kv_stride + d] = s.dkeys[t * width + d];
      dv[(s.first + t) * g.kv_stride + d] = s.dvalues[t * width + d];
    }
}

/// Keys that the last token of a group's longest sequence sees.
inline std::size_t most_keys(const group_sequences& g) {
  return g.prompt + (g.answers.empty() ? 0 : *std::ranges::max_element(g.answers));
}

}  // namespace detail

/// out and lse of all tokens of a group, for one key-value head. q, k, v, out and lse begin at the group's
/// first token and at that head, or its first query head.
struct attend_sequences_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const group_sequences& g, const float* q, const float* k, const float* v,
                                float* out, float* lse) {
    using vector = floats<Lanes>;
    using namespace detail;
    const std::size_t width = padded(g.size);
    query_tile tile;
    tile.scores.resize(most_keys(g) * tile_queries);
    tile.out.resize(tile_queries * width);
    sequence_keys prompt, answer;
    std::size_t next = 0;
    for (std::size_t number = 0; number <= g.answers.size(); ++number) {
      sequence_keys& own = number == 0 ? prompt : answer;
      begin_sequence(g, number, k, next, own);
      pack_rows_of(v + own.first * g.kv_stride, g.kv_stride, own.count, g.size, own.values);
      for (std::size_t first = 0; first < own.count * g.queries; first += tile_queries) {
        const tile_view view = view_tile(g, prompt, own, first, tile);
        gather_queries<Lanes>(g, own, view, q, 1.0f / std::sqrt(static_cast<float>(g.size)), tile.q_columns,
                              nullptr);
        score_tile<Lanes>(view, g.size, tile);
        constexpr std::size_t parts = tile_queries / Lanes;
        vector most[parts], totals[parts] = {};
        for (std::size_t i = 0; i < parts; ++i) most[i] = at<Lanes>(tile.scores.data() + i * Lanes)->v;
        for (std::size_t j = 1; j < view.keys; ++j)
#pragma GCC unroll 16
          for (std::size_t i = 0; i < parts; ++i) {
            const vector here = at<Lanes>(tile.scores.data() + j * tile_queries + i * Lanes)->v;
            most[i] = here > most[i] ? here : most[i];
          }
        for (std::size_t j = 0; j < view.keys; ++j)
#pragma GCC unroll 16
          for (std::size_t i = 0; i < parts; ++i) {
            auto* const s = at<Lanes>(tile.scores.data() + j * tile_queries + i * Lanes);
            vector p = s->v - most[i];
            exp(p);
            s->v = p;
            totals[i] += p;
          }
        for (const seen_keys& part : view.seen())
          product<Lanes>({tile.scores.data() + part.row * tile_queries, 1, tile_queries},
                         part.of->values.data(), width, tile.out.data(), width, view.queries, width,
                         part.count, part.row > 0);
        for (std::size_t i = 0; i < view.queries; ++i) {
          const query_place to = place_of(g, own, first + i);
          const float total = totals[i / Lanes][i % Lanes], share = 1.0f / total;
          lse[to.token * g.lse_stride + to.head] = most[i / Lanes][i % Lanes] + std::log(total);
          for (std::size_t d = 0; d < g.size; ++d)
            out[to.token * g.q_stride + to.head * g.size + d] = tile.out[i * width + d] * share;
        }
      }
    }
  }
};
inline constexpr dispatched<attend_sequences_kernel> attend_sequences{};

/// The way back of attend_sequences(): dq, dk and dv, which lie as q, k and v do, given what it read and
/// wrote and dout.
struct pull_back_sequences_kernel {
  template <std::size_t Lanes>
  RECLLM_INLINE static void run(const group_sequences& g, const float* q, const float* k, const float* v,
                                const float* out, const float* lse, const float* dout, float* dq, float* dk,
                                float* dv) {
    using vector = floats<Lanes>;
    using namespace detail;
    const std::size_t width = padded(g.size);
    const float scale = 1.0f / std::sqrt(static_cast<float>(g.size));
    query_tile tile;
    tile.scores.resize(most_keys(g) * tile_queries);
    tile.slopes.resize(most_keys(g) * tile_queries);
    tile.dq.resize(tile_queries * width);
    sequence_keys prompt, answer;
    std::size_t next = 0;
    // The prompt's slopes are whole when every completion has given its part: they are put last.
    for (std::size_t number = 0; number <= g.answers.size(); ++number) {
      sequence_keys& own = number == 0 ? prompt : answer;
      begin_sequence(g, number, k, next, own);
      pack_strips_of(v + own.first * g.kv_stride, g.kv_stride, own.count, g.size, own.value_strips);
      pack_rows_of(k + own.first * g.kv_stride, g.kv_stride, own.count, g.size, own.keys);
      own.dkeys.assign(own.count * width, 0.0f);
      own.dvalues.assign(own.count * width, 0.0f);
      for (std::size_t first = 0; first < own.count * g.queries; first += tile_queries) {
        const tile_view view = view_tile(g, prompt, own, first, tile);
        gather_queries<Lanes>(g, own, view, q, scale, tile.q_columns, &tile.q);
        gather_queries<Lanes>(g, own, view, dout, 1.0f, tile.dout_columns, &tile.dout);
        for (std::size_t i = 0; i < tile_queries; ++i) {
          tile.inner[i] = tile.lse[i] = 0.0f;
          if (i >= view.queries) continue;
          const query_place from = place_of(g, own, first + i);
          const std::size_t numbers = from.token * g.q_stride + from.head * g.size;
          vector products{};
          for (std::size_t d = 0; d < g.size; d += Lanes) {
            vector o{}, slope{};
            load(out + numbers, d, g.size, o);
            load(dout + numbers, d, g.size, slope);
            products += o * slope;
          }
          tile.inner[i] = sum(products);
          tile.lse[i] = lse[from.token * g.lse_stride + from.head];
        }
        score_tile<Lanes>(view, g.size, tile);
        for (const seen_keys& part : view.seen())
          strips_product<Lanes>(part.of->value_strips, tile.dout_columns, part.count, g.size, view.queries,
                                tile.slopes.data() + part.row * tile_queries);
        for (std::size_t j = 0; j < view.keys; ++j)
          for (std::size_t i = 0; i < view.queries; i += Lanes) {
            auto* const s = at<Lanes>(tile.scores.data() + j * tile_queries + i);
            auto* const ds = at<Lanes>(tile.slopes.data() + j * tile_queries + i);
            vector p = s->v - at<Lanes>(tile.lse + i)->v;
            exp(p);
            s->v = p;
            ds->v = p * (ds->v - at<Lanes>(tile.inner + i)->v);
          }
        for (const seen_keys& part : view.seen()) {
          const float *p = tile.scores.data() + part.row * tile_queries,
                      *ds = tile.slopes.data() + part.row * tile_queries;
          product<Lanes>({p, tile_queries}, tile.dout.data(), width, part.of->dvalues.data(), width,
                         part.count, width, view.queries, true);
          product<Lanes>({ds, tile_queries}, tile.q.data(), width, part.of->dkeys.data(), width, part.count,
                         width, view.queries, true);
          product<Lanes>({ds, 1, tile_queries}, part.of->keys.data(), width, tile.dq.data(), width,
                         view.queries, width, part.count, part.row > 0);
        }
        for (std::size_t i = 0; i < view.queries; ++i) {
          const query_place to = place_of(g, own, first + i);
          for (std::size_t d = 0; d < g.size; ++d)
            dq[to.token * g.q_stride + to.head * g.size + d] = tile.dq[i * width + d] * scale;
        }
      }
      if (number > 0) put_slopes(g, own, dk, dv);
    }
    put_slopes(g, prompt, dk, dv);
  }
};
inline constexpr dispatched<pull_back_sequences_kernel> pull_back_sequences{};

}  // namespace recllm::kernel
