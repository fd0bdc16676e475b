// Attention within the groups of a packed batch: a prompt sees itself, a completion sees its prompt and
// itself.
//
// Two ways that compute the same. Masked: one attention over all of a group's tokens, whose mask keeps
// completions apart; its cost grows with the square of P + G C. Merged: the completions' attention to the one
// copy of the prompt and to themselves is computed apart and merged by the log-sum-exp,
//
//   out = out_1 exp(lse_1 - lse) + out_2 exp(lse_2 - lse),   lse = ln(exp(lse_1) + exp(lse_2))
//
// and the gradient of each part is that of flash attention with the merged out and lse in place of its own,
// which is exact: it reads them only through softmax = exp(score - lse) and sum(dout * out). As ring
// attention does it over devices: Liu et al., arXiv 2310.01889. Flash attention's backward pass: Dao et al.,
// arXiv 2205.14135, algorithm 4.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include <recllm/torch/packed.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

/// Completions' attention to their prompt (P keys) and, causally, to themselves. q, k, v: M tokens of all
/// completions x heads x head_dim; `place`: completion x longest, the token's number, M where there is none.
class merged_attention : public torch::autograd::Function<merged_attention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q,
                            const at::Tensor& prompt_k, const at::Tensor& prompt_v, const at::Tensor& k,
                            const at::Tensor& v, const at::Tensor& place) {
    const layout as{q, k, place};
    const auto [to_prompt, prompt_lse] = at::_scaled_dot_product_flash_attention_for_cpu(
        as.fold(q), heads_first(prompt_k), heads_first(prompt_v), 0.0, false);
    const auto [to_own, own_lse] = at::_scaled_dot_product_flash_attention_for_cpu(
        as.pad(q), as.pad(as.repeat(k)), as.pad(as.repeat(v)), 0.0, true);
    const at::Tensor first = as.unfold(prompt_lse.unsqueeze(-1)), second = as.unpad(own_lse.unsqueeze(-1));
    const at::Tensor lse = at::logaddexp(first, second);
    const at::Tensor out =
        (as.unfold(to_prompt) * (first - lse).exp() + as.unpad(to_own) * (second - lse).exp())
            .to(q.scalar_type());  // lse is float32 always
    context->save_for_backward({q, prompt_k, prompt_v, k, v, place, out, lse});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list dout) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[3], &v = saved[4], &out = saved[6], &lse = saved[7];
    const layout as{q, k, saved[5]};
    const auto [dq_1, dprompt_k, dprompt_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        as.fold(dout[0]), as.fold(q), heads_first(saved[1]), heads_first(saved[2]), as.fold(out),
        as.fold(lse).squeeze(-1), 0.0, false);
    const auto [dq_2, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        as.pad(dout[0]), as.pad(q), as.pad(as.repeat(k)), as.pad(as.repeat(v)), as.pad(out),
        as.pad(lse).squeeze(-1), 0.0, true);
    return {as.unfold(dq_1) + as.unpad(dq_2),     dprompt_k.squeeze(0).transpose(0, 1),
            dprompt_v.squeeze(0).transpose(0, 1), as.sum_repeated(as.unpad(dk)),
            as.sum_repeated(as.unpad(dv)),        {}};
  }

 private:
  static at::Tensor heads_first(const at::Tensor& t) { return t.transpose(0, 1).unsqueeze(0); }

  /// Between M x heads x width and what the two calls take.
  struct layout {
    std::int64_t tokens, heads, kv_heads;
    at::Tensor place;   // G x C
    at::Tensor padded;  // M: where each token lies in G x C

    layout(const at::Tensor& q, const at::Tensor& k, const at::Tensor& places)
        : tokens(q.size(0)), heads(q.size(1)), kv_heads(k.size(1)), place(places) {
      const at::Tensor flat = place.flatten();
      padded = at::nonzero(flat.lt(tokens)).squeeze(1);  // tokens lie in the order of their completions
    }

    /// 1 x kv_heads x (shared tokens) x width: what is not causal may stack the queries of a key's heads.
    [[nodiscard]] at::Tensor fold(const at::Tensor& t) const {
      return t.view({tokens, kv_heads, heads / kv_heads, -1})
          .permute({1, 2, 0, 3})
          .reshape({1, kv_heads, heads / kv_heads * tokens, t.size(-1)});
    }
    [[nodiscard]] at::Tensor unfold(const at::Tensor& t) const {
      return t.reshape({kv_heads, heads / kv_heads, tokens, -1})
          .permute({2, 0, 1, 3})
          .reshape({tokens, heads, -1});
    }

    /// G x heads x C x width. Causal attention does not see the zeros that follow a completion.
    [[nodiscard]] at::Tensor pad(const at::Tensor& t) const {
      const at::Tensor zero = at::zeros({1, t.size(1), t.size(2)}, t.options());
      return at::cat({t, zero})
          .index_select(0, place.flatten())
          .view({place.size(0), place.size(1), t.size(1), t.size(2)})
          .transpose(1, 2);
    }
    [[nodiscard]] at::Tensor unpad(const at::Tensor& t) const {
      return t.transpose(1, 2).flatten(0, 1).index_select(0, padded);
    }

    [[nodiscard]] at::Tensor repeat(const at::Tensor& t) const {
      return heads == kv_heads ? t : t.repeat_interleave(heads / kv_heads, 1);
    }
    [[nodiscard]] at::Tensor sum_repeated(const at::Tensor& t) const {
      return heads == kv_heads ? t : t.view({tokens, kv_heads, heads / kv_heads, -1}).sum(2);
    }
  };
};

/// Heads first, as libtorch's attention wants it: 1 x heads x tokens x head_dim.
inline at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const std::optional<at::Tensor>& bias) {
  const auto heads_first = [](const at::Tensor& t) { return t.transpose(0, 1).unsqueeze(0); };
  return at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), bias, 0.0,
                                          /*is_causal=*/!bias.has_value(), std::nullopt, /*enable_gqa=*/true)
      .squeeze(0)
      .transpose(0, 1);
}

}  // namespace detail

/// q: N x heads x head_dim, k and v: N x kv_heads x head_dim, of a packed batch -> N x heads x head_dim.
[[nodiscard]] inline at::Tensor attend(const packed_batch& batch, const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v) {
  std::vector<at::Tensor> parts;
  for (const packed_batch::group& g : batch.groups) {
    const auto prompt = [&](const at::Tensor& t) { return t.narrow(0, g.first, g.prompt); };
    const auto answers = [&](const at::Tensor& t) {
      return t.narrow(0, g.first + g.prompt, g.tokens - g.prompt);
    };
    const auto all = [&](const at::Tensor& t) { return t.narrow(0, g.first, g.tokens); };
    if (g.place.defined()) {
      parts.push_back(detail::plain_attention(prompt(q), prompt(k), prompt(v), std::nullopt));
      parts.push_back(
          detail::merged_attention::apply(answers(q), prompt(k), prompt(v), answers(k), answers(v), g.place));
    } else {
      const std::optional<at::Tensor> bias =
          g.attention_bias.defined() ? std::optional(g.attention_bias.to(q.scalar_type())) : std::nullopt;
      parts.push_back(detail::plain_attention(all(q), all(k), all(v), bias));
    }
  }
  return at::cat(parts);
}

}  // namespace recllm::torch_bridge
