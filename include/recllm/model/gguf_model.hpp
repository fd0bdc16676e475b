// A GGUF file's metadata and tensor names in Hugging Face's terms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/model/gguf_file.hpp>
#include <recllm/model/qwen_config.hpp>

namespace recllm {

/// The tokenizer that a GGUF file carries (tokenizer.ggml.* of its metadata).
struct gguf_tokenizer {
  std::string model;                     ///< gpt2 = byte-level BPE, llama = SentencePiece
  std::string pre;                       ///< name of the pre-tokenizer: qwen2, smollm, llama-bpe, ...
  std::vector<std::string> tokens;       ///< by id
  std::vector<std::int64_t> token_type;  ///< by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte
  std::vector<std::string> merges;       ///< "left right", the first learned first
  std::string chat_template;             ///< Jinja; "" = none
};

namespace detail {

/// Typed reading of a GGUF file's metadata.
class gguf_metadata {
 public:
  gguf_metadata(const nlohmann::json& all, const std::string& where) : all_(all), where_(where) {}

  [[nodiscard]] const nlohmann::json* find(const std::string& key) const {
    const auto found = all_.find(key);
    return found == all_.end() ? nullptr : &*found;
  }

  /// The value under the key, or the fallback where there is none.
  template <class T>
  [[nodiscard]] T value(const std::string& key, T fallback) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return fallback;
    bool fits = found->is_number();
    if constexpr (std::is_same_v<T, std::string>) fits = found->is_string();
    if constexpr (std::is_same_v<T, std::int64_t>)
      fits = found->is_number_integer() && *found < std::uint64_t{1} << 62;
    require(fits, "recllm: gguf: ", where_, ": key '", key, "' = ", shown_json{*found},
            " has the wrong type");
    return found->template get<T>();
  }

  /// The same where it must be there.
  template <class T>
  [[nodiscard]] T needed(const std::string& key) const {
    require(find(key) != nullptr, "recllm: gguf: ", where_, ": key '", key, "' is missing");
    return value(key, T{});
  }

  /// A list of T; empty where there is none.
  template <class T>
  [[nodiscard]] std::vector<T> list(const std::string& key) const {
    const nlohmann::json* found = find(key);
    std::vector<T> all;
    if (found == nullptr) return all;
    require(found->is_array(), "recllm: gguf: ", where_, ": key '", key, "' is no list");
    for (const nlohmann::json& one : *found) {
      const bool fits = std::is_same_v<T, std::string> ? one.is_string() : one.is_number_integer();
      require(fits, "recllm: gguf: ", where_, ": key '", key, "' holds a value of the wrong type");
      all.push_back(one.get<T>());
    }
    return all;
  }

 private:
  const nlohmann::json& all_;
  const std::string& where_;
};

}  // namespace detail

