// Prompt text with named placeholders, checked by the compiler; a twin for text that is read at run time.
//
//   constexpr prompt_template<"Watched: {history:, }. Recommend {count}."> ask;
//   ask("history"_a = titles, "count"_a = 5)
//
// {name} is replaced by the argument of that name; {name:separator} joins the elements of a list by the
// separator
// (", " without one). {{ and }} are braces. A name is of ASCII letters, digits and underscores and may occur
// often.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <fstream>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

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

/// `"name"_a = value`. An lvalue is borrowed, a temporary is kept.
template <fixed_text Name, class Value>
struct named_argument {
  static constexpr auto name = Name;
  Value value;
};

/// Satisfied by text and by numbers: what a prompt can show. A bool shows as true or false, a char as itself,
/// a floating-point number by the fewest digits that read back as the same number.
template <class T>
concept Showable = std::convertible_to < const std::remove_cvref_t<T>
&, std::string_view > ||
       (std::is_arithmetic_v<std::remove_cvref_t<T>> && !std::same_as<std::remove_cvref_t<T>, wchar_t> &&
        !std::same_as<std::remove_cvref_t<T>, char8_t> && !std::same_as<std::remove_cvref_t<T>, char16_t> &&
        !std::same_as<std::remove_cvref_t<T>, char32_t>);

/// Satisfied by a range of what is Showable that can be passed through again.
template <class T>
concept ShowableList =
    !Showable<T> && std::ranges::forward_range<T> && Showable<std::ranges::range_value_t<T>>;

namespace detail {

template <fixed_text Name>
struct argument_name {
  template <class Value>
  constexpr named_argument<Name, Value> operator=(Value&& value) const {
    return {std::forward<Value>(value)};
  }
};

}  // namespace detail

/// Names an argument: `"count"_a = 5`.
template <fixed_text Name>
consteval detail::argument_name<Name> operator""_a() {
  return {};
}

// The compiler's notes show these with the text they are about.
template <fixed_text Excerpt>
inline constexpr bool opening_brace_is_closed = false;
template <fixed_text Excerpt>
inline constexpr bool closing_brace_is_opened = false;
template <fixed_text Excerpt>
inline constexpr bool placeholder_has_a_name = false;
template <fixed_text Excerpt>
inline constexpr bool placeholder_name_is_valid = false;
template <fixed_text Name>
inline constexpr bool placeholder_has_an_argument = false;
template <fixed_text Name>
inline constexpr bool argument_has_a_placeholder = false;
template <fixed_text Name>
inline constexpr bool argument_is_given_once = false;
template <fixed_text Name>
inline constexpr bool argument_can_be_shown = false;

namespace detail {

constexpr bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

enum class template_part { text, placeholder, unclosed, stray, nameless, misnamed };

/// What stands at [first, last) of a template's text.
struct template_piece {
  template_part what = template_part::text;
  std::size_t first = 0;
  std::size_t last = 0;
  std::string_view text{};  ///< verbatim, or the placeholder's name
  std::string_view separator = ", ";

