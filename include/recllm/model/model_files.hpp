// A language model on disk: a Hugging Face folder (config.json, safetensors in one file or in shards) or a
// GGUF file. Names and order of values are Hugging Face's either way.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/mapped_file.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/model/gguf_model.hpp>
#include <recllm/model/qwen_config.hpp>
#include <recllm/model/safetensors_file.hpp>

namespace recllm {

/// The shards that a model.safetensors.index.json names, each once. Throws std::invalid_argument that names
/// field and value where it is no such file or a shard's name is a path: shards lie beside their index.
[[nodiscard]] inline std::set<std::string> parse_shard_index(std::string_view text,
                                                             const std::string& where) {
  const nlohmann::json index = nlohmann::json::parse(text, nullptr, false);
  require(index.is_object() && index.contains("weight_map") && index["weight_map"].is_object(),
          "recllm: model_files: ", where, ": expected an object with the field weight_map, an object");
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    require(shard.is_string(), "recllm: model_files: ", where, ": weight_map['", tensor,
            "'] = ", detail::shown_json{shard}, ", expected a file's name");
    const std::string& name = shard.get_ref<const std::string&>();
    require(!name.empty() && name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                name.ends_with(".safetensors"),
            "recllm: model_files: ", where, ": weight_map['", tensor, "'] = '", name,
            "', expected the name of a .safetensors file beside the index");
    shards.insert(name);
  }
  return shards;
}

/// The config and the tensors of a model. Files stay mapped as long as this lives.
class model_files {
 public:
  /// `path` is a folder or a .gguf file. Throws std::invalid_argument that names the file and the field or
  /// tensor that is missing, malformed or there twice.
  explicit model_files(const std::filesystem::path& path) {
    if (std::filesystem::is_directory(path)) {
      config_ = read_qwen_config(path / "config.json");
      open_folder(path);
    } else {
      const std::string where = path.string();
      const gguf_contents contents = parse_gguf(map(path), where);
      config_ = gguf_config(contents, where);
      for (const stored_tensor& tensor : contents.tensors)
        if (const std::string name = hugging_face_name(tensor.name); !name.empty()) add(name, tensor, where);
      interleaved_ = config_.model_type == "llama";
    }
  }

  [[nodiscard]] const qwen_config& config() const { return config_; }

  /// Whether there is such a tensor.
  [[nodiscard]] bool contains(const std::string& name) const { return tensors_.contains(name); }

  /// Throws std::invalid_argument that names file and tensor where it is missing or has another shape.
  void expect(const std::string& name, std::span<const std::int64_t> shape) const {
    const auto found = tensors_.find(name);
    require(found != tensors_.end(), "recllm: model_files: ", where_, ": tensor '", name, "' is missing");
    const auto& [tensor, where] = found->second;
    require(std::ranges::equal(tensor.shape, shape), "recllm: model_files: ", where, ": tensor '", name,
            "' has shape ", shown(tensor.shape), ", the config asks for ", shown(shape));
  }

  /// Throws std::invalid_argument unless the layers that tensors belong to are as many as the config says.
  void expect_layers() const {
    constexpr std::string_view prefix = "model.layers.";
    std::int64_t layers = 0;
    for (const auto& [name, tensor] : tensors_) {
      std::int64_t number = -1;
      if (name.starts_with(prefix))
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
      layers = std::max(layers, number + 1);
    }
    require(layers == config_.num_hidden_layers, "recllm: model_files: ", where_, ": there are tensors of ",
            layers, " layers, the config's num_hidden_layers is ", config_.num_hidden_layers);
  }

  /// The values of a tensor as floats in Hugging Face's order; `out` has as many.
  void read(const std::string& name, std::span<float> out) const {
    to_floats(tensors_.at(name).first, out);
    const bool query = name.find("self_attn.q_proj.") != std::string::npos;
    if (interleaved_ && (query || name.find("self_attn.k_proj.") != std::string::npos))
      part_pairs(query ? config_.num_attention_heads : config_.num_key_value_heads, config_.head_size(), out);
  }

 private:
  std::span<const std::byte> map(const std::filesystem::path& path) {
    where_ = path.string();
    return maps_.emplace_back("model_files", path).bytes();
  }

  void open_folder(const std::filesystem::path& folder) {
    const auto add_file = [&](const std::filesystem::path& file) {
      for (const stored_tensor& tensor : parse_safetensors(map(file), file.string()))
        add(tensor.name, tensor, file.string());
    };
    const std::filesystem::path index = folder / "model.safetensors.index.json";
    if (std::filesystem::exists(folder / "model.safetensors") || !std::filesystem::exists(index)) {
      add_file(folder / "model.safetensors");
      return;
    }
    std::ifstream in(index, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (const std::string& shard : parse_shard_index(text, index.string())) add_file(folder / shard);
    where_ = index.string();
  }

  void add(const std::string& name, const stored_tensor& tensor, const std::string& where) {
    require(tensors_.try_emplace(name, tensor, where).second, "recllm: model_files: ", where, ": tensor '",
            name, "' is there twice");
  }

  /// GGUF's llama models turn neighbouring rows of a head together, Hugging Face's rows i and i + half: rows
  /// 0, 1, 2, 3, ... of each head become 0, 2, ..., 1, 3, ...
  static void part_pairs(std::int64_t heads, std::int64_t head_size, std::span<float> values) {
    const std::size_t half = static_cast<std::size_t>(head_size) / 2;
    const std::size_t width = values.size() / static_cast<std::size_t>(heads * head_size);
    const std::vector<float> before(values.begin(), values.end());
    for (std::size_t row = 0; row < values.size() / width; ++row) {
      const std::size_t head = row / (2 * half), place = row % (2 * half);
      const std::size_t from = head * 2 * half + (place < half ? 2 * place : 2 * (place - half) + 1);
      std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(from * width), width,
                  values.begin() + static_cast<std::ptrdiff_t>(row * width));
    }
  }

  template <class Shape>
  static std::string shown(const Shape& shape) {
    std::string text = "[";
    for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
  }

  qwen_config config_;
  std::vector<mapped_file> maps_;
  std::map<std::string, std::pair<stored_tensor, std::string>> tensors_;  // with the file they are in
  std::string where_;
  bool interleaved_ = false;
};

}  // namespace recllm
