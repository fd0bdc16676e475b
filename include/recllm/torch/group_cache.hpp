// Keys and values of prompts and of the rows that go on from them; a prompt's are held once for all its rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <recllm/model/qwen_config.hpp>
#include <recllm/torch/attention.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// A row is a completion in the making. There is one a prompt at first; select() says which go on, and how
/// often. What it computes has the type of the model's keys.
class group_cache {
 public:
  /// For prompts of these numbers of tokens, one at least; max_new_tokens: room a row.
  group_cache(const qwen_config& config, std::vector<std::int64_t> prompt_lengths,
              std::int64_t max_new_tokens)
      : room_(max_new_tokens),
        heads_(config.num_attention_heads),
        kv_heads_(config.num_key_value_heads),
        size_(config.head_size()),
        prompt_of_(prompt_lengths.size()),
        lengths_(std::move(prompt_lengths)),
        layers_(static_cast<std::size_t>(config.num_hidden_layers)) {
    std::iota(prompt_of_.begin(), prompt_of_.end(), 0);
  }

  /// Attention of the prompts' own tokens, a packed batch without completions, whose keys and values are
  /// kept.
  [[nodiscard]] at::Tensor prefill(std::int64_t layer, const packed_batch& batch, const at::Tensor& q,
                                   const at::Tensor& k, const at::Tensor& v) {
    const std::int64_t prompts = static_cast<std::int64_t>(lengths_.size());
    const std::int64_t longest = std::ranges::max(lengths_);
    keep& kept = layers_[static_cast<std::size_t>(layer)];
    kept.prompt_keys = at::zeros({prompts, kv_heads_, longest, size_}, k.options());
    kept.prompt_values = at::zeros_like(kept.prompt_keys);
    if (!padding_.defined()) padding_ = at::zeros({prompts, 1, 1, longest}, k.options());
    for (std::int64_t p = 0; p < prompts; ++p) {
      const packed_batch::group& g = batch.groups[static_cast<std::size_t>(p)];
      kept.prompt_keys[p].narrow(1, 0, g.tokens).copy_(k.narrow(0, g.first, g.tokens).transpose(0, 1));
      kept.prompt_values[p].narrow(1, 0, g.tokens).copy_(v.narrow(0, g.first, g.tokens).transpose(0, 1));
      padding_[p].narrow(2, g.tokens, longest - g.tokens).fill_(-std::numeric_limits<float>::infinity());
    }
    return attend(batch, q, k, v);
  }

  /// Attention of each row's newest token over its prompt and its own past: q is R x heads x head_dim. The
  /// scores against the prompt are one product a group.
  [[nodiscard]] at::Tensor decode(std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) {
    keep& kept = layers_[static_cast<std::size_t>(layer)];
    const std::int64_t rows = q.size(0);
    if (!kept.keys.defined()) {
      kept.keys = at::zeros({rows, kv_heads_, room_, size_}, k.options());
      kept.values = at::zeros_like(kept.keys);
    }
    const std::int64_t place = kept.said++;
    kept.keys.select(2, place).copy_(k);
    kept.values.select(2, place).copy_(v);
    const std::int64_t shared = heads_ / kv_heads_;
    const std::int64_t longest = kept.prompt_keys.size(2);
    const at::Tensor by_row =
        (q * (1.0 / std::sqrt(static_cast<double>(size_)))).view({rows, kv_heads_, shared, size_});
    const at::Tensor to_prompt =
        by_row_of(by_prompt(by_row).matmul(kept.prompt_keys.transpose(-1, -2)) + padding_, shared);
    const at::Tensor own_keys = kept.keys.narrow(2, 0, place + 1);
    const at::Tensor own_values = kept.values.narrow(2, 0, place + 1);
    const at::Tensor weights =
        at::softmax(at::cat({to_prompt, by_row.matmul(own_keys.transpose(-1, -2))}, -1), -1);
    const at::Tensor from_prompt =
        by_row_of(by_prompt(weights.narrow(-1, 0, longest)).matmul(kept.prompt_values), shared);
    const at::Tensor from_own = weights.narrow(-1, longest, place + 1).matmul(own_values);
    return (from_prompt + from_own).reshape({rows, heads_, size_});
  }

