// Decoder-only language models of the Qwen2 and Llama architecture, in Hugging Face's layout on disk.
//
//   x = E[token];  for each layer:  x += W_o attention(rope(q), rope(k), v of rms_norm(x));  x +=
//   swiglu(rms_norm(x)) logits = rms_norm(x) W_head^T   (W_head = E where tied)
//
// RMSNorm: Zhang and Sennrich, arXiv 1910.07467. RoPE: Su et al., arXiv 2104.09864. Grouped-query attention:
// Ainslie et al., arXiv 2305.13245. SwiGLU: Shazeer, arXiv 2002.05202. Qwen2 (arXiv 2407.10671) adds biases
// to q, k and v.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// The fields of config.json, under Hugging Face's names.
struct qwen_config {
  std::string model_type = "qwen2";      ///< "qwen2" or "llama": without biases
  std::int64_t vocab_size = 0;           ///< V
  std::int64_t hidden_size = 64;         ///< d
  std::int64_t intermediate_size = 192;  ///< width of the SwiGLU
  std::int64_t num_hidden_layers = 2;
  std::int64_t num_attention_heads = 4;
  std::int64_t num_key_value_heads = 2;  ///< divides num_attention_heads
  std::int64_t head_dim = 0;             ///< 0 = hidden_size / num_attention_heads; even
  std::int64_t max_position_embeddings = 1024;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  double initializer_range = 0.02;  ///< deviation of the initial weights
  bool tie_word_embeddings = true;

  /// head_dim with its default resolved.
  [[nodiscard]] std::int64_t head_size() const {
    return head_dim > 0 ? head_dim : hidden_size / num_attention_heads;
  }

  /// Throws std::invalid_argument that names the field that cannot be.
  void check() const {
    const auto positive = [](const char* name, std::int64_t value) {
      require(value > 0, "recllm: qwen_config: ", name, " = ", value, ", expected a positive number");
    };
    positive("vocab_size", vocab_size);
    positive("hidden_size", hidden_size);
    positive("intermediate_size", intermediate_size);
    positive("num_hidden_layers", num_hidden_layers);
    positive("num_attention_heads", num_attention_heads);
    positive("num_key_value_heads", num_key_value_heads);
    positive("max_position_embeddings", max_position_embeddings);
    require(model_type == "qwen2" || model_type == "llama", "recllm: qwen_config: model_type '", model_type,
            "', expected qwen2 or llama");
    require(num_attention_heads % num_key_value_heads == 0,
            "recllm: qwen_config: num_key_value_heads = ", num_key_value_heads,
            " does not divide num_attention_heads = ", num_attention_heads);
    require(head_size() > 0 && head_size() % 2 == 0, "recllm: qwen_config: head_dim = ", head_size(),
            ", expected an even number");
  }
};

/// Reads a model folder's config.json (rope_theta at the top or in rope_parameters). Throws
/// std::invalid_argument that names file and field where one is missing, of the wrong type, or asks for what
/// is not supported.
[[nodiscard]] inline qwen_config read_qwen_config(const std::filesystem::path& path) {
  std::ifstream in(path);
  require(in.good(), "recllm: read_qwen_config: cannot open ", path.string());
  const nlohmann::json json = nlohmann::json::parse(in, nullptr, false);
  require(json.is_object(), "recllm: read_qwen_config: ", path.string(), " is not a JSON object");
  const auto optional_field = [&](const char* name, auto fallback) {
    try {
      return json.contains(name) && !json[name].is_null() ? json[name].get<decltype(fallback)>() : fallback;
    } catch (const nlohmann::json::exception&) {
      throw std::invalid_argument(message("recllm: read_qwen_config: ", path.string(), ": field '", name,
                                          "' = ", json[name].dump(), " has the wrong type"));
    }
  };
  const auto field = [&](const char* name, auto example) {
    require(json.contains(name), "recllm: read_qwen_config: ", path.string(), ": field '", name,
            "' is missing");
    return optional_field(name, example);
  };
  qwen_config c;
  c.model_type = field("model_type", std::string());
  c.vocab_size = field("vocab_size", std::int64_t{});
  c.hidden_size = field("hidden_size", std::int64_t{});
  c.intermediate_size = field("intermediate_size", std::int64_t{});
  c.num_hidden_layers = field("num_hidden_layers", std::int64_t{});
  c.num_attention_heads = field("num_attention_heads", std::int64_t{});
  c.num_key_value_heads = optional_field("num_key_value_heads", c.num_attention_heads);
  c.head_dim = optional_field("head_dim", std::int64_t{0});
  c.max_position_embeddings = optional_field("max_position_embeddings", c.max_position_embeddings);
  c.rms_norm_eps = optional_field("rms_norm_eps", c.rms_norm_eps);
  c.initializer_range = optional_field("initializer_range", c.initializer_range);
  c.tie_word_embeddings = optional_field("tie_word_embeddings", false);
  const nlohmann::json rope = optional_field("rope_parameters", nlohmann::json::object());
  c.rope_theta = optional_field("rope_theta", rope.value("rope_theta", c.rope_theta));
  const auto unsupported = [&](bool present, const char* name) {
    require(!present, "recllm: read_qwen_config: ", path.string(), ": '", name, "' is not supported");
  };
  unsupported(rope.value("rope_type", "default") != "default", "rope_parameters.rope_type");
  unsupported(json.contains("rope_scaling") && !json["rope_scaling"].is_null(), "rope_scaling");
  unsupported(optional_field("use_sliding_window", false), "use_sliding_window");
  unsupported(optional_field("hidden_act", std::string("silu")) != "silu", "hidden_act");
  unsupported(c.model_type == "llama" && optional_field("attention_bias", false), "attention_bias");
  unsupported(optional_field("mlp_bias", false), "mlp_bias");
  c.check();
  return c;
}