/// The model that the metadata describe (architecture qwen2, qwen3 or llama). Throws std::invalid_argument
/// that names the key that is missing, of the wrong type or not supported.
[[nodiscard]] inline qwen_config gguf_config(const gguf_contents& file, const std::string& where) {
  const detail::gguf_metadata metadata(file.metadata, where);
  const auto has = [&](std::string_view name) {
    for (const stored_tensor& tensor : file.tensors)
      if (tensor.name == name) return true;
    return false;
  };
  qwen_config c;
  c.model_type = metadata.needed<std::string>("general.architecture");
  require(c.model_type == "qwen2" || c.model_type == "qwen3" || c.model_type == "llama",
          "recllm: gguf: ", where, ": general.architecture is '", c.model_type,
          "', expected qwen2, qwen3 or llama");
  const std::string at = c.model_type + ".";
  const auto size = [&](const char* name) { return metadata.needed<std::int64_t>(at + name); };
  c.hidden_size = size("embedding_length");
  c.intermediate_size = size("feed_forward_length");
  c.num_hidden_layers = size("block_count");
  c.num_attention_heads = size("attention.head_count");
  c.num_key_value_heads = metadata.value(at + "attention.head_count_kv", c.num_attention_heads);
  c.head_dim = metadata.value(at + "attention.key_length", std::int64_t{0});
  c.max_position_embeddings = size("context_length");
  c.rms_norm_eps = metadata.needed<double>(at + "attention.layer_norm_rms_epsilon");
  c.rope.rope_theta = metadata.value(at + "rope.freq_base", 10000.0);
  c.tie_word_embeddings = !has("output.weight");
  c.attention_bias = c.model_type != "qwen2" && has("blk.0.attn_q.bias");
  for (const stored_tensor& tensor : file.tensors)
    if (tensor.name == "token_embd.weight" && tensor.shape.size() == 2) c.vocab_size = tensor.shape[0];
  require(c.vocab_size > 0, "recllm: gguf: ", where, ": tensor 'token_embd.weight' is missing");
  const std::string scaling = metadata.value(at + "rope.scaling.type", std::string("none"));
  if (scaling == "linear" || scaling == "yarn") {
    c.rope.rope_type = scaling;
    c.rope.factor = metadata.needed<double>(at + "rope.scaling.factor");
    c.rope.original_max_position_embeddings = metadata.value(at + "rope.scaling.original_context_length",
                                                             static_cast<double>(c.max_position_embeddings));
  } else {
    require(scaling == "none", "recllm: gguf: ", where, ": rope.scaling.type is '", scaling,
            "', expected none, linear or yarn");
  }
  require(
      !has("rope_freqs.weight"), "recllm: gguf: ", where,
      ": tensor 'rope_freqs.weight' (llama3's rope scaling) is not supported; load the model's own folder");
  const auto token = [&](const char* name) -> std::optional<std::int64_t> {
    const std::int64_t id = metadata.value(std::string("tokenizer.ggml.") + name, std::int64_t{-1});
    return id < 0 ? std::nullopt : std::optional(id);
  };
  c.bos_token_id = token("bos_token_id");
  c.pad_token_id = token("padding_token_id");
  if (const auto end = token("eos_token_id")) c.eos_token_id = {*end};
  c.check();
  return c;
}

/// The tokenizer that the file carries; throws std::invalid_argument where it carries none or one of the
/// wrong types.
[[nodiscard]] inline gguf_tokenizer read_gguf_tokenizer(const gguf_contents& file, const std::string& where) {
  const detail::gguf_metadata metadata(file.metadata, where);
  gguf_tokenizer t{.model = metadata.needed<std::string>("tokenizer.ggml.model"),
                   .pre = metadata.value("tokenizer.ggml.pre", std::string()),
                   .tokens = metadata.list<std::string>("tokenizer.ggml.tokens"),
                   .token_type = metadata.list<std::int64_t>("tokenizer.ggml.token_type"),
                   .merges = metadata.list<std::string>("tokenizer.ggml.merges"),
                   .chat_template = metadata.value("tokenizer.chat_template", std::string())};
  require(!t.tokens.empty(), "recllm: gguf: ", where, ": key 'tokenizer.ggml.tokens' is missing");
  require(t.token_type.empty() || t.token_type.size() == t.tokens.size(), "recllm: gguf: ", where, ": ",
          t.tokens.size(), " tokens, ", t.token_type.size(), " token types");
  return t;
}

/// The Hugging Face name of a GGUF tensor, "" for one that no such model has.
[[nodiscard]] inline std::string hugging_face_name(std::string_view gguf) {
  if (gguf == "token_embd.weight") return "model.embed_tokens.weight";
  if (gguf == "output_norm.weight") return "model.norm.weight";
  if (gguf == "output.weight") return "lm_head.weight";
  if (!gguf.starts_with("blk.")) return "";
  const std::size_t dot = gguf.find('.', 4), last = gguf.rfind('.');
  if (dot == std::string_view::npos || last <= dot) return "";
  constexpr std::pair<std::string_view, std::string_view> parts[] = {
      {"attn_norm", "input_layernorm"},    {"ffn_norm", "post_attention_layernorm"},
      {"attn_q", "self_attn.q_proj"},      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},      {"attn_output", "self_attn.o_proj"},
      {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  for (const auto& [theirs, ours] : parts)
    if (gguf.substr(dot + 1, last - dot - 1) == theirs)
      return "model.layers." + std::string(gguf.substr(4, dot - 4)) + "." + std::string(ours) +
             std::string(gguf.substr(last));
  return "";
}

}  // namespace recllm
