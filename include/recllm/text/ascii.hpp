// Characters and words of ASCII text; bytes of other text are none of these.
#pragma once

#include <string>
#include <string_view>

namespace recllm::detail {

constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_punctuation(char c) {
  return c > ' ' && c < '\x7f' && !is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
}

constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Lower case (ASCII) and single spaces.
inline std::string folded(std::string_view text) {
  std::string out;
  for (const char c : trimmed(text)) {
    if (!is_blank(c))
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if (out.back() != ' ')
      out += ' ';
  }
  return out;
}

}  // namespace recllm::detail
