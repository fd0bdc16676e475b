// What a safetensors file holds: named tensors behind a JSON header (format: the safetensors README,
// "Format").
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/model/stored_tensor.hpp>

namespace recllm {

/// The tensors of a safetensors file in the order of their names; they borrow `file`, and `where` names it in
/// messages. Throws std::invalid_argument that names file and tensor where the header is cut, too long or no
/// JSON object, a name is there twice, a type is unknown, or a tensor's bytes do not fit its shape, leave the
/// file, overlap another's or leave a hole.
[[nodiscard]] inline std::vector<stored_tensor> parse_safetensors(std::span<const std::byte> file,
                                                                  const std::string& where) {
  using nlohmann::json;
  const auto check = [&](bool good, const auto&... parts) {
    require(good, "recllm: safetensors: ", where, ": ", parts...);
  };
  constexpr std::uint64_t longest_header = 100'000'000;  // as the format's own reader has it
  check(!std::string_view(reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 64))
             .starts_with("version https://git-lfs"),
        "is a Git LFS pointer, not the file itself; fetch it with git lfs pull");
  check(file.size() >= 8, "the file has ", file.size(), " bytes, expected 8 that tell the header's length");
  const std::uint64_t header_bytes = detail::load<std::uint64_t>(file.data());
  check(header_bytes <= file.size() - 8 && header_bytes <= longest_header, "the header claims ", header_bytes,
        " bytes, the file has ", file.size());
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + 8, header_bytes);
  const std::span<const std::byte> data = file.subspan(8 + header_bytes);

  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return depth < 8;  // nothing of the format is deeper, and printing or freeing it would take stack
  };
  const json fields = json::parse(header, watch, false);
  check(fields.is_object(), "the header is not a JSON object");
  check(twice.empty(), "tensor '", twice, "' is there twice");

  std::vector<stored_tensor> tensors;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
  for (const auto& entry : fields.items()) {
    const std::string& name = entry.key();
    const json& field = entry.value();
    if (name == "__metadata__") continue;
    const auto expected = [&](bool good) {
      check(good, "tensor '", name, "': expected the fields dtype, shape and data_offsets");
    };
    expected(field.is_object() && field.contains("dtype") && field.contains("shape") &&
             field.contains("data_offsets"));
    const json &type_name = field["dtype"], &shape = field["shape"], &offsets = field["data_offsets"];
    expected(type_name.is_string() && shape.is_array() && offsets.is_array() && offsets.size() == 2 &&
             offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned());
    const detail::tensor_type* type = detail::find_tensor_type(type_name.get_ref<const std::string&>());
    check(type != nullptr && type->block_values == 1, "tensor '", name, "': dtype ",
          type_name.get_ref<const std::string&>(), ", expected F32, F16, BF16 or I64");
    stored_tensor tensor{name, std::string(type->name), {}, {}};
    for (const json& extent : shape) {
      check(extent.is_number_unsigned() && extent <= std::uint64_t{1} << 62, "tensor '", name,
            "': shape does not fit: it holds ", detail::shown_json{extent});
      tensor.shape.push_back(extent.get<std::int64_t>());
    }
    std::uint64_t count = 0;
    check(detail::count_values(tensor.shape, data.size() / type->block_bytes, count), "tensor '", name,
          "': shape does not fit: it needs more than the ", data.size(),
          " bytes of all tensors; was the file cut off?");
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    check(begin <= end && end <= data.size() && end - begin == count * type->block_bytes, "tensor '", name,
          "': data_offsets [", begin, ", ", end, ") for ", count * type->block_bytes, " bytes in a file of ",
          data.size());
    tensor.bytes = data.subspan(begin, end - begin);
    if (begin < end) taken.emplace_back(begin, end);
    tensors.push_back(std::move(tensor));
  }
  std::ranges::sort(taken);
  std::uint64_t covered = 0;
  for (const auto& [begin, end] : taken) {
    check(begin >= covered, "two tensors overlap at byte ", begin);
    check(begin == covered, "no tensor holds the bytes from ", covered, " to ", begin);
    covered = end;
  }
  check(covered == data.size(), "no tensor holds the bytes from ", covered, " to ", data.size());
  return tensors;
}

}  // namespace recllm
