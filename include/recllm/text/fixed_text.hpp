// Text as a template argument: `"name"_a`, `prompt_template<"Watched: {history}">`.
#pragma once

#include <cstddef>
#include <string_view>

namespace recllm {

/// Text as a template argument.
template <std::size_t N>
struct fixed_text {
  char chars[N]{};  ///< ends with 0

  consteval fixed_text() = default;
  consteval fixed_text(const char (&text)[N]) {
    for (std::size_t i = 0; i < N; ++i) chars[i] = text[i];
  }

  [[nodiscard]] constexpr std::string_view view() const { return {chars, N - 1}; }
};

namespace detail {

/// By index: g++ 12 under UBSan rejects string_view's own comparison in constants.
constexpr bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

template <std::size_t Size>
consteval fixed_text<Size + 1> as_fixed_text(std::string_view text) {
  fixed_text<Size + 1> copy;
  for (std::size_t i = 0; i < Size; ++i) copy.chars[i] = text[i];
  return copy;
}

}  // namespace detail
}  // namespace recllm
