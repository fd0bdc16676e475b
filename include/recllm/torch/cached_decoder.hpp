// A model that goes on from prompts a token at a time: what sampling and beam search share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <recllm/torch/group_cache.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// R rows, each a prompt and what was said after it; at first one for each prompt, with nothing said. Borrows
/// the model; without gradients.
class cached_decoder {
 public:
  /// Computes the prompts, one at least; max_new_tokens: room a row.
  cached_decoder(const qwen& model, std::span<const token_ids> prompts, std::int64_t max_new_tokens)
      : model_(&model), cache_(model.config(), lengths(prompts), max_new_tokens) {
    const at::NoGradGuard no_grad;
    std::vector<prompt_group> groups;
    for (const token_ids& prompt : prompts) groups.push_back({prompt, {}});
    const packed_batch batch = pack(groups, model.device());
    positions_ = torch::tensor(lengths(prompts), at::kLong).to(model.device());
    hidden_ = model.hidden(
        batch.tokens, batch.positions,
        [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return cache_.prefill(layer, batch, q, k, v);
        },
        std::identity{}, layer_activations::kept, positions_.cumsum(0) - 1);
  }

  /// Logits of each row's next token, R x V, float32.
  [[nodiscard]] at::Tensor logits() const { return logits(0, hidden_.size(0)); }

  /// The same of `count` rows from row `first`.
  [[nodiscard]] at::Tensor logits(std::int64_t first, std::int64_t count) const {
    const at::NoGradGuard no_grad;
    return at::linear(hidden_.narrow(0, first, count), model_->head()).to(at::kFloat);
  }

  /// Goes on with these rows; see group_cache::select.
  void select(std::span<const std::int64_t> rows) {
    cache_.select(rows);
    const at::Tensor places =
        torch::tensor(at::IntArrayRef(rows.data(), rows.size()), at::kLong).to(model_->device());
    positions_ = positions_.index_select(0, places);
    hidden_ = hidden_.index_select(0, places);
  }

  /// Each row's next token: R, int64, on the model's device.
  void say(const at::Tensor& tokens) {
    const at::NoGradGuard no_grad;
    hidden_ = model_->hidden(tokens, positions_,
                             [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) { return cache_.decode(layer, q, k, v); });
    positions_ = positions_ + 1;
  }

 private:
  static std::vector<std::int64_t> lengths(std::span<const token_ids> prompts) {
    std::vector<std::int64_t> all;
    for (const token_ids& prompt : prompts) all.push_back(static_cast<std::int64_t>(prompt.size()));
    return all;
  }

  const qwen* model_;
  group_cache cache_;
  at::Tensor positions_;  // R: of each row's next token
  at::Tensor hidden_;     // R x d: at each row's newest token
};

}  // namespace recllm::torch_bridge
