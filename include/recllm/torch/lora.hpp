// LoRA: a projection's frozen weight W plus a product of two thin matrices that are trained,
//
//   y = W x + s B A x     A: r x in, B: out x r, s = alpha / r
//
// Hu et al., arXiv 2106.09685. On disk as Hugging Face's PEFT has it: adapter_config.json and
// adapter_model.safetensors. A model gets adapters by qwen::add_lora().
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/mapped_file.hpp>
#include <recllm/model/lora_options.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Adapters by the model's names, as model.layers.0.self_attn.q_proj.lora_A.weight.
struct lora_adapters {
  lora_options options;
  tensor_map weights;
};

namespace detail {

inline constexpr std::string_view peft_prefix = "base_model.model.";

/// Whether a weight of this name belongs to an adapter.
inline bool is_lora(std::string_view name) { return name.find(".lora_") != std::string_view::npos; }

}  // namespace detail

/// Writes adapter_config.json and adapter_model.safetensors, as PEFT reads them.
inline void write_lora(const std::filesystem::path& folder, const lora_adapters& adapters) {
  tensor_map named;
  for (const auto& [name, weight] : adapters.weights)
    named.emplace(std::string(detail::peft_prefix) + name, weight.detach());
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "adapter_config.json", lora_options_json(adapters.options));
  write_safetensors(folder / "adapter_model.safetensors", named);
}

/// What write_lora() or PEFT wrote, as float32. Throws std::invalid_argument that names file and field where
/// one is missing, malformed or not supported (parse_lora_options()), or a value is not finite.
[[nodiscard]] inline lora_adapters read_lora(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "adapter_config.json";
  const mapped_file text("read_lora", path);
  const std::string_view config(reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size());
  lora_adapters adapters{parse_lora_options(config, path.string()), {}};
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