  /// Goes on with these of the rows, one at least, in this order; one may be named again (a beam that
  /// branches) or not at all. Keys and values of the others, and of prompts of which no row is left, are
  /// dropped.
  void select(std::span<const std::int64_t> rows) {
    std::vector<std::int64_t> prompts, lengths, place(lengths_.size(), -1), prompt_of;
    for (const std::int64_t row : rows) prompt_of.push_back(prompt_of_[static_cast<std::size_t>(row)]);
    for (std::size_t p = 0; p < lengths_.size(); ++p) {
      if (std::ranges::find(prompt_of, static_cast<std::int64_t>(p)) == prompt_of.end()) continue;
      place[p] = static_cast<std::int64_t>(prompts.size());
      prompts.push_back(static_cast<std::int64_t>(p));
      lengths.push_back(lengths_[p]);
    }
    for (std::int64_t& prompt : prompt_of) prompt = place[static_cast<std::size_t>(prompt)];
    if (prompts.size() < lengths_.size()) select_prompts(prompts, std::ranges::max(lengths));
    const bool as_before = rows.size() == prompt_of_.size() && std::ranges::is_sorted(rows) &&
                           std::ranges::adjacent_find(rows) == rows.end();
    prompt_of_ = std::move(prompt_of);
    lengths_ = std::move(lengths);
    if (!as_before) select_own(rows);
    set_grid();
  }

 private:
  struct keep {
    at::Tensor prompt_keys, prompt_values;  // P x kv_heads x longest prompt x head_dim, zero past its end
    at::Tensor keys, values;                // R x kv_heads x max_new_tokens x head_dim
    std::int64_t said = 0;                  // tokens of each row that they hold
  };

  [[nodiscard]] at::Tensor on_device(std::span<const std::int64_t> places) const {
    return torch::tensor(at::IntArrayRef(places.data(), places.size()), at::kLong).to(padding_.device());
  }

  void select_prompts(std::span<const std::int64_t> prompts, std::int64_t longest) {
    const at::Tensor places = on_device(prompts);
    for (keep& kept : layers_)
      for (at::Tensor* t : {&kept.prompt_keys, &kept.prompt_values})
        *t = t->narrow(2, 0, longest).index_select(0, places);
    padding_ = padding_.narrow(3, 0, longest).index_select(0, places);
  }

  void select_own(std::span<const std::int64_t> rows) {
    const at::Tensor places = on_device(rows);
    for (keep& kept : layers_)
      for (at::Tensor* t : {&kept.keys, &kept.values}) {
        if (!t->defined()) continue;
        at::Tensor chosen = at::zeros({places.size(0), kv_heads_, room_, size_}, t->options());
        chosen.narrow(2, 0, kept.said).copy_(t->narrow(2, 0, kept.said).index_select(0, places));
        *t = chosen;
      }
  }

  /// Where each row lies in the grid of prompts x most rows of one.
  void set_grid() {
    std::vector<std::int64_t> count(lengths_.size(), 0), number;
    for (const std::int64_t prompt : prompt_of_) number.push_back(count[static_cast<std::size_t>(prompt)]++);
    most_ = std::ranges::max(count);
    std::vector<std::int64_t> places;
    for (std::size_t r = 0; r < number.size(); ++r) places.push_back(prompt_of_[r] * most_ + number[r]);
    const bool full =
        std::ranges::is_sorted(places) && places.size() == lengths_.size() * static_cast<std::size_t>(most_);
    grid_ = full ? at::Tensor() : on_device(places);
  }

  /// R x kv_heads x shared x n -> P x kv_heads x (most rows of a prompt * shared) x n, 0 where it has fewer.
  [[nodiscard]] at::Tensor by_prompt(const at::Tensor& t) const {
    const std::int64_t prompts = padding_.size(0), shared = t.size(2), n = t.size(3);
    const at::Tensor all =
        grid_.defined()
            ? at::zeros({prompts * most_, kv_heads_, shared, n}, t.options()).index_copy_(0, grid_, t)
            : t;
    return all.reshape({prompts, most_, kv_heads_, shared, n})
        .transpose(1, 2)
        .reshape({prompts, kv_heads_, most_ * shared, n});
  }

  /// And back.
  [[nodiscard]] at::Tensor by_row_of(const at::Tensor& t, std::int64_t shared) const {
    const std::int64_t prompts = padding_.size(0), n = t.size(3);
    const at::Tensor all = t.view({prompts, kv_heads_, most_, shared, n})
                               .transpose(1, 2)
                               .reshape({prompts * most_, kv_heads_, shared, n});
    return grid_.defined() ? all.index_select(0, grid_) : all;
  }

  std::int64_t room_, heads_, kv_heads_, size_;
  std::int64_t most_ = 1;                // rows of the prompt that has the most
  std::vector<std::int64_t> prompt_of_;  // R: the prompt of each row, among those kept
  std::vector<std::int64_t> lengths_;    // P
  at::Tensor grid_;     // R: see set_grid(); undefined where all prompts have `most_`, in order
  at::Tensor padding_;  // P x 1 x 1 x longest: -inf past a prompt's end
  std::vector<keep> layers_;
};

}  // namespace recllm::torch_bridge
