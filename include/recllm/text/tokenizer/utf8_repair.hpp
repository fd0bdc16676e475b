// Bytes that are not UTF-8, made text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// The length of the part of `bytes` at `at` that one U+FFFD stands for: the longest that could begin a
/// character, at least a byte (The Unicode Standard, 3.9, "substitution of maximal subparts").
inline std::size_t ill_formed_length(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(at);
  if (first < 0xC2 || first > 0xF4 || at + 1 >= bytes.size()) return 1;
  const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(at + 1) < least || byte(at + 1) > most) return 1;
  const bool more = first >= 0xF0 && at + 2 < bytes.size() && (byte(at + 2) & 0xC0U) == 0x80U;
  return more ? 3 : 2;
}

/// Appends the bytes with U+FFFD for what is not well-formed UTF-8, as Python's errors="replace" and Rust's
/// from_utf8_lossy.
inline void append_repaired(std::string& out, std::string_view bytes) {
  std::size_t done = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = code_point_at(bytes, at).length;
    if (length > 1) {
      at += length;
      continue;
    }
    out += bytes.substr(done, at - done);
    out += "\uFFFD";
    done = at += ill_formed_length(bytes, at);
  }
  out += bytes.substr(done);
}

}  // namespace recllm::detail
