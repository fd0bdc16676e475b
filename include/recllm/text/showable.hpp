// What a prompt can show: text, numbers, what may be missing, and lists of these.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace recllm {

namespace detail {

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T>;
template <>
inline constexpr bool is_number<wchar_t> = false;
template <>
inline constexpr bool is_number<char8_t> = false;
template <>
inline constexpr bool is_number<char16_t> = false;
template <>
inline constexpr bool is_number<char32_t> = false;

template <class T>
inline constexpr bool is_text = std::convertible_to<const T&, std::string_view>;

template <class T>
inline constexpr bool is_shown_optional = false;
template <class T>
inline constexpr bool is_shown_optional<std::optional<T>> = is_text<T> || is_number<T>;

}  // namespace detail

/// Satisfied by text, by numbers and by a std::optional of these. A bool shows as true or false, a char as
/// itself, a floating-point number by the fewest digits that read back as the same number, an empty optional
/// as nothing.
template <class T>
concept Showable = detail::is_text<std::remove_cvref_t<T>> || detail::is_number<std::remove_cvref_t<T>> ||
    detail::is_shown_optional<std::remove_cvref_t<T>>;

/// Satisfied by a range of what is Showable that can be passed through again.
template <class T>
concept ShowableList =
    !Showable<T> && std::ranges::forward_range<T> && Showable<std::ranges::range_value_t<T>>;

namespace detail {

template <Showable Value>
void show(std::string& out, const Value& value) {
  if constexpr (is_text<Value>) {
    out += static_cast<std::string_view>(value);
  } else if constexpr (is_shown_optional<Value>) {
    if (value) show(out, *value);
  } else if constexpr (std::same_as<Value, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::same_as<Value, char>) {
    out += value;
  } else {
    std::array<char, 64> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
}

/// As the element's own type: std::vector<bool> has proxies.
template <class List, class Element>
void show_element(std::string& out, const Element& element) {
  if constexpr (is_number<std::ranges::range_value_t<List>>)
    show(out, static_cast<std::ranges::range_value_t<List>>(element));
  else
    show(out, element);
}

template <class List>
void show_list(std::string& out, List& list, std::string_view separator) {
  bool first = true;
  for (auto&& element : list) {
    if (!std::exchange(first, false)) out += separator;
    show_element<List>(out, element);
  }
}

}  // namespace detail

/// The elements one after another with `separator` between them; empty for an empty list.
template <ShowableList List>
[[nodiscard]] std::string join(List&& list, std::string_view separator) {
  std::string out;
  detail::show_list(out, list, separator);
  return out;
}

}  // namespace recllm
