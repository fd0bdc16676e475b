// Titles as catalogues and people write them: "Usual Suspects, The (1995)" is "the usual suspects".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <recllm/text/utf8.hpp>

namespace recllm {

/// A title made even: white space and control characters become single spaces, and an article that a
/// catalogue put last comes first: "Usual Suspects, The" -> "The Usual Suspects". Articles: A, An, The and
/// common European ones.
[[nodiscard]] inline std::string tidy_title(std::string_view title) {
  std::string words;
  for (const char c : title) {
    const bool blank = static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    if (!blank) words += c;
    if (blank && !words.empty() && words.back() != ' ') words += ' ';
  }
  if (words.ends_with(' ')) words.pop_back();
  constexpr std::array<std::string_view, 14> articles{"The", "A",   "An",  "La",  "Le", "Les", "L'",
                                                      "Il",  "Der", "Die", "Das", "El", "Los", "Las"};
  const std::size_t comma = words.rfind(", ");
  if (comma == std::string::npos || comma == 0) return words;
  const std::string article = words.substr(comma + 2);
  if (std::find(articles.begin(), articles.end(), article) == articles.end()) return words;
  return article + (article == "L'" ? "" : " ") + words.substr(0, comma);
}

namespace detail {

/// What is left of a title when case (ASCII), punctuation, a leading article and the year are set aside.
struct title_key {
  std::string words;    // one space between them
  std::string numbers;  // those words that count: with a digit, or Roman numerals
  std::string year;     // of "(1995)" or "[1995]" at the end; empty if there is none
};

inline bool is_year(std::string_view text) {
  constexpr std::array<std::string_view, 3> centuries{"18", "19", "20"};
  return text.size() == 4 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::ranges::find(centuries, text.substr(0, 2)) != centuries.end();
}

constexpr bool is_apostrophe(char32_t c) {
  return c == '\'' || c == '`' || c == 0x2018 || c == 0x2019 || c == 0x02BC;
}

/// Not a letter, mark or digit: ASCII's punctuation, Latin-1's, Unicode's general and CJK punctuation, shapes
/// that serve as bullets, and what cannot be seen.
constexpr bool is_separator(char32_t c) {
  constexpr std::array<std::array<char32_t, 2>, 20> ranges{{
      {0x00, 0x2F},     {0x3A, 0x40},     {0x5B, 0x60},     {0x7B, 0xA9},     {0xAB, 0xB1},
      {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},     {0xBF, 0xBF},     {0x2000, 0x206F},
      {0x20E3, 0x20E3}, {0x2190, 0x2BFF}, {0x3000, 0x3003}, {0x3008, 0x3020}, {0xFE00, 0xFE0F},
      {0xFEFF, 0xFEFF}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65},
  }};
  return std::ranges::any_of(ranges, [c](const auto& r) { return c >= r[0] && c <= r[1]; });
}

/// The words of a text in lower case (ASCII) without punctuation; & is "and".
inline std::string plain_words(std::string_view text) {
  std::string words;
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    if (c.value == '&') {
      words += words.empty() || words.back() == ' ' ? "and " : " and ";
    } else if (!is_apostrophe(c.value)) {
      if (!is_separator(c.value)) {
        const bool upper = c.value >= 'A' && c.value <= 'Z';
        words += upper ? std::string(1, static_cast<char>(c.value - 'A' + 'a'))
                       : std::string(text.substr(at, c.length));
      } else if (!words.empty() && words.back() != ' ') {
        words += ' ';
      }
    }
    at += c.length;
  }
  if (words.ends_with(' ')) words.pop_back();
  return words;
}

inline title_key key_of_title(std::string_view title) {
  title_key key;
  std::size_t end = title.find_last_not_of(" \t\r\n*_\"'.,;:!");
  end = end == std::string_view::npos ? 0 : end + 1;
  if (end >= 6 && (title[end - 1] == ')' || title[end - 1] == ']') &&
      (title[end - 6] == '(' || title[end - 6] == '[') && is_year(title.substr(end - 5, 4))) {
    key.year = title.substr(end - 5, 4);
    end -= 6;
  }
  std::string name(title.substr(0, end));
  name.erase(name.find_last_not_of(" *_\"'") + 1);
  key.words = plain_words(tidy_title(name));
  for (const std::string_view article : {"the ", "a ", "an "})
    if (key.words.size() > article.size() && key.words.starts_with(article)) {
      key.words.erase(0, article.size());
      break;
    }
  for (std::size_t first = 0; first < key.words.size();) {
    const std::size_t last = std::min(key.words.find(' ', first), key.words.size());
    const std::string_view word = std::string_view(key.words).substr(first, last - first);
    const bool counts = word.find_first_of("0123456789") != std::string_view::npos ||
                        word.find_first_not_of("ivx") == std::string_view::npos;
    if (counts) key.numbers.append(word) += ' ';
    first = last + 1;
  }
  return key;
}

}  // namespace detail
}  // namespace recllm
