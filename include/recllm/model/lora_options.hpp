// Size and places of LoRA adapters, and adapter_config.json, in which Hugging Face's PEFT keeps them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>

namespace recllm {

/// A layer's projections that may have adapters; PEFT's "all-linear".
inline const std::vector<std::string>& lora_modules() {
  static const std::vector<std::string> all{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                            "gate_proj", "up_proj", "down_proj"};
  return all;
}

/// Size and places of the adapters: W x becomes W x + s B A x (torch/lora.hpp).
struct lora_options {
  std::int64_t rank = 8;  ///< PEFT's r, positive
  double alpha = 16.0;    ///< PEFT's lora_alpha
  /// Of lora_modules() in every layer, or with what stands before in the model's names, as
  /// model.layers.0.self_attn.q_proj, where names() says yes.
  std::vector<std::string> target_modules = lora_modules();
  bool use_rslora = false;  ///< s = alpha / sqrt(r)

  /// s: alpha / r or, as rsLoRA has it (Kalajdzievski, arXiv 2312.03732), alpha / sqrt(r).
  [[nodiscard]] double scale() const {
    const double r = static_cast<double>(rank);
    return alpha / (use_rslora ? std::sqrt(r) : r);
  }

  /// Whether a module of the model has an adapter: target_modules hold its name, or how it ends after a dot.
  [[nodiscard]] bool names(std::string_view module) const {
    return std::ranges::any_of(target_modules, [&](const std::string& target) {
      return module == target || module.ends_with("." + target);
    });
  }

  /// Throws std::invalid_argument that names the field that cannot be.
  void check() const {
    require(rank > 0 && rank < (std::int64_t{1} << 31), "recllm: lora_options: rank = ", rank,
            ", expected a positive number, less than 2^31");
    require(std::isfinite(alpha), "recllm: lora_options: alpha = ", alpha, ", expected a finite number");
    require(!target_modules.empty(), "recllm: lora_options: target_modules is empty");
    for (const std::string& name : target_modules)
      require(std::ranges::find(lora_modules(), name.substr(name.rfind('.') + 1)) != lora_modules().end(),
              "recllm: lora_options: target_modules has ", detail::shown_json{name},
              ", expected q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj");
  }
};

/// What `text`, an adapter_config.json, says; `where` names it in messages. Throws std::invalid_argument that
/// names the field where one is missing, of the wrong type, or asks for another kind of adapter (DoRA,
/// biases, ranks of their own, ...).
[[nodiscard]] inline lora_options parse_lora_options(std::string_view text, const std::string& where) {
  using nlohmann::json;
  const json root = json::parse(text, nullptr, false);
  require(root.is_object(), "recllm: lora_options: ", where, " is not a JSON object");
  const auto field = [&](const char* name, const auto& fits, const auto& expected) {
    const json value = root.value(name, json());
    require(fits(value), "recllm: lora_options: ", where, ": field '", name,
            "' = ", detail::shown_json{value}, ", expected ", expected);
    return value;
  };
  const auto only = [&](const char* name, const json& wanted) {  // null says: as usual
    field(
        name, [&](const json& v) { return v.is_null() || v == wanted; }, wanted.dump());
  };
  field(
      "peft_type", [](const json& v) { return v == "LORA"; }, "\"LORA\"");
  only("bias", "none");
  for (const char* name : {"use_dora", "use_qalora", "fan_in_fan_out", "lora_bias"}) only(name, false);
  for (const char* name :
       {"modules_to_save", "layers_to_transform", "layers_pattern", "layer_replication", "target_parameters",
        "trainable_token_indices", "exclude_modules", "alora_invocation_tokens", "use_bdlora", "arrow_config",
        "kasa_config", "velora_config", "monteclora_config"})
    only(name, nullptr);
  for (const char* name : {"rank_pattern", "alpha_pattern"}) only(name, json::object());

  lora_options options;
  options.rank = field(
                     "r", [](const json& v) { return v.is_number_integer(); }, "a positive integer")
                     .get<std::int64_t>();
  options.alpha = field(
                      "lora_alpha", [](const json& v) { return v.is_number(); }, "a number")
                      .get<double>();
  options.use_rslora =
      field(
          "use_rslora", [](const json& v) { return v.is_null() || v.is_boolean(); }, "true or false") == true;
  const auto are_names = [](const json& v) {
    return v == "all-linear" ||
           (v.is_array() && std::ranges::all_of(v, [](const json& name) { return name.is_string(); }));
  };
  const json modules = field("target_modules", are_names, "a list of names or \"all-linear\"");
  if (modules.is_array()) options.target_modules = modules.get<std::vector<std::string>>();
  options.check();
  return options;
}

/// adapter_config.json as PEFT reads it.
[[nodiscard]] inline std::string lora_options_json(const lora_options& options) {
  const nlohmann::ordered_json root{{"peft_type", "LORA"},
                                    {"task_type", "CAUSAL_LM"},
                                    {"base_model_name_or_path", nullptr},
                                    {"r", options.rank},
                                    {"lora_alpha", options.alpha},
                                    {"lora_dropout", 0.0},
                                    {"use_rslora", options.use_rslora},
                                    {"target_modules", options.target_modules},
                                    {"bias", "none"},
                                    {"inference_mode", true}};
  return root.dump(2) + "\n";
}

}  // namespace recllm
