// Hugging Face's safetensors files: named tensors behind a JSON header (format: safetensors README,
// "Format").
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Tensors by name, in the order of their names.
using tensor_map = std::map<std::string, at::Tensor>;

namespace detail {
inline const std::vector<std::pair<std::string, at::ScalarType>>& safetensors_types() {
  static const std::vector<std::pair<std::string, at::ScalarType>> types{
      {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong}};
  return types;
}
}  // namespace detail

/// All tensors of the file, on the CPU, in the types they are stored in (F32, F16, BF16, I64).
/// Throws std::invalid_argument that names file and tensor where the header is cut or too long, a type is
/// unknown, or a tensor's bytes do not fit its shape, overlap another's or leave the file.
[[nodiscard]] inline tensor_map read_safetensors(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), "recllm: read_safetensors: cannot open ", path.string());
  const std::uint64_t file_bytes = std::filesystem::file_size(path);
  std::uint64_t header_bytes = 0;
  in.read(reinterpret_cast<char*>(&header_bytes), sizeof header_bytes);
  require(in.good() && header_bytes <= file_bytes - 8, "recllm: read_safetensors: ", path.string(),
          ": the header claims ", header_bytes, " bytes, the file has ", file_bytes);
  std::string header(header_bytes, '\0');
  in.read(header.data(), static_cast<std::streamsize>(header_bytes));
  const nlohmann::json fields = nlohmann::json::parse(header, nullptr, false);
  require(in.good() && fields.is_object(), "recllm: read_safetensors: ", path.string(),
          ": the header is not a JSON object");

  const std::uint64_t data_bytes = file_bytes - 8 - header_bytes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
  tensor_map tensors;
  for (const auto& [name, field] : fields.items()) {
    if (name == "__metadata__") continue;
    const std::string where = message("recllm: read_safetensors: ", path.string(), ": tensor '", name, "'");
    try {
      const std::string type = field.at("dtype").get<std::string>();
      const auto& types = detail::safetensors_types();
      const auto known =
          std::find_if(types.begin(), types.end(), [&](const auto& t) { return t.first == type; });
      require(known != types.end(), where, ": dtype ", type, ", expected F32, F16, BF16 or I64");
      const std::vector<std::int64_t> shape = field.at("shape").get<std::vector<std::int64_t>>();
      const auto offsets = field.at("data_offsets").get<std::pair<std::uint64_t, std::uint64_t>>();
      std::uint64_t bytes = at::elementSize(known->second);
      for (const std::int64_t extent : shape) {
        require(extent >= 0 && (extent == 0 || bytes <= data_bytes / static_cast<std::uint64_t>(extent)),
                where, ": shape does not fit the file");
        bytes *= static_cast<std::uint64_t>(extent);
      }
      require(offsets.first <= offsets.second && offsets.second <= data_bytes &&
                  offsets.second - offsets.first == bytes,
              where, ": data_offsets [", offsets.first, ", ", offsets.second, ") for ", bytes,
              " bytes in a file of ", data_bytes);
      at::Tensor tensor = at::empty(shape, at::TensorOptions(known->second));
      in.seekg(static_cast<std::streamoff>(8 + header_bytes + offsets.first));
      in.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(bytes));
      require(in.good(), where, ": the file ended early");
      if (bytes > 0) taken.push_back(offsets);
      tensors.emplace(name, std::move(tensor));
    } catch (const nlohmann::json::exception&) {
      require(false, where, ": expected the fields dtype, shape and data_offsets");
    }
  }
  std::sort(taken.begin(), taken.end());
  for (std::size_t i = 1; i < taken.size(); ++i)
    require(taken[i - 1].second <= taken[i].first, "recllm: read_safetensors: ", path.string(),
            ": two tensors overlap at byte ", taken[i].first);
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
