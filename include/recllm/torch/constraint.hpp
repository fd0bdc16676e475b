// Constrained decoding: which tokens may come next, so that a model can name nothing but what may be
// recommended.
//
// Sampling and scoring share it: log-probs are those of the distribution over the allowed tokens, or ratios
// and divergences would compare two different policies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// `allowed(prompt, so_far)`: the tokens that may follow what a completion of prompt number `prompt` says so
/// far; empty = any. A pure function.
using token_constraint = std::function<token_ids(std::size_t prompt, std::span<const std::int64_t> so_far)>;

/// What is added to the logits of M places so that only the allowed tokens remain, M x V: 0 where allowed,
/// else -1e30, which unlike -inf leaves 0 log 0 = 0; undefined where every place allows any token. Throws
/// std::invalid_argument for a token outside of the vocabulary.
[[nodiscard]] inline at::Tensor constraint_bias(std::span<const token_ids> allowed, std::int64_t vocabulary,
                                                at::Device device) {
  at::Tensor bias;
  for (std::size_t m = 0; m < allowed.size(); ++m) {
    if (allowed[m].empty()) continue;
    if (!bias.defined()) bias = at::zeros({static_cast<std::int64_t>(allowed.size()), vocabulary});
    float* row = bias.data_ptr<float>() + static_cast<std::int64_t>(m) * vocabulary;
    std::fill(row, row + vocabulary, -1e30f);
    for (const std::int64_t token : allowed[m]) {
      require(token >= 0 && token < vocabulary, "recllm: constraint: token ", token,
              " is allowed, but the vocabulary has ", vocabulary, " tokens");
      row[token] = 0.0f;
    }
  }
  return bias.defined() ? bias.to(device) : bias;
}

}  // namespace recllm::torch_bridge
