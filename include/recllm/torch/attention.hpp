// Attention within the groups of a packed batch: a prompt sees itself, a completion sees its prompt and
// itself.
//
// Two ways that compute the same. Merged: each token over the keys that it may see, its completion's and the
// one copy of its prompt's, by a kernel (kernel/sequence_attention.hpp). Masked: libtorch's attention over
// all of a group's tokens, whose mask keeps completions apart; its cost grows with the square of P + G C.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <recllm/kernel/sequence_attention.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

/// Attention of all groups of a batch, none of which has a mask.
class group_attention : public torch::autograd::Function<group_attention> {
 public:
  using groups = std::vector<packed_batch::group>;

  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v, const groups& parts) {
    at::Tensor out = at::empty(q.sizes(), q.options()), lse = at::empty({q.size(0), q.size(1)}, q.options());
    for_heads(
        parts, q, k,
        [&](const kernel::group_sequences& g, std::int64_t of_q, std::int64_t of_k, std::int64_t of_lse) {
          kernel::attend_sequences(g, q.const_data_ptr<float>() + of_q, k.const_data_ptr<float>() + of_k,
                                   v.const_data_ptr<float>() + of_k, out.data_ptr<float>() + of_q,
                                   lse.data_ptr<float>() + of_lse);
        });
    context->save_for_backward({q, k, v, out, lse});
    context->saved_data["groups"] = at::IValue::make_capsule(c10::make_intrusive<kept>(parts));
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list slopes) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const at::Tensor dout = slopes[0].contiguous();
    const auto capsule = context->saved_data.at("groups").toCapsule();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    for_heads(
        static_cast<const kept&>(*capsule).parts, q, k,
        [&](const kernel::group_sequences& g, std::int64_t of_q, std::int64_t of_k, std::int64_t of_lse) {
          kernel::pull_back_sequences(g, q.const_data_ptr<float>() + of_q, k.const_data_ptr<float>() + of_k,
                                      v.const_data_ptr<float>() + of_k, out.const_data_ptr<float>() + of_q,
                                      lse.const_data_ptr<float>() + of_lse,
                                      dout.const_data_ptr<float>() + of_q, dq.data_ptr<float>() + of_q,
                                      dk.data_ptr<float>() + of_k, dv.data_ptr<float>() + of_k);
        });
    return {dq, dk, dv, {}};
  }

 private:
  struct kept : torch::CustomClassHolder {
    explicit kept(groups all) : parts(std::move(all)) {}
    groups parts;
  };

  /// Calls work(group, where q begins, where k begins, where lse begins) for each key-value head of each
  /// group, in parallel.
  template <class Work>
  static void for_heads(const groups& parts, const at::Tensor& q, const at::Tensor& k, const Work& work) {
    const std::int64_t heads = q.size(1), kv_heads = k.size(1), size = q.size(2), shared = heads / kv_heads;
    at::parallel_for(
        0, static_cast<std::int64_t>(parts.size()) * kv_heads, 1, [&](std::int64_t from, std::int64_t to) {
          for (std::int64_t i = from; i < to; ++i) {
            const packed_batch::group& g = parts[static_cast<std::size_t>(i / kv_heads)];
            const std::int64_t head = i % kv_heads;
            const std::size_t number = static_cast<std::size_t>(size);
            work(kernel::group_sequences{.prompt = static_cast<std::size_t>(g.prompt),
                                         .answers = g.answers,
                                         .queries = static_cast<std::size_t>(shared),
                                         .size = number,
                                         .q_stride = static_cast<std::size_t>(heads) * number,
                                         .kv_stride = static_cast<std::size_t>(kv_heads) * number,
                                         .lse_stride = static_cast<std::size_t>(heads)},
                 (g.first * heads + head * shared) * size, (g.first * kv_heads + head) * size,
                 g.first * heads + head * shared);
          }
        });
  }
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
    const auto exact = [](const at::Tensor& t) { return t.to(at::kFloat).contiguous(); };
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
