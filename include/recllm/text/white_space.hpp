// White space of Unicode in UTF-8 text.
#pragma once

#include <cstddef>
#include <string_view>

namespace recllm::detail {

/// The length in bytes of the white space (Unicode's White_Space) that begins at text[at]; 0 for anything
/// else.
inline std::size_t white_space_at(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
  if (c < 0xC2 || c > 0xE3) return 0;
  const std::string_view rest = text.substr(at, 3);
  if (rest.starts_with("\u0085") || rest.starts_with("\u00A0")) return 2;
  if (rest.size() < 3) return 0;
  const auto last = static_cast<unsigned char>(rest[2]);
  if (rest.starts_with("\xE2\x80"))
    return (last >= 0x80 && last <= 0x8A) || last == 0xA8 || last == 0xA9 || last == 0xAF ? 3 : 0;
  return rest == "\u1680" || rest == "\u205F" || rest == "\u3000" ? 3 : 0;
}

/// The text without the white space around it, as Python's str.strip(): Unicode's White_Space and the
/// separators U+001C to U+001F.
inline std::string_view stripped(std::string_view text) {
  const auto blank_at = [](std::string_view all, std::size_t at) {
    return all[at] >= '\x1c' && all[at] <= '\x1f' ? 1 : white_space_at(all, at);
  };
  while (!text.empty()) {
    const std::size_t length = blank_at(text, 0);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  while (!text.empty()) {
    std::size_t first = text.size() - 1;
    while (first > 0 && (static_cast<unsigned char>(text[first]) & 0xC0U) == 0x80U) --first;
    if (blank_at(text, first) != text.size() - first) break;
    text.remove_suffix(text.size() - first);
  }
  return text;
}

}  // namespace recllm::detail
