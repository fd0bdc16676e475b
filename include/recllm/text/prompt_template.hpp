// Prompt text with named placeholders, checked by the compiler; text/runtime_template.hpp is its twin for
// text that is read at run time.
//
//   constexpr prompt_template<"Watched: {history:, }. Recommend {count}."> ask;
//   ask("history"_a = titles, "count"_a = 5)
//
//   constexpr prompt_template<
//       "{?age}The user is {age}. {/age}{^history}Nothing watched yet.{/history}"
//       "{#history:; }{@rank}. {.title} ({.year}){/history}"> tell;
//   tell("age"_a = std::optional<int>(), "history"_a = each(films, "title"_a = &film::title, "year"_a = ...))
//
// {name} is replaced by the argument of that name; {name:separator} joins a list's elements by the separator
// (", " without one), which holds no brace. {#list}...{/list} is repeated for each element, with an optional
// {#list:separator} in between; inside, {.} is the element, {.field} a field of it (each()), {@rank} its
// number from 1 and {@index} from 0. {?name}...{/name} is there unless the argument is false, 0, empty or
// missing,
// {^name}...{/name} if it is. A section's tag that stands alone on its line takes the line with it. {{ and }}
// are braces; an argument's text is never read as a template. A name is of ASCII letters, digits and
// underscores and may occur often.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <recllm/text/fixed_text.hpp>
#include <recllm/text/named_argument.hpp>
#include <recllm/text/showable.hpp>
#include <recllm/text/template_faults.hpp>
#include <recllm/text/template_fill.hpp>
#include <recllm/text/template_pieces.hpp>
#include <recllm/text/template_shapes.hpp>

namespace recllm {

/// A prompt known when the program is compiled. A fault of the text (brace, name, section), a misspelt,
/// missing or repeated argument or field, and a value that is neither text nor number nor a list of these do
/// not compile.
template <fixed_text Text>
struct prompt_template {
  using checked = std::bool_constant<detail::well_written<Text>()>;  // a type: fails where it is declared

  /// The text with `arguments` (each `"name"_a = value`, in any order) in the places of the placeholders.
  template <class... Arguments>
  [[nodiscard]] std::string operator()(Arguments&&... arguments) const {
    std::string out;
    if constexpr (checked::value && detail::well_given<std::remove_cvref_t<Arguments>...>())
      if constexpr (detail::well_fitted<Text, std::remove_cvref_t<Arguments>...>()) {
        constexpr const auto& pieces = detail::pieces_of<Text>;
        constexpr bool loops = detail::has_loops(pieces);
        detail::fill<loops>(out, pieces, 0, pieces.size(), detail::outside_loops{}, arguments...);
      }
    return out;
  }
};

}  // namespace recllm
