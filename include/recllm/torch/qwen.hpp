// Decoder-only language models of the Qwen2, Qwen3 and Llama architecture, in Hugging Face's layout on disk.
//
//   x = E[token]
//   for each layer:  x += W_o attention(rope(q), rope(k), v of rms_norm(x))
//                    x += swiglu(rms_norm(x))
//   logits = rms_norm(x) W_head^T   (W_head = E where tied)
//
// RMSNorm: Zhang and Sennrich, arXiv 1910.07467. RoPE: Su et al., arXiv 2104.09864. Grouped-query attention:
// Ainslie et al., arXiv 2305.13245. SwiGLU: Shazeer, arXiv 2002.05202. Qwen2 (arXiv 2407.10671) adds biases
// to q, k and v; Qwen3 (arXiv 2505.09388) norms each head's q and k instead.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/model/model_files.hpp>
#include <recllm/model/qwen_config.hpp>
#include <recllm/torch/attention.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/recompute.hpp>
#include <recllm/torch/rope.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// The model: weights by Hugging Face's names, and the forward pass. A copy has weights of its own.
class qwen {
 public:
  /// Weights drawn from N(0, initializer_range^2); norms 1, biases 0. Same seed, same bits.
  qwen(qwen_config config, random_stream rng, at::Device device = at::kCPU) : config_(std::move(config)) {
    config_.check();
    std::uint64_t number = 0;
    for (const auto& [name, shape] : shapes(config_)) {
      at::Tensor weight = at::empty(shape, at::kFloat);
      random_stream draws = rng.split(number++);
      const bool matrix = shape.size() == 2;
      const float constant = name.ends_with("bias") ? 0.0f : 1.0f;
      for (float *w = weight.data_ptr<float>(), *end = w + weight.numel(); w != end; ++w)
        *w = matrix ? static_cast<float>(config_.initializer_range * draws.normal()) : constant;
      add(name, weight.to(device));
    }
  }

  /// The model of a folder (config.json and safetensors in one file or in shards: F32, F16, BF16) or of a
  /// .gguf file, in float32. Throws std::invalid_argument that names the file and the tensor that is missing,
  /// has another shape or holds a value that is not finite.
  explicit qwen(const std::filesystem::path& path, at::Device device = at::kCPU)
      : qwen(model_files(path), path.string(), device) {}

  qwen(const qwen& other) : config_(other.config_) {
    for (const auto& [name, weight] : other.weights_) add(name, weight.detach().clone());
  }
  qwen& operator=(const qwen& other) { return *this = qwen(other); }
  qwen(qwen&&) = default;
  qwen& operator=(qwen&&) = default;
  ~qwen() = default;

  /// Writes config.json and model.safetensors as transformers and vLLM read them, the weights as kFloat,
  /// kHalf or kBFloat16.
  void save(const std::filesystem::path& folder, at::ScalarType type = at::kFloat) const {
    const char* dtype = type == at::kFloat      ? "float32"
                        : type == at::kHalf     ? "float16"
                        : type == at::kBFloat16 ? "bfloat16"
                                                : nullptr;
    require(dtype != nullptr, "recllm: qwen: save: type ", type, ", expected Float, Half or BFloat16");
    tensor_map weights;
    for (const auto& [name, weight] : weights_) weights.emplace(name, weight.detach().to(type));
    std::filesystem::create_directories(folder);
    write_qwen_config(folder / "config.json", config_, dtype);
    write_safetensors(folder / "model.safetensors", weights);
  }

  [[nodiscard]] const qwen_config& config() const { return config_; }

  /// Weights by Hugging Face's names; leaves that gather gradients.
  [[nodiscard]] const tensor_map& weights() const { return weights_; }

  [[nodiscard]] at::Device device() const { return embedding().device(); }

  /// V x d: rows score the next token.
  [[nodiscard]] const at::Tensor& head() const {
    return config_.tie_word_embeddings ? embedding() : weights_.at("lm_head.weight");
  }