/// Writes config.json as transformers reads it.
inline void write_qwen_config(const std::filesystem::path& path, const qwen_config& c) {
  const bool qwen2 = c.model_type == "qwen2";
  const nlohmann::ordered_json json = {{"architectures", {qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
                                       {"model_type", c.model_type},
                                       {"vocab_size", c.vocab_size},
                                       {"hidden_size", c.hidden_size},
                                       {"intermediate_size", c.intermediate_size},
                                       {"num_hidden_layers", c.num_hidden_layers},
                                       {"num_attention_heads", c.num_attention_heads},
                                       {"num_key_value_heads", c.num_key_value_heads},
                                       {"head_dim", c.head_size()},
                                       {"hidden_act", "silu"},
                                       {"max_position_embeddings", c.max_position_embeddings},
                                       {"rms_norm_eps", c.rms_norm_eps},
                                       {"rope_theta", c.rope_theta},
                                       {"initializer_range", c.initializer_range},
                                       {"tie_word_embeddings", c.tie_word_embeddings},
                                       {"torch_dtype", "float32"}};
  write_file_atomically(path, [&](std::ostream& out) { out << json.dump(2) << '\n'; });
}

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

  /// The model of a folder with config.json and model.safetensors, in float32. Throws std::invalid_argument
  /// that names the file and the tensor that is missing, has another shape or holds a value that is not
  /// finite.
  explicit qwen(const std::filesystem::path& folder, at::Device device = at::kCPU)
      : config_(read_qwen_config(folder / "config.json")) {
    const std::filesystem::path file = folder / "model.safetensors";
    const tensor_map stored = read_safetensors(file);
    for (const auto& [name, shape] : shapes(config_)) {
      const auto found = stored.find(name);
      require(found != stored.end(), "recllm: qwen: ", file.string(), ": tensor '", name, "' is missing");
      require(found->second.sizes() == at::IntArrayRef(shape), "recllm: qwen: ", file.string(), ": tensor '",
              name, "' has shape ", found->second.sizes(), ", config.json asks for ", at::IntArrayRef(shape));
      const at::Tensor weight = found->second.to(at::kFloat);
      require(weight.isfinite().all().item<bool>(), "recllm: qwen: ", file.string(), ": tensor '", name,
              "' holds a value that is not finite");
      add(name, weight.to(device));
    }
  }

  qwen(const qwen& other) : config_(other.config_) {
    for (const auto& [name, weight] : other.weights_) add(name, weight.detach().clone());
  }
  qwen& operator=(const qwen& other) { return *this = qwen(other); }
  qwen(qwen&&) = default;
  qwen& operator=(qwen&&) = default;
  ~qwen() = default;

  /// Writes config.json and model.safetensors as transformers reads them.
  void save(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    write_qwen_config(folder / "config.json", config_);
    write_safetensors(folder / "model.safetensors", weights_);
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
  template <class Attend, class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions, Attend&& attend,
                                  Drop&& drop = {}) const {
    const std::int64_t n = tokens.numel();
    const std::int64_t size = config_.head_size();
    const auto [cosine, sine] = rotation(positions);
    at::Tensor x = drop(at::embedding(embedding(), tokens));
    for (std::int64_t i = 0; i < config_.num_hidden_layers; ++i) {
      const std::string prefix = "model.layers." + std::to_string(i) + ".";
      const auto weight = [&](const std::string& name) { return weights_.at(prefix + name); };
      const auto project = [&](const at::Tensor& input, const std::string& name, std::int64_t heads) {
        const auto bias = weights_.find(prefix + "self_attn." + name + ".bias");
        return at::linear(input, weight("self_attn." + name + ".weight"),
                          bias == weights_.end() ? std::nullopt : std::optional<at::Tensor>(bias->second))
            .view({n, heads, size});
      };
      const at::Tensor y = norm(x, weight("input_layernorm.weight"));
      const at::Tensor q = project(y, "q_proj", config_.num_attention_heads);
      const at::Tensor k = project(y, "k_proj", config_.num_key_value_heads);
      const at::Tensor v = project(y, "v_proj", config_.num_key_value_heads);
      const at::Tensor mixed = attend(i, rotate(q, cosine, sine), rotate(k, cosine, sine), v);
      x = x + drop(at::linear(mixed.reshape({n, config_.num_attention_heads * size}),
                              weight("self_attn.o_proj.weight")));
      const at::Tensor z = norm(x, weight("post_attention_layernorm.weight"));
      const at::Tensor gate = at::silu(at::linear(z, weight("mlp.gate_proj.weight")));
      x = x + drop(at::linear(gate * at::linear(z, weight("mlp.up_proj.weight")),
                              weight("mlp.down_proj.weight")));
    }
    return norm(x, weights_.at("model.norm.weight"));
  }

  /// The same for a packed batch: each group's prompt is computed once, its completions see it and
  /// themselves.
  template <class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const packed_batch& batch, Drop&& drop = {}) const {
    return hidden(
        batch.tokens, batch.positions,
        [&](std::int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return attend(batch, q, k, v);
        },
        drop);
  }

  /// Attention within each group of a packed batch: N x heads x head_dim.
  [[nodiscard]] static at::Tensor attend(const packed_batch& batch, const at::Tensor& q, const at::Tensor& k,
                                         const at::Tensor& v) {
    std::vector<at::Tensor> parts;
    parts.reserve(batch.groups.size());
    for (const packed_batch::group& g : batch.groups) {
      const auto heads_first = [&](const at::Tensor& t) {
        return t.narrow(0, g.first, g.tokens).transpose(0, 1).unsqueeze(0);
      };
      const bool causal = !g.attention_bias.defined();
      const std::optional<at::Tensor> bias =
          causal ? std::nullopt : std::optional<at::Tensor>(g.attention_bias);
      parts.push_back(at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), bias,
                                                       0.0, causal, std::nullopt, /*enable_gqa=*/true)
                          .squeeze(0)
                          .transpose(0, 1));
    }
    return at::cat(parts);
  }

 private:
  static std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes(const qwen_config& c) {
    const std::int64_t d = c.hidden_size;
    const std::int64_t q = c.num_attention_heads * c.head_size();
    const std::int64_t kv = c.num_key_value_heads * c.head_size();
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> all{
        {"model.embed_tokens.weight", {c.vocab_size, d}}};
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
      const std::string prefix = "model.layers." + std::to_string(i) + ".";
      all.insert(all.end(), {{prefix + "input_layernorm.weight", {d}},
                             {prefix + "self_attn.q_proj.weight", {q, d}},
                             {prefix + "self_attn.k_proj.weight", {kv, d}},
                             {prefix + "self_attn.v_proj.weight", {kv, d}},
                             {prefix + "self_attn.o_proj.weight", {d, q}},
                             {prefix + "post_attention_layernorm.weight", {d}},
                             {prefix + "mlp.gate_proj.weight", {c.intermediate_size, d}},
                             {prefix + "mlp.up_proj.weight", {c.intermediate_size, d}},
                             {prefix + "mlp.down_proj.weight", {d, c.intermediate_size}}});
      if (c.model_type == "qwen2")
        all.insert(all.end(), {{prefix + "self_attn.q_proj.bias", {q}},
                               {prefix + "self_attn.k_proj.bias", {kv}},
                               {prefix + "self_attn.v_proj.bias", {kv}}});
    }
    all.push_back({"model.norm.weight", {d}});
    if (!c.tie_word_embeddings) all.push_back({"lm_head.weight", {c.vocab_size, d}});
    return all;
  }

  void add(const std::string& name, const at::Tensor& weight) {
    weights_.emplace(name, weight.contiguous().requires_grad_());
  }

  [[nodiscard]] const at::Tensor& embedding() const { return weights_.at("model.embed_tokens.weight"); }

  [[nodiscard]] at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const {
    return at::rms_norm(x, {config_.hidden_size}, weight, config_.rms_norm_eps);
  }

  /// cos and sin of position / theta^(2 i / head_dim), N x 1 x head_dim, the half repeated.
  [[nodiscard]] std::pair<at::Tensor, at::Tensor> rotation(const at::Tensor& positions) const {
    const std::int64_t size = config_.head_size();
    const at::Tensor exponent =
        at::arange(0, size, 2, positions.options().dtype(at::kFloat)) / static_cast<double>(size);
    const at::Tensor angle =
        positions.to(at::kFloat).unsqueeze(1) * at::pow(config_.rope_theta, exponent).reciprocal();
    const at::Tensor both = at::cat({angle, angle}, 1).unsqueeze(1);
    return {both.cos(), both.sin()};
  }

  /// Rotates the pairs (x_i, x_{i + head_dim / 2}), Hugging Face's order.
  static at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
    const std::int64_t half = x.size(-1) / 2;
    const at::Tensor turned = at::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
    return x * cosine + turned * sine;
  }

  qwen_config config_;
  tensor_map weights_;
};

}  // namespace recllm::torch_bridge