  [[nodiscard]] constexpr bool faulty() const {
    return what != template_part::text && what != template_part::placeholder;
  }
  [[nodiscard]] constexpr bool is_placeholder(std::string_view name) const {
    return what == template_part::placeholder && same_text(text, name);
  }
};

/// The piece that begins at `at` < text.size(). By index: g++ 12 under UBSan rejects string_view::find in
/// constants.
constexpr template_piece piece_at(std::string_view text, std::size_t at) {
  const char brace = text[at];
  std::size_t end = at + 1;
  if (brace != '{' && brace != '}') {
    while (end < text.size() && text[end] != '{' && text[end] != '}') ++end;
    return {template_part::text, at, end, text.substr(at, end - at)};
  }
  if (end < text.size() && text[end] == brace) return {template_part::text, at, end + 1, text.substr(at, 1)};
  if (brace == '}') return {template_part::stray, at, end};
  while (end < text.size() && text[end] != '{' && text[end] != '}') ++end;
  if (end == text.size() || text[end] == '{') return {template_part::unclosed, at, end};
  std::size_t colon = at + 1;
  bool valid = true;
  for (; colon < end && text[colon] != ':'; ++colon) {
    const char c = text[colon];
    valid = valid && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
  }
  template_piece piece{template_part::placeholder, at, end + 1, text.substr(at + 1, colon - at - 1)};
  if (colon < end) piece.separator = text.substr(colon + 1, end - colon - 1);
  if (piece.text.empty()) piece.what = template_part::nameless;
  if (!valid) piece.what = template_part::misnamed;
  return piece;
}

/// The first piece at or after `at` for which `wanted(piece)`; one that begins at the end of the text if
/// there is none.
template <class Wanted>
constexpr template_piece find_piece(std::string_view text, std::size_t at, Wanted wanted) {
  while (at < text.size()) {
    const template_piece piece = piece_at(text, at);
    if (wanted(piece)) return piece;
    at = piece.last;
  }
  return {template_part::text, text.size(), text.size()};
}

template <fixed_text Text, std::size_t First, std::size_t Count>
consteval fixed_text<Count + 1> excerpt() {
  fixed_text<Count + 1> part;
  for (std::size_t i = 0; i < Count; ++i) part.chars[i] = Text.chars[First + i];
  return part;
}

/// True, or one sentence from the compiler about the first fault of the text.
template <fixed_text Text>
consteval bool well_braced() {
  constexpr template_piece fault =
      find_piece(Text.view(), 0, [](const template_piece& p) { return p.faulty(); });
  constexpr bool good = fault.first == Text.view().size();
  if constexpr (!good) {
    constexpr auto at = excerpt<Text, fault.first, std::min<std::size_t>(fault.last - fault.first, 40)>();
    if constexpr (fault.what == template_part::unclosed)
      static_assert(
          opening_brace_is_closed<at>,
          "recllm: prompt_template: a { has no } before the next { or the end; write {{ for a brace itself");
    else if constexpr (fault.what == template_part::stray)
      static_assert(closing_brace_is_opened<at>,
                    "recllm: prompt_template: a } has no { before it; write }} for a brace itself");
    else if constexpr (fault.what == template_part::nameless)
      static_assert(placeholder_has_a_name<at>,
                    "recllm: prompt_template: a placeholder has no name; write {name}, or {{}} for the "
                    "braces themselves");
    else
      static_assert(
          placeholder_name_is_valid<at>,
          "recllm: prompt_template: a placeholder's name may hold only letters, digits and underscores");
  }
  return good;
}

template <class T>
inline constexpr bool is_named_argument = requires {
  T::name.view();
};

/// The first i < count for which `wrong(i)`; count if there is none.
template <class Wrong>
constexpr std::size_t first_place(std::size_t count, Wrong wrong) {
  std::size_t i = 0;
  while (i < count && !wrong(i)) ++i;
  return i;
}

template <std::size_t N>
constexpr bool among(const std::array<std::string_view, N>& names, std::string_view name,
                     std::size_t from = 0) {
  for (std::size_t i = from; i < N; ++i)
    if (same_text(names[i], name)) return true;
  return false;
}

template <class... Arguments>
inline constexpr std::array<std::string_view, sizeof...(Arguments)> names_of{Arguments::name.view()...};

template <std::size_t Place, class... Arguments>
using argument_at = std::tuple_element_t<Place, std::tuple<Arguments...>>;

/// True, or one sentence from the compiler: what is wrong with the arguments whatever the text is.
template <class... Arguments>
consteval bool well_given() {
  constexpr std::size_t count = sizeof...(Arguments);
  constexpr bool named = (is_named_argument<Arguments> && ...);
  static_assert(named, "recllm: prompt_template: pass each argument by its name, as in \"count\"_a = 5");
  if constexpr (named) {
    constexpr const auto& names = names_of<Arguments...>;
    constexpr std::size_t twice =
        first_place(names.size(), [&](std::size_t i) { return among(names, names[i], i + 1); });
    if constexpr (twice < count) {
      static_assert(argument_is_given_once<argument_at<twice, Arguments...>::name>,
                    "recllm: prompt_template: an argument is given twice; leave one out");
    } else {
      constexpr std::array<bool, count> shown{
          (Showable<decltype(Arguments::value)> || ShowableList<decltype(Arguments::value)>)...};
      constexpr std::size_t strange = first_place(names.size(), [&](std::size_t i) { return !shown[i]; });
      if constexpr (strange < count)
        static_assert(
            argument_can_be_shown<argument_at<strange, Arguments...>::name>,
            "recllm: prompt_template: an argument's value must be text, a number or a range of these");
      return strange == count;
    }
  }
  return false;
}

/// True, or one sentence from the compiler: an argument without placeholder (misspelt) or a placeholder
/// without argument.
template <fixed_text Text, class... Arguments>
consteval bool fits() {
  constexpr std::string_view text = Text.view();
  constexpr const auto& names = names_of<Arguments...>;
  constexpr std::size_t unknown = first_place(names.size(), [&](std::size_t i) {
    return find_piece(text, 0, [&](const template_piece& p) { return p.is_placeholder(names[i]); }).first ==
           text.size();
  });
  if constexpr (unknown < names.size()) {
    static_assert(
        argument_has_a_placeholder<argument_at<unknown, Arguments...>::name>,
        "recllm: prompt_template: no placeholder of the template has this argument's name; is it misspelt?");
    return false;
  } else {
    constexpr template_piece missing = find_piece(text, 0, [&](const template_piece& p) {
      return p.what == template_part::placeholder && !among(names, p.text);
    });
    constexpr bool complete = missing.first == text.size();
    if constexpr (!complete)
      static_assert(
          placeholder_has_an_argument<excerpt<Text, missing.first + 1, missing.text.size()>()>,
          "recllm: prompt_template: a placeholder of the template has no argument; add \"name\"_a = value");
    return complete;
  }
}

template <Showable Value>
void show(std::string& out, const Value& value) {
  if constexpr (std::convertible_to<const Value&, std::string_view>) {
    out += static_cast<std::string_view>(value);
  } else if constexpr (std::same_as<Value, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::same_as<Value, char>) {
    out += value;
  } else {
    std::array<char, 64> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
}

template <class List>
void show_list(std::string& out, List& list, std::string_view separator) {
  bool first = true;
  for (auto&& element : list) {
    if (!std::exchange(first, false)) out += separator;
    if constexpr (std::is_arithmetic_v<std::ranges::range_value_t<List>>)
      show(out, static_cast<std::ranges::range_value_t<List>>(element));  // std::vector<bool> has proxies
    else
      show(out, element);
  }
}

/// The text with each placeholder replaced by the argument of its name; placeholders without one vanish.
template <class... Arguments>
std::string fill(std::string_view text, Arguments&... arguments) {
  std::string out;
  [[maybe_unused]] const auto put = [&out](const template_piece& piece, auto& argument) {
    if (!same_text(piece.text, argument.name.view())) return;
    if constexpr (Showable<decltype(argument.value)>)
      show(out, argument.value);
    else
      show_list(out, argument.value, piece.separator);
  };
  for (std::size_t at = 0; at < text.size();) {
    const template_piece piece = piece_at(text, at);
    if (piece.what == template_part::text) out += piece.text;
    if (piece.what == template_part::placeholder) (put(piece, arguments), ...);
    at = piece.last;
  }
  return out;
}

}  // namespace detail

/// The elements one after another with `separator` between them; empty for an empty list.
template <ShowableList List>
[[nodiscard]] std::string join(List&& list, std::string_view separator) {
  std::string out;
  detail::show_list(out, list, separator);
  return out;
}

/// A prompt known when the program is compiled. An unbalanced brace, a placeholder without (valid) name, a
/// misspelt, missing or repeated argument and a value that is neither text nor number nor a list of these do
/// not compile.
template <fixed_text Text>
struct prompt_template {
  using checked =
      std::bool_constant<detail::well_braced<Text>()>;  // a type: faulty text fails where it is declared

