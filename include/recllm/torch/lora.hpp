// LoRA: a projection's frozen weight W plus a product of two thin matrices that are trained,
//
//   y = W x + s B A x     A: r x in, B: out x r, s = alpha / r
//
// Hu et al., arXiv 2106.09685. rsLoRA takes s = alpha / sqrt(r): Kalajdzievski, arXiv 2312.03732. On disk as
// Hugging Face's PEFT has it: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// A layer's projections that may have adapters; PEFT's "all-linear".
inline const std::vector<std::string>& lora_modules() {
  static const std::vector<std::string> all{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                            "gate_proj", "up_proj", "down_proj"};
  return all;
}

/// Size and places of the adapters.
struct lora_options {
  std::int64_t rank = 8;                                     ///< PEFT's r, positive
  double alpha = 16.0;                                       ///< PEFT's lora_alpha
  std::vector<std::string> target_modules = lora_modules();  ///< of lora_modules(), in every layer
  bool use_rslora = false;                                   ///< s = alpha / sqrt(r)

  /// s.
  [[nodiscard]] double scale() const {
    const double r = static_cast<double>(rank);
    return alpha / (use_rslora ? std::sqrt(r) : r);
  }

  /// Throws std::invalid_argument that names the field that cannot be.
  void check() const {
    require(rank > 0, "recllm: lora_options: rank = ", rank, ", expected a positive number");
    require(std::isfinite(alpha), "recllm: lora_options: alpha = ", alpha, ", expected a finite number");
    require(!target_modules.empty(), "recllm: lora_options: target_modules is empty");
    for (const std::string& name : target_modules)
      require(std::ranges::find(lora_modules(), name) != lora_modules().end(),
              "recllm: lora_options: target_modules has '", name,
              "', expected q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj");
  }
};

/// Adapters by the model's names, as model.layers.0.self_attn.q_proj.lora_A.weight.
struct lora_adapters {
  lora_options options;
  tensor_map weights;
};

namespace detail {

using recllm::detail::shown_json;

inline constexpr std::string_view peft_prefix = "base_model.model.";

/// Whether a weight of this name belongs to an adapter.
inline bool is_lora(std::string_view name) { return name.find(".lora_") != std::string_view::npos; }

/// Refuses fields of adapter_config.json that would change what the adapters compute.
inline void refuse_other_adapters(const nlohmann::json& root, const std::string& where) {
  const auto expect = [&](const char* name, const nlohmann::json& wanted) {
    const auto found = root.find(name);
    require(found == root.end() || found->is_null() || *found == wanted, "recllm: read_lora: ", where,
            ": field '", name, "' = ", shown_json{root.value(name, nlohmann::json())}, ", expected ",
            wanted.dump());
  };
  require(root.is_object(), "recllm: read_lora: ", where, " is not a JSON object");
  const nlohmann::json type = root.value("peft_type", nlohmann::json());
  require(type == "LORA", "recllm: read_lora: ", where, ": field 'peft_type' = ", shown_json{type},
          ", expected \"LORA\"");
  expect("bias", "none");
  for (const char* name : {"use_dora", "fan_in_fan_out", "lora_bias"}) expect(name, false);
  for (const char* name : {"modules_to_save", "layers_to_transform", "layers_pattern", "layer_replication",
                           "target_parameters", "trainable_token_indices", "exclude_modules"})
    expect(name, nullptr);
  for (const char* name : {"rank_pattern", "alpha_pattern"}) expect(name, nlohmann::json::object());
}

inline lora_options parse_lora_options(const nlohmann::json& root, const std::string& where) {
  refuse_other_adapters(root, where);
  lora_options options;
  const auto field = [&](const char* name, auto fits, const char* expected) {
    const nlohmann::json value = root.value(name, nlohmann::json());
    require(fits(value), "recllm: read_lora: ", where, ": field '", name, "' = ", shown_json{value},
            ", expected ", expected);
    return value;
  };
  const auto is_rank = [](const nlohmann::json& v) {
    return v.is_number_integer() && v > 0 && v < (std::int64_t{1} << 31);
  };
  options.rank = field("r", is_rank, "a positive integer").get<std::int64_t>();
  options.alpha = field(
                      "lora_alpha", [](const nlohmann::json& v) { return v.is_number(); }, "a number")
                      .get<double>();
  options.use_rslora =
      field(
          "use_rslora", [](const nlohmann::json& v) { return v.is_null() || v.is_boolean(); },
          "true or false") == true;
  const nlohmann::json modules = field(
      "target_modules",
      [](const nlohmann::json& v) {
        return v == "all-linear" ||
               (v.is_array() && std::ranges::all_of(v, [](const auto& name) { return name.is_string(); }));
      },
      "a list of names or \"all-linear\"");
  if (modules.is_array()) options.target_modules = modules.get<std::vector<std::string>>();
  options.check();
  return options;
}

}  // namespace detail

/// Writes adapter_config.json and adapter_model.safetensors, as PEFT reads them.
inline void write_lora(const std::filesystem::path& folder, const lora_adapters& adapters) {
  const lora_options& options = adapters.options;
  const nlohmann::ordered_json config{{"peft_type", "LORA"},
                                      {"task_type", "CAUSAL_LM"},
                                      {"base_model_name_or_path", nullptr},
                                      {"r", options.rank},
                                      {"lora_alpha", options.alpha},
                                      {"lora_dropout", 0.0},
                                      {"use_rslora", options.use_rslora},
                                      {"target_modules", options.target_modules},
                                      {"bias", "none"},
                                      {"inference_mode", true}};
  tensor_map named;
  for (const auto& [name, weight] : adapters.weights)
    named.emplace(std::string(detail::peft_prefix) + name, weight.detach());
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "adapter_config.json",
                        [&](std::ostream& out) { out << config.dump(2) << '\n'; });
  write_safetensors(folder / "adapter_model.safetensors", named);
}

/// What write_lora() or PEFT wrote, as float32. Throws std::invalid_argument that names file and field where
/// one is missing, malformed, or asks for another kind of adapter (DoRA, biases, ranks of their own, ...).
[[nodiscard]] inline lora_adapters read_lora(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "adapter_config.json";
  std::ifstream in(path);
  require(in.good(), "recllm: read_lora: cannot open ", path.string());
  lora_adapters adapters{detail::parse_lora_options(nlohmann::json::parse(in, nullptr, false), path.string()),
                         {}};
  const std::filesystem::path file = folder / "adapter_model.safetensors";
  for (const auto& [name, weight] : read_safetensors(file)) {
    require(name.starts_with(detail::peft_prefix), "recllm: read_lora: ", file.string(), ": tensor '", name,
            "', expected a name that starts with ", detail::peft_prefix);
    require(weight.isfinite().all().item<bool>(), "recllm: read_lora: ", file.string(), ": tensor '", name,
            "' holds a value that is not finite");
    adapters.weights.emplace(name.substr(detail::peft_prefix.size()), weight.to(at::kFloat));
  }
  return adapters;
}

}  // namespace recllm::torch_bridge
