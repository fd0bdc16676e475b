// Bytes as printable characters, the alphabet of byte-level tokens.
//
// Source: Radford et al., Language Models are Unsupervised Multitask Learners, 2019, and its encoder.py,
// bytes_to_unicode: the printable characters of Latin-1 stand for themselves, the other bytes in their order
// for U+0100 and on.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// The character of a byte.
inline constexpr std::array<char32_t, 256> byte_characters = [] {
  std::array<char32_t, 256> all{};
  char32_t next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    all[b] = printable ? b : next++;
  }
  return all;
}();

/// The byte of a character, -1 if it is of none.
inline int byte_of_character(char32_t c) {
  static constexpr std::array<short, 0x144> bytes = [] {
    std::array<short, 0x144> all{};
    all.fill(-1);
    for (short b = 0; b < 256; ++b) all[byte_characters[static_cast<unsigned char>(b)]] = b;
    return all;
  }();
  return c < bytes.size() ? bytes[c] : -1;
}

/// Appends the characters of the bytes.
inline void append_byte_characters(std::string& out, std::string_view bytes) {
  for (const char b : bytes) append_utf8(out, byte_characters[static_cast<unsigned char>(b)]);
}

/// Appends the bytes of a token's characters; false, and nothing appended, if one is of no byte.
inline bool append_bytes(std::string& out, std::string_view token) {
  const std::size_t before = out.size();
  for (std::size_t at = 0; at < token.size();) {
    const code_point c = code_point_at(token, at);
    const int byte = byte_of_character(c.value);
    if (byte < 0) {
      out.resize(before);
      return false;
    }
    out += static_cast<char>(byte);
    at += c.length;
  }
  return true;
}

}  // namespace recllm::detail
