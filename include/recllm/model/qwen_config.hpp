// What config.json says of a Qwen2, Qwen3 or Llama model: sizes and variants, in Hugging Face's spelling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>

namespace recllm {

/// How positions turn queries and keys (rope_parameters, before transformers 5 rope_scaling). Su et al.,
/// arXiv 2104.09864; "linear": Chen et al., arXiv 2306.15595; "llama3": Grattafiori et al., arXiv 2407.21783;
/// "yarn": Peng et al., arXiv 2309.00071.
struct rope_config {
  std::string rope_type = "default";                 ///< default, linear, llama3 or yarn
  double rope_theta = 10000.0;                       ///< base of the wavelengths
  double factor = 1.0;                               ///< of the context's length; all but default
  double original_max_position_embeddings = 0.0;     ///< tokens before scaling; llama3 and yarn
  double low_freq_factor = 1.0;                      ///< llama3
  double high_freq_factor = 4.0;                     ///< llama3, > low_freq_factor
  double beta_fast = 32.0, beta_slow = 1.0;          ///< yarn: turns in the original context
  std::optional<double> attention_factor{};          ///< yarn: of cos and sin; none = 0.1 ln(factor) + 1
  std::optional<double> mscale{}, mscale_all_dim{};  ///< yarn: both, another attention_factor
  bool truncate = true;                              ///< yarn: whether the ramp ends at whole dimensions
};

/// The fields of config.json, under Hugging Face's names.
struct qwen_config {
  std::string model_type = "qwen2";      ///< qwen2, qwen3 or llama
  std::int64_t vocab_size = 0;           ///< V
  std::int64_t hidden_size = 64;         ///< d
  std::int64_t intermediate_size = 192;  ///< width of the SwiGLU
  std::int64_t num_hidden_layers = 2;
  std::int64_t num_attention_heads = 4;
  std::int64_t num_key_value_heads = 2;  ///< divides num_attention_heads
  std::int64_t head_dim = 0;             ///< even; 0 = hidden_size / num_attention_heads
  std::int64_t max_position_embeddings = 1024;
  double rms_norm_eps = 1e-6;
  rope_config rope = {};
  double initializer_range = 0.02;  ///< deviation of the initial weights
  bool tie_word_embeddings = true;
  bool attention_bias = false;  ///< of q, k, v and o; qwen2 has it in q, k and v, whatever is said here
  bool mlp_bias = false;        ///< llama only
  std::optional<std::int64_t> bos_token_id{}, pad_token_id{};
  std::vector<std::int64_t> eos_token_id{};  ///< any of them ends a completion

  /// head_dim with its default resolved.
  [[nodiscard]] std::int64_t head_size() const {
    return head_dim > 0 ? head_dim : hidden_size / num_attention_heads;
  }

  /// Whether a layer's projection ("q_proj", ..., "down_proj") has a bias.
  [[nodiscard]] bool has_bias(std::string_view projection) const {
    if (projection == "gate_proj" || projection == "up_proj" || projection == "down_proj") return mlp_bias;
    return model_type == "qwen2" ? projection != "o_proj" : attention_bias;
  }