  /// The layers' outputs after the last norm, N x d, for N tokens (int64) at `positions` (int64).
  /// `attend(layer, q, k, v)` maps N x heads x head_dim, N x kv_heads x head_dim (twice) to N x heads x
  /// head_dim: the caller decides which token sees which, so training, prefill and cached decoding share
  /// these lines.
  /// `drop(x)` is applied to what enters the residual stream: the embeddings and each layer's two outputs.
  /// Where activations are recomputed, copies of attend and drop are called again in the backward pass.
  template <class Attend, class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions, Attend&& attend,
                                  Drop&& drop = {},
                                  layer_activations activations = layer_activations::kept) const {
    const auto [cosine, sine] = rotation(config_, positions);
    at::Tensor x = drop(at::embedding(embedding(), tokens));
    for (std::int64_t i = 0; i < config_.num_hidden_layers; ++i) {
      const tensor_map weights = layer_weights(i);
      const auto now = [&] { return layer(config_, weights, i, x, cosine, sine, attend, drop); };
      if (activations == layer_activations::kept) {
        x = now();
        continue;
      }
      const auto again = [config = config_, weights, i, cosine = cosine, sine = sine,
                          attend = std::decay_t<Attend>(attend),
                          before = std::decay_t<Drop>(drop)](at::TensorList inputs) {
        tensor_map given = weights;
        std::size_t next = 1;
        for (auto& [name, weight] : given) weight = inputs[next++];
        std::decay_t<Drop> drop_alike = before;
        return layer(config, given, i, inputs[0], cosine, sine, attend, drop_alike);
      };
      std::vector<at::Tensor> inputs{x};
      for (const auto& [name, weight] : weights) inputs.push_back(weight);
      x = recomputed(now, again, inputs);
    }
    return norm(x, weights_.at("model.norm.weight"), config_);
  }

  /// The same for a packed batch: each group's prompt is computed once, its completions see it and
  /// themselves.
  template <class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const packed_batch& batch, Drop&& drop = {},
                                  layer_activations activations = layer_activations::kept) const {
    return hidden(
        batch.tokens, batch.positions,
        [batch](std::int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return torch_bridge::attend(batch, q, k, v);
        },
        drop, activations);
  }

 private:
  qwen(const model_files& files, const std::string& where, at::Device device) : config_(files.config()) {
    for (const auto& [name, shape] : shapes(config_)) {
      files.expect(name, shape);
      at::Tensor weight = at::empty(shape, at::kFloat);
      files.read(name, {weight.data_ptr<float>(), static_cast<std::size_t>(weight.numel())});
      require(weight.isfinite().all().item<bool>(), "recllm: qwen: ", where, ": tensor '", name,
              "' holds a value that is not finite");
      add(name, weight.to(device));
    }
  }

  static std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes(const qwen_config& c) {
    const std::int64_t d = c.hidden_size;
    const std::int64_t q = c.num_attention_heads * c.head_size();
    const std::int64_t kv = c.num_key_value_heads * c.head_size();
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> all{
        {"model.embed_tokens.weight", {c.vocab_size, d}}};
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
      const std::string prefix = "model.layers." + std::to_string(i) + ".";
      const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
      all.insert(all.end(), {{prefix + "input_layernorm.weight", {d}},
                             {attention + "q_proj.weight", {q, d}},
                             {attention + "k_proj.weight", {kv, d}},
                             {attention + "v_proj.weight", {kv, d}},
                             {attention + "o_proj.weight", {d, q}},
                             {prefix + "post_attention_layernorm.weight", {d}},
                             {mlp + "gate_proj.weight", {c.intermediate_size, d}},
                             {mlp + "up_proj.weight", {c.intermediate_size, d}},
                             {mlp + "down_proj.weight", {d, c.intermediate_size}}});
      for (const auto& [name, width] :
           {std::pair{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}, {"o_proj", d}})
        if (c.has_bias(name)) all.push_back({attention + name + ".bias", {width}});
      for (const auto& [name, width] :
           {std::pair{"gate_proj", c.intermediate_size}, {"up_proj", c.intermediate_size}, {"down_proj", d}})
        if (c.has_bias(name)) all.push_back({mlp + name + ".bias", {width}});
      for (const char* name : {"q_norm", "k_norm"})
        if (c.model_type == "qwen3") all.push_back({attention + name + ".weight", {c.head_size()}});
    }
    all.push_back({"model.norm.weight", {d}});
    if (!c.tie_word_embeddings) all.push_back({"lm_head.weight", {c.vocab_size, d}});
    return all;
  }

  void add(const std::string& name, const at::Tensor& weight) {
    weights_.emplace(name, weight.contiguous().requires_grad_());
  }

  [[nodiscard]] const at::Tensor& embedding() const { return weights_.at("model.embed_tokens.weight"); }

  /// Of layer i, by their names within it.
  [[nodiscard]] tensor_map layer_weights(std::int64_t i) const {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    tensor_map own;
    for (auto at = weights_.lower_bound(prefix); at != weights_.end() && at->first.starts_with(prefix); ++at)
      own.emplace(at->first.substr(prefix.size()), at->second);
    return own;
  }

  /// x after layer i, whose weights are `weights`.
  template <class Attend, class Drop>
  static at::Tensor layer(const qwen_config& config, const tensor_map& weights, std::int64_t i,
                          const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine,
                          const Attend& attend, Drop& drop) {
    const std::int64_t n = x.size(0), size = config.head_size();
    const auto linear = [&](const at::Tensor& input, const std::string& name) {
      const auto bias = weights.find(name + ".bias");
      return at::linear(input, weights.at(name + ".weight"),
                        bias == weights.end() ? std::nullopt : std::optional(bias->second));
    };
    const auto norm = [&](const at::Tensor& input, const std::string& name) {
      return qwen::norm(input, weights.at(name + ".weight"), config);
    };
    const at::Tensor y = norm(x, "input_layernorm");
    at::Tensor q = linear(y, "self_attn.q_proj").view({n, config.num_attention_heads, size});
    at::Tensor k = linear(y, "self_attn.k_proj").view({n, config.num_key_value_heads, size});
    const at::Tensor v = linear(y, "self_attn.v_proj").view({n, config.num_key_value_heads, size});
    if (config.model_type == "qwen3") {
      q = norm(q, "self_attn.q_norm");
      k = norm(k, "self_attn.k_norm");
    }
    const at::Tensor mixed = attend(i, rotate(q, cosine, sine), rotate(k, cosine, sine), v);
    const at::Tensor after =
        x + drop(linear(mixed.reshape({n, config.num_attention_heads * size}), "self_attn.o_proj"));
    const at::Tensor z = norm(after, "post_attention_layernorm");
    return after +
           drop(linear(at::silu(linear(z, "mlp.gate_proj")) * linear(z, "mlp.up_proj"), "mlp.down_proj"));
  }

  static at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const qwen_config& config) {
    return at::rms_norm(x, weight.sizes(), weight, config.rms_norm_eps);
  }

  qwen_config config_;
  tensor_map weights_;
};

}  // namespace recllm::torch_bridge