  /// The text with `arguments` (each `"name"_a = value`, in any order) in the places of the placeholders.
  template <class... Arguments>
  [[nodiscard]] std::string operator()(Arguments&&... arguments) const {
    if constexpr (checked::value && detail::well_given<std::remove_cvref_t<Arguments>...>())
      if constexpr (detail::fits<Text, std::remove_cvref_t<Arguments>...>())
        return detail::fill(Text.view(), arguments...);
    return {};
  }
};

/// The same for text known only at run time. What depends on the text throws std::invalid_argument with the
/// line and column (of characters, from 1); a repeated or unfit argument still does not compile.
class runtime_template {
 public:
  /// Throws for an unbalanced brace or a placeholder without (valid) name.
  explicit runtime_template(std::string text) : runtime_template(std::move(text), "text") {}

  /// The file's text, byte for byte, a line end at its end too. Throws if it cannot be read.
  [[nodiscard]] static runtime_template load(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text;
    std::array<char, 4096> block{};
    while (in.read(block.data(), block.size()) || in.gcount() > 0)
      text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    require(in.is_open() && !in.bad(), "recllm: runtime_template: cannot read '", path,
            "'; is it a file that is there and readable?");
    return {std::move(text), path};
  }

  /// The text filled in. Throws for a placeholder without argument and for an argument without placeholder.
  template <class... Arguments>
  [[nodiscard]] std::string operator()(Arguments&&... arguments) const {
    if constexpr (detail::well_given<std::remove_cvref_t<Arguments>...>()) {
      constexpr const auto& names = detail::names_of<std::remove_cvref_t<Arguments>...>;
      for (const std::string_view name : names)
        require(has(name), "recllm: runtime_template: ", source_, ": no placeholder is called '", name,
                "'; there are: ", join(placeholders(), ", "));
      const detail::template_piece missing =
          detail::find_piece(text_, 0, [&](const detail::template_piece& p) {
            return p.what == detail::template_part::placeholder && !detail::among(names, p.text);
          });
      require(missing.first == text_.size(), "recllm: runtime_template: ", place(missing.first),
              ": no argument for the placeholder '", missing.text, "'; given: ", join(names, ", "));
      return detail::fill(text_, arguments...);
    } else {
      return {};
    }
  }

