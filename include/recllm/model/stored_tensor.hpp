// A tensor as a model file holds it, and its values as floats.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/eigen.hpp>

namespace recllm {

/// One tensor of a file; borrows the file's bytes.
struct stored_tensor {
  std::string name;
  std::string type;                 ///< F32, F16, BF16, I64, Q8_0, Q4_0 or Q4_1
  std::vector<std::int64_t> shape;  ///< outermost first
  std::span<const std::byte> bytes;
};

namespace detail {

/// How many bytes hold how many values of a type.
struct tensor_type {
  std::string_view name;
  std::uint64_t block_values, block_bytes;
};

inline constexpr tensor_type tensor_types[] = {{"F32", 1, 4},   {"F16", 1, 2},    {"BF16", 1, 2},
                                               {"I64", 1, 8},   {"Q8_0", 32, 34}, {"Q4_0", 32, 18},
                                               {"Q4_1", 32, 20}};

/// Nothing where the library does not know the type.
inline const tensor_type* find_tensor_type(std::string_view name) {
  for (const tensor_type& type : tensor_types)
    if (type.name == name) return &type;
  return nullptr;
}

/// The product of the shape, or nothing where it is negative or passes `most`.
inline bool count_values(std::span<const std::int64_t> shape, std::uint64_t most, std::uint64_t& count) {
  count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return false;
    if (extent > 0 && count > most / static_cast<std::uint64_t>(extent)) return false;
    count *= static_cast<std::uint64_t>(extent);
  }
  return true;
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline float half_to_float(const std::byte* from) {
  return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(load<std::uint16_t>(from)));
}

}  // namespace detail

static_assert(std::endian::native == std::endian::little,
              "model files are little-endian, and read as they are");

/// The tensor's values in their order, as floats; `out` has as many. Q8_0, Q4_0 and Q4_1 (ggml's block
/// formats) hold 32 values behind a scale d, and Q4_1 a minimum m: d q, d (q - 8), d q + m. Throws
/// std::invalid_argument for I64.
inline void to_floats(const stored_tensor& tensor, std::span<float> out) {
  const std::byte* from = tensor.bytes.data();
  const auto each_block = [&](std::size_t bytes, auto&& unpack) {
    for (float* to = out.data(); to != out.data() + out.size(); to += 32, from += bytes) unpack(to, from);
  };
  const auto low = [](std::byte b) { return static_cast<float>(std::to_integer<int>(b) & 15); };
  const auto high = [](std::byte b) { return static_cast<float>(std::to_integer<int>(b) >> 4); };
  if (tensor.type == "F32") {
    if (!out.empty()) std::memcpy(out.data(), from, out.size_bytes());
  } else if (tensor.type == "BF16") {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] =
          std::bit_cast<float>(static_cast<std::uint32_t>(detail::load<std::uint16_t>(from + 2 * i)) << 16);
  } else if (tensor.type == "F16") {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = detail::half_to_float(from + 2 * i);
  } else if (tensor.type == "Q8_0") {
    each_block(34, [&](float* to, const std::byte* block) {
      const float scale = detail::half_to_float(block);
      for (std::size_t i = 0; i < 32; ++i)
        to[i] = scale * static_cast<float>(std::to_integer<std::int8_t>(block[2 + i]));
    });
  } else if (tensor.type == "Q4_0") {
    each_block(18, [&](float* to, const std::byte* block) {
      const float scale = detail::half_to_float(block);
      for (std::size_t i = 0; i < 16; ++i) {
        to[i] = scale * (low(block[2 + i]) - 8.0f);
        to[i + 16] = scale * (high(block[2 + i]) - 8.0f);
      }
    });
  } else if (tensor.type == "Q4_1") {
    each_block(20, [&](float* to, const std::byte* block) {
      const float scale = detail::half_to_float(block), minimum = detail::half_to_float(block + 2);
      for (std::size_t i = 0; i < 16; ++i) {
        to[i] = scale * low(block[4 + i]) + minimum;
        to[i + 16] = scale * high(block[4 + i]) + minimum;
      }
    });
  } else {
    require(false, "recllm: to_floats: tensor '", tensor.name, "' is ", tensor.type, ", not of floats");
  }
}

}  // namespace recllm