  /// Throws std::invalid_argument that names the field that cannot be.
  void check() const {
    const auto positive = [](const char* name, auto value) {
      require(value > 0, "recllm: qwen_config: ", name, " = ", value, ", expected a positive number");
    };
    require(model_type == "qwen2" || model_type == "qwen3" || model_type == "llama",
            "recllm: qwen_config: model_type '", model_type, "', expected qwen2, qwen3 or llama");
    for (const auto& [name, value] : {std::pair{"vocab_size", vocab_size},
                                      {"hidden_size", hidden_size},
                                      {"intermediate_size", intermediate_size},
                                      {"num_hidden_layers", num_hidden_layers},
                                      {"num_attention_heads", num_attention_heads},
                                      {"num_key_value_heads", num_key_value_heads},
                                      {"max_position_embeddings", max_position_embeddings}}) {
      positive(name, value);
      require(value < (std::int64_t{1} << 31), "recllm: qwen_config: ", name, " = ", value,
              ", expected less than 2^31");
    }
    require(num_attention_heads % num_key_value_heads == 0,
            "recllm: qwen_config: num_key_value_heads = ", num_key_value_heads,
            " does not divide num_attention_heads = ", num_attention_heads);
    require(head_size() > 0 && head_size() % 2 == 0 && head_size() < (1 << 20),
            "recllm: qwen_config: head_dim = ", head_size(), ", expected a positive even number");
    require(!mlp_bias || model_type == "llama", "recllm: qwen_config: mlp_bias is for llama, model_type is ",
            model_type);
    require(rms_norm_eps >= 0.0, "recllm: qwen_config: rms_norm_eps = ", rms_norm_eps,
            ", expected 0 or more");
    const std::string& type = rope.rope_type;
    require(type == "default" || type == "linear" || type == "llama3" || type == "yarn",
            "recllm: qwen_config: rope_type '", type, "', expected default, linear, llama3 or yarn");
    positive("rope_theta", rope.rope_theta);
    positive("rope factor", rope.factor);
    if (type != "llama3" && type != "yarn") return;
    positive("original_max_position_embeddings", rope.original_max_position_embeddings);
    if (type == "llama3") positive("low_freq_factor", rope.low_freq_factor);
    if (type == "llama3")
      require(rope.high_freq_factor > rope.low_freq_factor,
              "recllm: qwen_config: high_freq_factor = ", rope.high_freq_factor,
              ", expected more than low_freq_factor = ", rope.low_freq_factor);
    if (type == "yarn") positive("beta_fast", rope.beta_fast);
    if (type == "yarn") positive("beta_slow", rope.beta_slow);
    if (type == "yarn") require(rope.rope_theta > 1.0, "recllm: qwen_config: yarn needs rope_theta > 1");
  }
};

/// The config that `text`, config.json of transformers 4 or 5, holds; `where` names it in messages. Throws
/// std::invalid_argument that names the field where one is missing, of the wrong type, or asks for what is
/// not supported.
[[nodiscard]] inline qwen_config parse_qwen_config(std::string_view text, const std::string& where) {
  using nlohmann::json;
  const json root = json::parse(text, nullptr, false);
  require(root.is_object(), "recllm: qwen_config: ", where, " is not a JSON object");
  const auto optional_field = [&](const json& object, const char* name, auto fallback) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return fallback;
    using value = decltype(fallback);
    bool fits = found->is_number();
    if constexpr (std::is_same_v<value, bool>) fits = found->is_boolean();
    if constexpr (std::is_same_v<value, std::string>) fits = found->is_string();
    if constexpr (std::is_same_v<value, std::int64_t>) fits = found->is_number_integer();
    require(fits, "recllm: qwen_config: ", where, ": field '", name, "' = ", detail::shown_json{*found},
            " has the wrong type");
    return found->template get<value>();
  };
  const auto field = [&](const char* name, auto example) {
    require(root.contains(name) && !root[name].is_null(), "recllm: qwen_config: ", where, ": field '", name,
            "' is missing");
    return optional_field(root, name, example);
  };
  const auto unsupported = [&](bool present, const char* name) {
    require(!present, "recllm: qwen_config: ", where, ": '", name, "' is not supported");
  };
  const std::int64_t whole = 0;

  qwen_config c;
  c.model_type = field("model_type", std::string());
  c.vocab_size = field("vocab_size", whole);
  c.hidden_size = field("hidden_size", whole);
  c.intermediate_size = field("intermediate_size", whole);
  c.num_hidden_layers = field("num_hidden_layers", whole);
  c.num_attention_heads = field("num_attention_heads", whole);
  c.num_key_value_heads = optional_field(root, "num_key_value_heads", c.num_attention_heads);
  c.head_dim = optional_field(root, "head_dim", std::int64_t{c.model_type == "qwen3" ? 128 : 0});
  c.max_position_embeddings = optional_field(root, "max_position_embeddings", c.max_position_embeddings);
  c.rms_norm_eps = optional_field(root, "rms_norm_eps", c.rms_norm_eps);
  c.initializer_range = optional_field(root, "initializer_range", c.initializer_range);
  c.tie_word_embeddings = optional_field(root, "tie_word_embeddings", false);
  if (c.model_type != "qwen2") c.attention_bias = optional_field(root, "attention_bias", false);
  if (c.model_type == "llama") c.mlp_bias = optional_field(root, "mlp_bias", false);

  static const json none = json::object();
  const auto object = [&](const char* name) -> const json& {
    const auto found = root.find(name);
    if (found == root.end() || found->is_null()) return none;
    require(found->is_object(), "recllm: qwen_config: ", where, ": field '", name,
            "' = ", detail::shown_json{*found}, ", expected an object");
    return *found;
  };
  const json& rope = object("rope_scaling").empty() ? object("rope_parameters") : object("rope_scaling");
  rope_config& r = c.rope;
  r.rope_type = optional_field(rope, "rope_type", optional_field(rope, "type", r.rope_type));
  r.rope_theta = optional_field(rope, "rope_theta", optional_field(root, "rope_theta", r.rope_theta));
  if (r.rope_type != "default") {
    require(rope.contains("factor"), "recllm: qwen_config: ", where, ": field 'factor' of rope_type ",
            r.rope_type, " is missing");
    r.factor = optional_field(rope, "factor", r.factor);
    r.original_max_position_embeddings =
        optional_field(root, "original_max_position_embeddings",
                       optional_field(rope, "original_max_position_embeddings",
                                      static_cast<double>(c.max_position_embeddings)));
    r.low_freq_factor = optional_field(rope, "low_freq_factor", r.low_freq_factor);
    r.high_freq_factor = optional_field(rope, "high_freq_factor", r.high_freq_factor);
    r.beta_fast = optional_field(rope, "beta_fast", r.beta_fast);
    r.beta_slow = optional_field(rope, "beta_slow", r.beta_slow);
    for (const auto& [name, to] : {std::pair{"attention_factor", &r.attention_factor},
                                   {"mscale", &r.mscale},
                                   {"mscale_all_dim", &r.mscale_all_dim}})
      if (rope.contains(name) && !rope[name].is_null()) *to = optional_field(rope, name, 0.0);
    r.truncate = optional_field(rope, "truncate", true);
  }
  for (const json* holder : {&root, &rope})
    unsupported(optional_field(*holder, "partial_rotary_factor", 1.0) != 1.0, "partial_rotary_factor");

