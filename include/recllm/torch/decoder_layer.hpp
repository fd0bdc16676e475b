// One layer of a Qwen2, Qwen3 or Llama decoder; torch/qwen.hpp has the equations and their sources.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <recllm/model/qwen_config.hpp>
#include <recllm/torch/kernels.hpp>
#include <recllm/torch/layer_functions.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// x W^T + b by a layer's weights of this name, plus `lora_scale` times its adapter's x A^T B^T where there
/// is one. Adapters are float32 and computed in the type of x.
[[nodiscard]] inline at::Tensor projected(const at::Tensor& x, const tensor_map& weights,
                                          const std::string& name, double lora_scale) {
  const auto find = [&](const char* part) {
    const auto found = weights.find(name + part);
    return found == weights.end() ? std::nullopt : std::optional(found->second);
  };
  const at::Tensor y = at::linear(x, weights.at(name + ".weight"), find(".bias"));
  const std::optional<at::Tensor> down = find(".lora_A.weight");
  if (!down) return y;
  const at::Tensor up = find(".lora_B.weight").value();
  return y + at::linear(at::linear(x, down->to(x.scalar_type())) * lora_scale, up.to(x.scalar_type()));
}

/// x (N x d) after layer number `i`, whose weights are `weights` by their names within it; where `rows` is
/// defined, these of its rows alone. attend, drop: see qwen::hidden().
template <class Attend, class Drop>
[[nodiscard]] at::Tensor decoder_layer(const qwen_config& config, const tensor_map& weights,
                                       double lora_scale, kernels how, std::int64_t i, const at::Tensor& x,
                                       const at::Tensor& cosine, const at::Tensor& sine, const Attend& attend,
                                       Drop& drop, const at::Tensor& rows = {}) {
  const std::int64_t n = x.size(0), size = config.head_size();
  const auto linear = [&](const at::Tensor& input, const std::string& name) {
    return projected(input, weights, name, lora_scale);
  };
  const auto norm = [&](const at::Tensor& input, const std::string& name) {
    return rms_norm(input, weights.at(name + ".weight"), config.rms_norm_eps, how);
  };
  const auto has = [&](const std::string& name, const char* part) { return weights.contains(name + part); };
  const auto adapted = [&](const std::string& name) { return has(name, ".lora_A.weight"); };
  const std::vector<std::string> qkv_names{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
  const std::vector<std::string> mlp_names{"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"};
  const auto all_of = [&](const std::vector<std::string>& names, const char* part) {
    std::vector<at::Tensor> found;
    for (const std::string& name : names)
      if (has(name, part)) found.push_back(weights.at(name + part));
    return found;
  };

  const at::Tensor y = norm(x, "input_layernorm");
  std::vector<at::Tensor> qkv;
  if (how == kernels::fused && std::ranges::none_of(qkv_names, adapted))
    qkv = joined_linear(y, all_of(qkv_names, ".weight"), all_of(qkv_names, ".bias"));
  else
    for (const std::string& name : qkv_names) qkv.push_back(linear(y, name));
  at::Tensor q = qkv[0].view({n, config.num_attention_heads, size});
  at::Tensor k = qkv[1].view({n, config.num_key_value_heads, size});
  const at::Tensor v = qkv[2].view({n, config.num_key_value_heads, size});
  if (config.model_type == "qwen3") {
    q = norm(q.contiguous(), "self_attn.q_norm");
    k = norm(k.contiguous(), "self_attn.k_norm");
  }
  const auto chosen = [&](const at::Tensor& all) { return rows.defined() ? all.index_select(0, rows) : all; };
  const at::Tensor mixed = chosen(attend(i, rotate(q, cosine, sine, how), rotate(k, cosine, sine, how), v)
                                      .reshape({n, config.num_attention_heads * size}));
  const at::Tensor out = linear(mixed, "self_attn.o_proj");
  const auto [after, z] = add_rms_norm(chosen(x), drop(out), weights.at("post_attention_layernorm.weight"),
                                       config.rms_norm_eps, how);
  if (how == kernels::fused && kernel_can_read(z) && std::ranges::none_of(mlp_names, adapted) &&
      all_of(mlp_names, ".bias").empty())
    return after + drop(swiglu_mlp(z, weights.at("mlp.gate_proj.weight"), weights.at("mlp.up_proj.weight"),
                                   weights.at("mlp.down_proj.weight")));
  return after +
         drop(linear(swiglu(linear(z, "mlp.gate_proj"), linear(z, "mlp.up_proj"), how), "mlp.down_proj"));
}

}  // namespace recllm::torch_bridge
