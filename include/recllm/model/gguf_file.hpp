// What a GGUF file holds: metadata and named tensors (format: ggml's docs/gguf.md, versions 2 and 3).
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

/// Metadata by key, and tensors that borrow the file, shapes outermost first.
struct gguf_contents {
  nlohmann::json metadata = nlohmann::json::object();
  std::vector<stored_tensor> tensors;
};

namespace detail {

/// Reads one value after another and never past the end.
class gguf_cursor {
 public:
  gguf_cursor(std::span<const std::byte> file, const std::string& where) : file_(file), where_(where) {}

  template <class... Parts>
  void check(bool good, const Parts&... parts) const {
    require(good, "recllm: gguf: ", where_, ": ", parts...);
  }

  template <class T>
  T number() {
    check(sizeof(T) <= left(), "the file ends within a value at byte ", at_);
    at_ += sizeof(T);
    return load<T>(file_.data() + at_ - sizeof(T));
  }

  std::string text() {
    const auto length = number<std::uint64_t>();
    check(length <= left(), "a text of ", length, " bytes at byte ", at_, " leaves the file");
    at_ += length;
    return {reinterpret_cast<const char*>(file_.data()) + at_ - length, length};
  }

  /// A value of the format's type number: 0 to 12.
  nlohmann::json value(std::uint32_t type, int depth = 0) {
    switch (type) {
      case 0:
        return number<std::uint8_t>();
      case 1:
        return number<std::int8_t>();
      case 2:
        return number<std::uint16_t>();
      case 3:
        return number<std::int16_t>();
      case 4:
        return number<std::uint32_t>();
      case 5:
        return number<std::int32_t>();
      case 6:
        return number<float>();
      case 7:
        return number<std::uint8_t>() != 0;
      case 8:
        return text();
      case 9:
        return list(depth);
      case 10:
        return number<std::uint64_t>();
      case 11:
        return number<std::int64_t>();
      case 12:
        return number<double>();
      default:
        check(false, "value type ", type, " at byte ", at_, ", expected 0 to 12");
        return {};
    }
  }

  [[nodiscard]] std::uint64_t left() const { return file_.size() - at_; }
  [[nodiscard]] std::uint64_t place() const { return at_; }

 private:
  nlohmann::json list(int depth) {
    const auto type = number<std::uint32_t>();
    const auto length = number<std::uint64_t>();
    check(depth < 4, "lists within lists at byte ", at_, ", deeper than any model has");
    check(length <= left(), "a list of ", length, " values at byte ", at_, " leaves the file");
    nlohmann::json all = nlohmann::json::array();
    for (std::uint64_t i = 0; i < length; ++i) all.push_back(value(type, depth + 1));
    return all;
  }

  std::span<const std::byte> file_;
  const std::string& where_;
  std::uint64_t at_ = 0;
};

/// The library's name of a ggml tensor type, "" for those it does not read.
inline std::string_view ggml_type_name(std::uint32_t type) {
  switch (type) {
    case 0:
      return "F32";
    case 1:
      return "F16";
    case 2:
      return "Q4_0";
    case 3:
      return "Q4_1";
    case 8:
      return "Q8_0";
    case 30:
      return "BF16";
    default:
      return "";
  }
}

}  // namespace detail

/// The contents of a GGUF file; `where` names it in messages. Throws std::invalid_argument that names file
/// and tensor or key where it is cut, a key or name is there twice, a type is unknown, or a tensor leaves the
/// file or overlaps another.
[[nodiscard]] inline gguf_contents parse_gguf(std::span<const std::byte> file, const std::string& where) {
  detail::gguf_cursor in(file, where);
  in.check(file.size() >= 4 &&
               std::equal(file.begin(), file.begin() + 4, reinterpret_cast<const std::byte*>("GGUF")),
           "the file does not begin with GGUF");
  in.number<std::uint32_t>();
  const auto version = in.number<std::uint32_t>();
  in.check(version == 2 || version == 3, "version ", version, ", expected 2 or 3");
  const auto tensor_count = in.number<std::uint64_t>(), key_count = in.number<std::uint64_t>();
  in.check(tensor_count <= in.left() / 24 && key_count <= in.left() / 13, "the header claims ", tensor_count,
           " tensors and ", key_count, " keys, more than the file can hold");

  gguf_contents contents;
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::string key = in.text();
    in.check(!contents.metadata.contains(key), "key '", key, "' is there twice");
    const auto type = in.number<std::uint32_t>();
    contents.metadata[key] = in.value(type);
  }
  std::vector<std::uint64_t> begins;
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    stored_tensor tensor{in.text(), "", {}, {}};
    in.check(names.insert(tensor.name).second, "tensor '", tensor.name, "' is there twice");
    const auto dimensions = in.number<std::uint32_t>();
    in.check(dimensions <= 4, "tensor '", tensor.name, "' has ", dimensions,
             " dimensions, expected 4 at most");
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      const auto extent = in.number<std::uint64_t>();
      in.check(extent <= file.size() * 2, "tensor '", tensor.name, "': shape does not fit the file");
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
    }
    const auto type = in.number<std::uint32_t>();
    tensor.type = detail::ggml_type_name(type);
    in.check(!tensor.type.empty(), "tensor '", tensor.name, "' has ggml's type ", type,
             ", expected F32, F16, BF16, Q8_0, Q4_0 or Q4_1");
    begins.push_back(in.number<std::uint64_t>());
    contents.tensors.push_back(std::move(tensor));
  }

  std::uint64_t alignment = 32;
  if (const auto given = contents.metadata.find("general.alignment"); given != contents.metadata.end()) {
    in.check(given->is_number_unsigned() && *given > 0 && *given <= 1 << 20, "general.alignment is ",
             detail::shown_json{*given}, ", expected a number from 1 to 2^20");
    alignment = given->get<std::uint64_t>();
  }
  const std::uint64_t start = (in.place() + alignment - 1) / alignment * alignment;
  in.check(contents.tensors.empty() || start <= file.size(), "the file ends before its tensors");
  const std::span<const std::byte> data = file.subspan(std::min<std::uint64_t>(start, file.size()));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
  for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
    stored_tensor& tensor = contents.tensors[i];
    const detail::tensor_type& type = *detail::find_tensor_type(tensor.type);
    std::uint64_t count = 0;
    in.check(
        detail::count_values(tensor.shape, data.size() / type.block_bytes * type.block_values, count) &&
            (tensor.shape.empty() ? type.block_values == 1
                                  : static_cast<std::uint64_t>(tensor.shape.back()) % type.block_values == 0),
        "tensor '", tensor.name, "': shape does not fit the file or its type ", tensor.type);
    const std::uint64_t bytes = count / type.block_values * type.block_bytes;
    in.check(begins[i] <= data.size() && bytes <= data.size() - begins[i], "tensor '", tensor.name,
             "': bytes ", begins[i], " and ", bytes, " more leave the file's ", data.size());
    tensor.bytes = data.subspan(begins[i], bytes);
    if (bytes > 0) taken.emplace_back(begins[i], begins[i] + bytes);
  }
  std::ranges::sort(taken);
  for (std::size_t i = 1; i < taken.size(); ++i)
    in.check(taken[i - 1].second <= taken[i].first, "two tensors overlap at byte ", taken[i].first);
  return contents;
}

}  // namespace recllm
