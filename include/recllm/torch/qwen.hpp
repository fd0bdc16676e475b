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

#include <algorithm>
#include <cmath>
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
#include <recllm/torch/decoder_layer.hpp>
#include <recllm/torch/kernels.hpp>
#include <recllm/torch/lora.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/recompute.hpp>
#include <recllm/torch/rope.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// The model: weights by Hugging Face's names, and the forward pass. A copy has weights of its own, but for
/// frozen ones, which no copy changes: they are shared.
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

  qwen(const qwen& other) : config_(other.config_), lora_(other.lora_), how_(other.how_) {
    for (const auto& [name, weight] : other.weights_)
      weights_.emplace(name, weight.requires_grad() ? weight.detach().clone().requires_grad_() : weight);
  }
  qwen& operator=(const qwen& other) { return *this = qwen(other); }
  qwen(qwen&&) = default;
  qwen& operator=(qwen&&) = default;
  ~qwen() = default;

  /// Writes config.json and model.safetensors as transformers and vLLM read them, the weights as kFloat,
  /// kHalf or kBFloat16. Adapters have files of their own: merge_lora() or save_lora() first.
  void save(const std::filesystem::path& folder, at::ScalarType type = at::kFloat) const {
    const char* dtype = type == at::kFloat      ? "float32"
                        : type == at::kHalf     ? "float16"
                        : type == at::kBFloat16 ? "bfloat16"
                                                : nullptr;
    require(dtype != nullptr, "recllm: qwen: save: type ", type, ", expected Float, Half or BFloat16");
    require(!lora_, "recllm: qwen: save: the model has adapters; merge_lora() first, or save_lora()");
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

  /// kFloat or kBFloat16: of the weights, adapters apart, and of what layers compute.
  [[nodiscard]] at::ScalarType type() const { return embedding().scalar_type(); }

  /// The weights become kFloat or kBFloat16; adapters stay float32. AdamW keeps a float32 copy of what it
  /// trains in bf16.
  void to(at::ScalarType type) {
    require(type == at::kFloat || type == at::kBFloat16, "recllm: qwen: to: type ", type,
            ", expected Float or BFloat16");
    for (auto& [name, weight] : weights_)
      if (!detail::is_lora(name)) weight = weight.detach().to(type).requires_grad_(weight.requires_grad());
  }

  /// What computes passes and sampling: fused at first, as of a copy what its original has.
  [[nodiscard]] kernels how() const { return how_; }
  void set_how(kernels how) { how_ = how; }

  /// Weights whose names `which` picks are trained, the others are frozen: they gather no gradient, and
  /// copies share them.
  void set_trainable(const std::function<bool(const std::string& name)>& which) {
    for (auto& [name, weight] : weights_) {
      const bool before = weight.requires_grad(), now = which(name);
      if (before == now) continue;
      weight = now ? weight.detach().clone().requires_grad_() : weight.detach();
    }
  }

  /// Freezes the model and adds adapters, which change nothing yet: A from U(-1, 1) / sqrt(in), B = 0,
  /// float32. Throws std::invalid_argument where there are adapters already.
  void add_lora(const lora_options& options, random_stream rng) {
    options.check();
    require(!lora_, "recllm: qwen: add_lora: the model has adapters already; merge_lora() first");
    lora_adapters adapters{options, {}};
    std::uint64_t number = 0;
    for (const auto& [name, shape] : lora_shapes(options)) {
      at::Tensor weight = at::zeros(shape, at::kFloat);
      random_stream draws = rng.split(number++);
      const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));
      if (name.ends_with("lora_A.weight"))
        for (float *w = weight.data_ptr<float>(), *end = w + weight.numel(); w != end; ++w)
          *w = static_cast<float>(bound * (2.0 * draws.uniform() - 1.0));
      adapters.weights.emplace(name, std::move(weight));
    }
    set_lora(adapters, "add_lora");
  }

  /// Size and places of the adapters, none where there are none.
  [[nodiscard]] const std::optional<lora_options>& lora() const { return lora_; }

  /// Writes the adapters as PEFT reads them. Throws std::invalid_argument where there are none.
  void save_lora(const std::filesystem::path& folder) const {
    require(lora_.has_value(), "recllm: qwen: save_lora: the model has no adapters");
    lora_adapters adapters{*lora_, {}};
    for (const auto& [name, weight] : weights_)
      if (detail::is_lora(name)) adapters.weights.emplace(name, weight);
    write_lora(folder, adapters);
  }

  /// Takes the adapters that save_lora() or PEFT wrote in place of those that are there, and freezes the
  /// rest. Throws std::invalid_argument that names the tensor where one is missing, of another shape or not
  /// known; the model is then as it was.
  void load_lora(const std::filesystem::path& folder) {
    set_lora(read_lora(folder), "load_lora: " + folder.string());
  }

  /// Adds each adapter's product to its weight, computed in float32, and drops the adapters. All weights are
  /// trained from then on.
  void merge_lora() {
    require(lora_.has_value(), "recllm: qwen: merge_lora: the model has no adapters");
    const at::NoGradGuard no_grad;
    constexpr std::string_view ending = ".lora_A.weight";
    tensor_map merged;
    for (const auto& [name, weight] : weights_)
      if (!detail::is_lora(name)) merged.emplace(name, weight);
    for (const auto& [name, down] : weights_) {
      if (!name.ends_with(ending)) continue;
      const std::string module = name.substr(0, name.size() - ending.size());
      merged.at(module + ".weight") = merged_weight(module);
    }
    weights_ = std::move(merged);
    lora_.reset();
    set_trainable([](const std::string&) { return true; });
  }

  /// The weight of a projection (model.layers.0.self_attn.q_proj), its adapter's product added to it in
  /// float32 where there is one; without gradients.
  [[nodiscard]] at::Tensor merged_weight(const std::string& module) const {
    const at::Tensor weight = weights_.at(module + ".weight").detach();
    const auto up = weights_.find(module + ".lora_B.weight");
    if (up == weights_.end()) return weight;
    const at::Tensor down = weights_.at(module + ".lora_A.weight").detach();
    const at::Tensor product = up->second.detach().matmul(down) * lora_->scale();
    return (weight.to(at::kFloat) + product).to(weight.scalar_type());
  }

  /// Makes room for new tokens: the vocabulary becomes vocab_size, each new row of embeddings (and of the
  /// head) the mean of the old ones. Throws std::invalid_argument where there would be fewer tokens.
  void resize_token_embeddings(std::int64_t vocab_size) {
    const std::int64_t more = vocab_size - config_.vocab_size;
    require(more >= 0, "recllm: qwen: resize_token_embeddings: ", vocab_size, " tokens, expected ",
            config_.vocab_size, " or more");
    for_tables([&](const at::Tensor& table) {
      return at::cat({table, table.to(at::kFloat).mean(0, true).to(table.scalar_type()).expand({more, -1})});
    });
    config_.vocab_size = vocab_size;
  }

  /// The row of `token` becomes the mean of the rows of `like`: a new item token begins as its title's
  /// tokens. Throws std::invalid_argument where a token is not in the vocabulary or `like` is empty.
  void initialize_token(std::int64_t token, std::span<const std::int64_t> like) {
    require(!like.empty(), "recllm: qwen: initialize_token: like is empty");
    std::vector<std::int64_t> rows(like.begin(), like.end());
    rows.push_back(token);
    for (const std::int64_t row : rows)
      require(row >= 0 && row < config_.vocab_size, "recllm: qwen: initialize_token: token ", row,
              ", expected 0 to ", config_.vocab_size - 1);
    rows.pop_back();
    for_tables([&](const at::Tensor& table) {
      at::Tensor changed = table.clone();
      changed[token] = table.index_select(0, torch::tensor(rows, at::kLong).to(table.device()))
                           .to(at::kFloat)
                           .mean(0)
                           .to(table.scalar_type());
      return changed;
    });
  }

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
  /// `rows` (int64): the tokens whose outputs are asked for, in this order; undefined = all. The last layer
  /// computes no others than its keys and values.
  template <class Attend, class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions, Attend&& attend,
                                  Drop&& drop = {}, layer_activations activations = layer_activations::kept,
                                  const at::Tensor& rows = {}) const {
    const auto angles = rotation(config_, positions);
    const at::Tensor &cosine = angles.first, &sine = angles.second;
    const double lora_scale = lora_ ? lora_->scale() : 0.0;
    if (tokens.is_cpu() && tokens.numel() > 0) {  // elsewhere it would wait for the device
      const std::int64_t largest = tokens.max().item<std::int64_t>();
      require(largest < config_.vocab_size, "recllm: qwen: token ", largest,
              ", expected less than vocab_size = ", config_.vocab_size,
              "; tokens that were added need resize_token_embeddings()");
    }
    at::Tensor x = drop(at::embedding(embedding(), tokens));
    for (std::int64_t i = 0; i < config_.num_hidden_layers; ++i) {
      const tensor_map weights = layer_weights(i);
      const at::Tensor asked = i + 1 == config_.num_hidden_layers ? rows : at::Tensor();
      const auto now = [&] {
        return decoder_layer(config_, weights, lora_scale, how_, i, x, cosine, sine, attend, drop, asked);
      };
      if (activations == layer_activations::kept) {
        x = now();
        continue;
      }
      const auto again = [config = config_, weights, lora_scale, how = how_, i, cosine, sine, asked,
                          attend = std::decay_t<Attend>(attend),
                          before = std::decay_t<Drop>(drop)](at::TensorList inputs) {
        tensor_map given = weights;
        std::size_t next = 1;
        for (auto& [name, weight] : given) weight = inputs[next++];
        std::decay_t<Drop> drop_alike = before;
        return decoder_layer(config, given, lora_scale, how, i, inputs[0], cosine, sine, attend, drop_alike,
                             asked);
      };
      std::vector<at::Tensor> inputs{x};
      for (const auto& [name, weight] : weights) inputs.push_back(weight);
      x = recomputed(now, again, inputs);
    }
    return rms_norm(x, weights_.at("model.norm.weight"), config_.rms_norm_eps, how_);
  }

  /// The same for a packed batch: each group's prompt is computed once, its completions see it and
  /// themselves.
  template <class Drop = std::identity>
  [[nodiscard]] at::Tensor hidden(const packed_batch& batch, Drop&& drop = {},
                                  layer_activations activations = layer_activations::kept,
                                  const at::Tensor& rows = {}) const {
    return hidden(
        batch.tokens, batch.positions,
        [batch](std::int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return torch_bridge::attend(batch, q, k, v);
        },
        drop, activations, rows);
  }

 private:
  qwen(const model_files& files, const std::string& where, at::Device device) : config_(files.config()) {
    files.expect_layers();
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

  /// Of each adapter's A and B, by the model's names.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<std::int64_t>>> lora_shapes(
      const lora_options& options) const {
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> all;
    for (const auto& [name, shape] : shapes(config_)) {
      const std::string module = name.substr(0, name.rfind('.'));
      if (shape.size() != 2 || !options.names(module)) continue;
      all.push_back({module + ".lora_A.weight", {options.rank, shape[1]}});
      all.push_back({module + ".lora_B.weight", {shape[0], options.rank}});
    }
    return all;
  }

  /// Takes these adapters in place of those that are there; `where` names them in messages.
  void set_lora(const lora_adapters& adapters, const std::string& where) {
    const auto wanted = lora_shapes(adapters.options);
    for (const auto& [name, shape] : wanted) {
      const auto found = adapters.weights.find(name);
      require(found != adapters.weights.end(), "recllm: qwen: ", where, ": tensor '", name, "' is missing");
      require(found->second.sizes() == at::IntArrayRef(shape), "recllm: qwen: ", where, ": tensor '", name,
              "' has shape ", found->second.sizes(), ", expected ", at::IntArrayRef(shape));
    }
    for (const auto& [name, weight] : adapters.weights)
      require(std::ranges::any_of(wanted, [&](const auto& one) { return one.first == name; }),
              "recllm: qwen: ", where, ": tensor '", name,
              "' belongs to no projection of the model that target_modules names");
    std::erase_if(weights_, [](const auto& named) { return detail::is_lora(named.first); });
    set_trainable([](const std::string&) { return false; });
    for (const auto& [name, weight] : adapters.weights) add(name, weight.to(device()));
    lora_ = adapters.options;
  }

  /// Replaces the embeddings, and the head where it is one of its own, by `change(table)`.
  template <class Change>
  void for_tables(const Change& change) {
    const at::NoGradGuard no_grad;
    for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"}) {
      const auto found = weights_.find(name);
      if (found == weights_.end()) continue;
      const bool trained = found->second.requires_grad();
      found->second = change(found->second.detach()).contiguous().requires_grad_(trained);
    }
  }

  qwen_config config_;
  tensor_map weights_;
  std::optional<lora_options> lora_;
  kernels how_ = kernels::fused;
};

}  // namespace recllm::torch_bridge
