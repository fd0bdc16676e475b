// Tensors in and out of safetensors files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/mapped_file.hpp>
#include <recllm/model/safetensors_file.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Tensors by name, in the order of their names.
using tensor_map = std::map<std::string, at::Tensor>;

namespace detail {

/// Tensors of their own.
inline tensor_map clone(tensor_map tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.clone();
  return tensors;
}

inline const std::vector<std::pair<std::string, at::ScalarType>>& safetensors_types() {
  static const std::vector<std::pair<std::string, at::ScalarType>> types{
      {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong}};
  return types;
}
}  // namespace detail

/// All tensors of the file, on the CPU, in the types they are stored in (F32, F16, BF16, I64). Throws
/// std::invalid_argument that names the file where it cannot be opened or is malformed (parse_safetensors()).
[[nodiscard]] inline tensor_map read_safetensors(const std::filesystem::path& path) {
  const mapped_file file("read_safetensors", path);
  tensor_map tensors;
  for (const stored_tensor& stored : parse_safetensors(file.bytes(), path.string())) {
    const auto& types = detail::safetensors_types();
    const auto type = std::ranges::find(types, stored.type, &std::pair<std::string, at::ScalarType>::first);
    at::Tensor tensor = at::empty(stored.shape, at::TensorOptions(type->second));
    if (!stored.bytes.empty()) std::memcpy(tensor.data_ptr(), stored.bytes.data(), stored.bytes.size());
    tensors.emplace(stored.name, std::move(tensor));
  }
  return tensors;
}

/// Writes the tensors to `path`, whole or not at all. Throws std::runtime_error where that fails.
inline void write_safetensors(const std::filesystem::path& path, const tensor_map& tensors) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto& types = detail::safetensors_types();
    const auto known = std::find_if(types.begin(), types.end(),
                                    [&](const auto& t) { return t.second == tensor.scalar_type(); });
    require(known != types.end(), "recllm: write_safetensors: tensor '", name,
            "' has a type the library does not store");
    const std::uint64_t end = offset + tensor.nbytes();
    header[name] = {
        {"dtype", known->first}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors start aligned
  write_file_atomically(path, [&](std::ostream& out) {
    const std::uint64_t header_bytes = text.size();
    out.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
    out << text;
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor bytes = tensor.detach().cpu().contiguous();
      out.write(static_cast<const char*>(bytes.data_ptr()), static_cast<std::streamsize>(bytes.nbytes()));
    }
  });
}

}  // namespace recllm::torch_bridge