  /// The names of the placeholders in order of first occurrence.
  [[nodiscard]] std::vector<std::string> placeholders() const {
    std::vector<std::string> names;
    for (std::size_t at = 0; at < text_.size();) {
      const detail::template_piece piece = detail::piece_at(text_, at);
      const bool fresh = std::find(names.begin(), names.end(), piece.text) == names.end();
      if (piece.what == detail::template_part::placeholder && fresh) names.emplace_back(piece.text);
      at = piece.last;
    }
    return names;
  }

 private:
  runtime_template(std::string text, std::string source)
      : text_(std::move(text)), source_(std::move(source)) {
    using enum detail::template_part;
    const detail::template_piece fault =
        detail::find_piece(text_, 0, [](const detail::template_piece& p) { return p.faulty(); });
    const std::string_view excerpt = std::string_view(text_).substr(fault.first, fault.last - fault.first);
    require(fault.what != unclosed, "recllm: runtime_template: ", place(fault.first), ": the { of '", excerpt,
            "' has no } before the next { or the end; write {{ for a brace itself");
    require(fault.what != stray, "recllm: runtime_template: ", place(fault.first),
            ": a } has no { before it; write }} for a brace itself");
    require(fault.what != nameless, "recllm: runtime_template: ", place(fault.first),
            ": a placeholder has no name; write {name}, or {{}} for the braces themselves");
    require(fault.what != misnamed, "recllm: runtime_template: ", place(fault.first), ": the name in '",
            excerpt, "' may hold only letters, digits and underscores");
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return detail::find_piece(text_, 0, [&](const auto& p) { return p.is_placeholder(name); }).first <
           text_.size();
  }

  /// source:line:column of a byte.
  [[nodiscard]] std::string place(std::size_t at) const {
    std::size_t line = 1, column = 1;
    for (const char c : std::string_view(text_).substr(0, at)) {
      const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;  // UTF-8: not the first byte
      column = c == '\n' ? 1 : column + (continues ? 0 : 1);
      line += c == '\n' ? 1 : 0;
    }
    return message(source_, ":", line, ":", column);
  }

  std::string text_, source_;
};

}  // namespace recllm
