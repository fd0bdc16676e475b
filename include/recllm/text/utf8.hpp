// The code points of UTF-8 text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace recllm::detail {

/// A code point and its length in bytes.
struct code_point {
  char32_t value = 0;
  std::size_t length = 1;
};

/// The code point that begins at text[at]. A byte that is not of well-formed UTF-8 stands for itself, as
/// U+DC80 to U+DCFF (Python's surrogateescape).
inline code_point code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned first = byte(0);
  const code_point stray{char32_t{0xDC00} + first, 1};
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return stray;
  char32_t value = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return stray;
    value = value << 6U | (byte(i) & 0x3FU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < least[length] || value > 0x10FFFF || surrogate ? stray : code_point{value, length};
}

inline std::u32string code_points(std::string_view text) {
  std::u32string all;
  for (std::size_t at = 0; at < text.size();) {
    const code_point one = code_point_at(text, at);
    all += one.value;
    at += one.length;
  }
  return all;
}

/// `c` is a code point, no surrogate.
inline void append_utf8(std::string& out, char32_t c) {
  const auto more = [&](unsigned shift) { out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0U | (c >> 6U));
    more(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | (c >> 12U));
    more(6), more(0);
  } else {
    out += static_cast<char>(0xF0U | (c >> 18U));
    more(12), more(6), more(0);
  }
}

/// Whether all of the text is well-formed UTF-8.
inline bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const code_point one = code_point_at(text, at);
    if (one.length == 1) return false;
    at += one.length;
  }
  return true;
}

/// Text of ISO 8859-1, whose bytes are the code points U+0000 to U+00FF, as UTF-8.
inline std::string utf8_of_latin_1(std::string_view text) {
  std::string out;
  for (const char c : text) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

}  // namespace recllm::detail
