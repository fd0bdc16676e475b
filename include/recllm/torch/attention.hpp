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

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <recllm/torch/packed.hpp>
#include <recllm/torch/precision.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

/// Attention of all groups of a batch, none of which has a mask: prompts to themselves and, merged,
/// completions to their prompt and to themselves. One function, so that the graph holds no slices of q, k and
/// v.
class group_attention : public torch::autograd::Function<group_attention> {
 public:
  using groups = std::vector<packed_batch::group>;

  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v, const groups& parts) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    at::Tensor lse = at::empty({q.size(0), q.size(1), 1}, q.options().dtype(exact_type(q)));
    for (const packed_batch::group& g : parts) {
      const std::int64_t asked = g.place.defined() ? g.prompt : g.tokens;
      const auto prompt = [&](const at::Tensor& t) { return t.narrow(0, g.first, asked); };
      const auto [own, own_lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_first(prompt(q)), heads_first(repeat(prompt(k), q)), heads_first(repeat(prompt(v), q)), 0.0,
          true);
      prompt(out).copy_(own.squeeze(0).transpose(0, 1));
      prompt(lse).copy_(own_lse.squeeze(0).transpose(0, 1).unsqueeze(-1));
      if (!g.place.defined()) continue;
      const auto answers = [&](const at::Tensor& t) {
        return t.narrow(0, g.first + g.prompt, g.tokens - g.prompt);
      };
      const layout as{answers(q), answers(k), g.place};
      const auto [to_prompt, prompt_lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          as.fold(answers(q)), heads_first(prompt(k)), heads_first(prompt(v)), 0.0, false);
      const auto [to_own, said_lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          as.pad(answers(q)), as.pad(repeat(answers(k), q)), as.pad(repeat(answers(v), q)), 0.0, true);
      const at::Tensor first = as.unfold(prompt_lse.unsqueeze(-1)), second = as.unpad(said_lse.unsqueeze(-1));
      const at::Tensor both = at::logaddexp(first, second);
      answers(lse).copy_(both);
      answers(out).copy_(as.unfold(to_prompt) * (first - both).exp() +
                         as.unpad(to_own) * (second - both).exp());
    }
    context->save_for_backward({q, k, v, out, lse});
    context->saved_data["groups"] = at::IValue::make_capsule(c10::make_intrusive<kept>(parts));
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list slopes) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4],
                     &dout = slopes[0];
    const auto capsule = context->saved_data.at("groups").toCapsule();
    at::Tensor dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()),
               dv = at::empty(v.sizes(), v.options());
    for (const packed_batch::group& g : static_cast<const kept&>(*capsule).parts) {
      const std::int64_t asked = g.place.defined() ? g.prompt : g.tokens;
      const auto prompt = [&](const at::Tensor& t) { return t.narrow(0, g.first, asked); };
      const auto [dq_0, dk_0, dv_0] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(prompt(dout)), heads_first(prompt(q)), heads_first(repeat(prompt(k), q)),
          heads_first(repeat(prompt(v), q)), heads_first(prompt(out)), heads_first(prompt(lse)).squeeze(-1),
          0.0, true);
      prompt(dq).copy_(dq_0.squeeze(0).transpose(0, 1));
      prompt(dk).copy_(sum_repeated(dk_0.squeeze(0).transpose(0, 1), k));
      prompt(dv).copy_(sum_repeated(dv_0.squeeze(0).transpose(0, 1), k));
      if (!g.place.defined()) continue;
      const auto answers = [&](const at::Tensor& t) {
        return t.narrow(0, g.first + g.prompt, g.tokens - g.prompt);
      };
      const layout as{answers(q), answers(k), g.place};
      const auto [dq_1, dk_1, dv_1] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          as.fold(answers(dout)), as.fold(answers(q)), heads_first(prompt(k)), heads_first(prompt(v)),
          as.fold(answers(out)), as.fold(answers(lse)).squeeze(-1), 0.0, false);
      const auto [dq_2, dk_2, dv_2] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          as.pad(answers(dout)), as.pad(answers(q)), as.pad(repeat(answers(k), q)),
          as.pad(repeat(answers(v), q)), as.pad(answers(out)), as.pad(answers(lse)).squeeze(-1), 0.0, true);
      prompt(dk).add_(dk_1.squeeze(0).transpose(0, 1));
      prompt(dv).add_(dv_1.squeeze(0).transpose(0, 1));
      answers(dq).copy_(as.unfold(dq_1)).add_(as.unpad(dq_2));
      answers(dk).copy_(sum_repeated(as.unpad(dk_2), k));
      answers(dv).copy_(sum_repeated(as.unpad(dv_2), k));
    }
    return {dq, dk, dv, {}};
  }

 private:
  struct kept : torch::CustomClassHolder {
    explicit kept(groups all) : parts(std::move(all)) {}
    groups parts;
  };

  static at::Tensor heads_first(const at::Tensor& t) { return t.transpose(0, 1).unsqueeze(0); }

  /// Keys and values once for each query head that reads them, and the sum of their slopes.
  static at::Tensor repeat(const at::Tensor& t, const at::Tensor& q) {
    return q.size(1) == t.size(1) ? t : t.repeat_interleave(q.size(1) / t.size(1), 1);
  }
  static at::Tensor sum_repeated(const at::Tensor& t, const at::Tensor& k) {
    return t.size(1) == k.size(1) ? t : t.reshape({t.size(0), k.size(1), t.size(1) / k.size(1), -1}).sum(2);
  }

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
  if (q.is_cpu() &&
      std::ranges::none_of(batch.groups, [](const auto& g) { return g.attention_bias.defined(); })) {
    // libtorch's backward pass is four times slower in bf16.
    const auto exact = [](const at::Tensor& t) { return t.to(exact_type(t)); };
    return detail::group_attention::apply(exact(q), exact(k), exact(v), batch.groups).to(q.scalar_type());
  }
  std::vector<at::Tensor> parts;
  for (const packed_batch::group& g : batch.groups) {
    const auto all = [&](const at::Tensor& t) { return t.narrow(0, g.first, g.tokens); };
    const std::optional<at::Tensor> bias =
        g.attention_bias.defined() ? std::optional(g.attention_bias.to(q.scalar_type())) : std::nullopt;
    parts.push_back(detail::plain_attention(all(q), all(k), all(v), bias));
  }
  return at::cat(parts);
}

}  // namespace recllm::torch_bridge