  for (const auto& [name, to] :
       {std::pair{"bos_token_id", &c.bos_token_id}, {"pad_token_id", &c.pad_token_id}})
    if (root.contains(name) && root[name].is_number_integer()) *to = root[name].get<std::int64_t>();
  if (root.contains("eos_token_id")) {
    const json& ends = root["eos_token_id"];
    for (const json& id : ends.is_array() ? ends : json::array({ends}))
      if (!id.is_null()) {
        require(id.is_number_integer(), "recllm: qwen_config: ", where, ": field 'eos_token_id' holds ",
                detail::shown_json{id}, ", expected a token's number or several");
        c.eos_token_id.push_back(id.get<std::int64_t>());
      }
  }

  const std::string activation = optional_field(root, "hidden_act", std::string("silu"));
  require(activation == "silu" || activation == "swish", "recllm: qwen_config: ", where,
          ": field 'hidden_act' = \"", activation, "\", expected \"silu\" or \"swish\"");
  unsupported(!object("quantization_config").empty(), "quantization_config");
  const std::int64_t sliding_from = optional_field(root, "max_window_layers", std::int64_t{28});
  unsupported(optional_field(root, "use_sliding_window", false) && root.contains("sliding_window") &&
                  !root["sliding_window"].is_null() && sliding_from < c.num_hidden_layers,
              "use_sliding_window");
  if (root.contains("layer_types") && root["layer_types"].is_array())
    for (const json& type : root["layer_types"]) unsupported(type != "full_attention", "layer_types");
  try {
    c.check();
  } catch (const std::invalid_argument& problem) {
    throw std::invalid_argument(message(problem.what(), " (", where, ")"));
  }
  return c;
}

/// Reads a model folder's config.json; throws as parse_qwen_config() does.
[[nodiscard]] inline qwen_config read_qwen_config(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), "recllm: qwen_config: cannot open ", path.string());
  return parse_qwen_config(std::string(std::istreambuf_iterator<char>(in), {}), path.string());
}

/// config.json as transformers 4 and 5 and vLLM read it; `dtype` names the type of the weights beside it.
[[nodiscard]] inline std::string qwen_config_json(const qwen_config& c,
                                                  const std::string& dtype = "float32") {
  using json = nlohmann::ordered_json;
  const bool llama = c.model_type == "llama";
  const rope_config& r = c.rope;
  json scaling = nullptr;
  if (r.rope_type != "default") {
    scaling = {{"rope_type", r.rope_type}, {"factor", r.factor}};
    if (r.rope_type != "linear")
      scaling["original_max_position_embeddings"] =
          static_cast<std::int64_t>(r.original_max_position_embeddings);
    if (r.rope_type == "llama3")
      scaling.update({{"low_freq_factor", r.low_freq_factor}, {"high_freq_factor", r.high_freq_factor}});
    if (r.rope_type == "yarn") {
      scaling.update({{"beta_fast", r.beta_fast}, {"beta_slow", r.beta_slow}, {"truncate", r.truncate}});
      for (const auto& [name, value] : {std::pair{"attention_factor", r.attention_factor},
                                        {"mscale", r.mscale},
                                        {"mscale_all_dim", r.mscale_all_dim}})
        if (value) scaling[name] = *value;
    }
  }
  json parameters = scaling.is_null() ? json{{"rope_type", "default"}} : scaling;
  parameters["rope_theta"] = r.rope_theta;
  const char* architecture = llama                     ? "LlamaForCausalLM"
                             : c.model_type == "qwen3" ? "Qwen3ForCausalLM"
                                                       : "Qwen2ForCausalLM";
  json all = {{"architectures", {architecture}},
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
              {"rope_theta", r.rope_theta},
              {"rope_scaling", scaling},
              {"rope_parameters", parameters},
              {"initializer_range", c.initializer_range},
              {"tie_word_embeddings", c.tie_word_embeddings},
              {"torch_dtype", dtype}};
  if (c.model_type != "qwen2") all["attention_bias"] = c.attention_bias;
  if (llama) all["mlp_bias"] = c.mlp_bias;
  if (c.bos_token_id) all["bos_token_id"] = *c.bos_token_id;
  if (c.pad_token_id) all["pad_token_id"] = *c.pad_token_id;
  if (c.eos_token_id.size() == 1) all["eos_token_id"] = c.eos_token_id.front();
  if (c.eos_token_id.size() > 1) all["eos_token_id"] = c.eos_token_id;
  return all.dump(2) + "\n";
}

/// Writes config.json, whole or not at all.
inline void write_qwen_config(const std::filesystem::path& path, const qwen_config& c,
                              const std::string& dtype = "float32") {
  write_file_atomically(path, [&](std::ostream& out) { out << qwen_config_json(c, dtype); });
}

}  // namespace recllm
