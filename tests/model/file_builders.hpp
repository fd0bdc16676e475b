// Bytes of model files, put together by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace model_files_test {

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <class T>
std::string raw_list(const std::vector<T>& values) {
  std::string bytes;
  for (const T& value : values) bytes += raw(value);
  return bytes;
}

inline std::string safetensors(const std::string& header, const std::string& data) {
  return raw<std::uint64_t>(header.size()) + header + data;
}

/// A GGUF file, key by key and tensor by tensor.
class gguf_builder {
 public:
  gguf_builder& text(const std::string& key, const std::string& value) { return add(key, 8, string(value)); }
  gguf_builder& number(const std::string& key, std::uint32_t value) { return add(key, 4, raw(value)); }
  gguf_builder& real(const std::string& key, float value) { return add(key, 6, raw(value)); }
  gguf_builder& texts(const std::string& key, const std::vector<std::string>& values) {
    std::string all = raw<std::uint32_t>(8) + raw<std::uint64_t>(values.size());
    for (const std::string& value : values) all += string(value);
    return add(key, 9, all);
  }
  gguf_builder& add(const std::string& key, std::uint32_t type, const std::string& value) {
    keys_ += string(key) + raw(type) + value;
    ++key_count_;
    return *this;
  }

  /// `shape` outermost first; `type` is ggml's number.
  gguf_builder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                       const std::string& data) {
    tensors_ += string(name) + raw(static_cast<std::uint32_t>(shape.size()));
    for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent) tensors_ += raw(*extent);
    tensors_ += raw(type) + raw<std::uint64_t>(data_.size());
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32, '\0');
    ++tensor_count_;
    return *this;
  }
  gguf_builder& floats(const std::string& name, const std::vector<std::uint64_t>& shape,
                       const std::vector<float>& values) {
    return tensor(name, shape, 0, raw_list(values));
  }

  [[nodiscard]] std::string file(std::uint32_t version = 3) const {
    std::string all = "GGUF" + raw(version) + raw(tensor_count_) + raw(key_count_) + keys_ + tensors_;
    all.resize((all.size() + 31) / 32 * 32, '\0');
    return all + data_;
  }

  static std::string string(const std::string& text) { return raw<std::uint64_t>(text.size()) + text; }

 private:
  std::string keys_, tensors_, data_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0;
};

}  // namespace model_files_test
