// One sentence from the compiler for each thing that can be wrong with a prompt_template or its arguments.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include <recllm/text/fixed_text.hpp>
#include <recllm/text/named_argument.hpp>
#include <recllm/text/template_pieces.hpp>
#include <recllm/text/template_shapes.hpp>

namespace recllm {

// The compiler's notes show these with the text they are about.
template <fixed_text Excerpt>
inline constexpr bool opening_brace_is_closed = false;
template <fixed_text Excerpt>
inline constexpr bool closing_brace_is_opened = false;
template <fixed_text Excerpt>
inline constexpr bool placeholder_has_a_name = false;
template <fixed_text Excerpt>
inline constexpr bool placeholder_name_is_valid = false;
template <fixed_text Excerpt>
inline constexpr bool loop_counter_is_known = false;
template <fixed_text Excerpt>
inline constexpr bool element_stands_in_a_loop = false;
template <fixed_text Excerpt>
inline constexpr bool section_is_closed = false;
template <fixed_text Excerpt>
inline constexpr bool section_is_open = false;
template <fixed_text Name>
inline constexpr bool placeholder_has_an_argument = false;
template <fixed_text Name>
inline constexpr bool argument_has_a_placeholder = false;
template <fixed_text Name>
inline constexpr bool placeholder_has_a_field = false;
template <fixed_text Name>
inline constexpr bool field_has_a_placeholder = false;
template <fixed_text Name>
inline constexpr bool argument_is_given_once = false;
template <fixed_text Name>
inline constexpr bool argument_can_be_shown = false;
template <fixed_text Excerpt>
inline constexpr bool loop_has_a_list = false;
template <fixed_text Excerpt>
inline constexpr bool list_is_shown_by_its_fields = false;

namespace detail {

template <fixed_text Text>
struct parsed_text {
  static constexpr std::size_t count = count_pieces(Text.view());
  struct result {
    std::array<template_piece, count> pieces{};
    std::size_t fault = no_piece;
  };
  static constexpr result value = [] {
    result parsed;
    parsed.fault = take_apart(Text.view(), parsed.pieces);
    return parsed;
  }();
};

template <fixed_text Text>
inline constexpr const auto& pieces_of = parsed_text<Text>::value.pieces;

template <fixed_text Text, std::size_t First, std::size_t Last>
consteval auto excerpt() {
  constexpr std::size_t count = std::min<std::size_t>(Last - First, 40);
  fixed_text<count + 1> part;
  for (std::size_t i = 0; i < count; ++i) part.chars[i] = Text.chars[First + i];
  return part;
}

/// True, or one sentence from the compiler about the first fault of the text.
template <fixed_text Text>
consteval bool well_written() {
  constexpr std::size_t place = parsed_text<Text>::value.fault;
  if constexpr (place != no_piece) {
    constexpr const template_piece& piece = pieces_of<Text>[place];
    constexpr template_fault fault = piece.fault;
    constexpr auto at = excerpt<Text, piece.first, piece.last>();
    if constexpr (fault == template_fault::unclosed_brace)
      static_assert(
          opening_brace_is_closed<at>,
          "recllm: prompt_template: a { has no } before the next { or the end; write {{ for a brace itself");
    else if constexpr (fault == template_fault::stray_brace)
      static_assert(closing_brace_is_opened<at>,
                    "recllm: prompt_template: a } has no { before it; write }} for a brace itself");
    else if constexpr (fault == template_fault::nameless)
      static_assert(placeholder_has_a_name<at>,
                    "recllm: prompt_template: a placeholder has no name; write {name}, or {{}} for the "
                    "braces themselves");
    else if constexpr (fault == template_fault::misnamed)
      static_assert(
          placeholder_name_is_valid<at>,
          "recllm: prompt_template: a placeholder's name may hold only letters, digits and underscores");
    else if constexpr (fault == template_fault::unknown_counter)
      static_assert(loop_counter_is_known<at>,
                    "recllm: prompt_template: a loop counts by {@index}, from 0, and {@rank}, from 1, and by "
                    "nothing else");
    else if constexpr (fault == template_fault::outside_loop)
      static_assert(element_stands_in_a_loop<at>,
                    "recllm: prompt_template: an element of a list, its fields and its number stand only "
                    "between {#list} and {/list}");
    else if constexpr (fault == template_fault::unclosed_section)
      static_assert(section_is_closed<at>,
                    "recllm: prompt_template: a section has no end; write {/name} where it ends");
    else
      static_assert(section_is_open<at>,
                    "recllm: prompt_template: a section's end is not that of the section opened last; is it "
                    "misspelt or misplaced?");
  }
  return place == no_piece;
}

/// True, or one sentence from the compiler: what is wrong with the arguments whatever the text is.
template <class... Arguments>
consteval bool well_given() {
  constexpr bool named = (is_named_argument<Arguments> && ...);
  static_assert(named, "recllm: prompt_template: pass each argument by its name, as in \"count\"_a = 5");
  if constexpr (named) {
    constexpr std::size_t twice = first_repeated<Arguments...>();
    if constexpr (twice < sizeof...(Arguments)) {
      static_assert(argument_is_given_once<argument_at<twice, Arguments...>::name>,
                    "recllm: prompt_template: an argument is given twice; leave one out");
    } else {
      constexpr const auto& shapes = shapes_of<Arguments...>;
      constexpr std::size_t strange = first_strange(shapes);
      if constexpr (strange < shapes.size())
        static_assert(
            argument_can_be_shown<as_fixed_text<shapes[strange].name.size()>(shapes[strange].name)>,
            "recllm: prompt_template: an argument's value must be text, a number or a range of these");
      return strange == shapes.size();
    }
  }
  return false;
}

/// True, or one sentence from the compiler: the text and the arguments do not ask for and have the same.
template <fixed_text Text, class... Arguments>
consteval bool well_fitted() {
  constexpr misfit found = fit(pieces_of<Text>, shapes_of<Arguments...>);
  constexpr auto name = as_fixed_text<found.name.size()>(found.name);
  if constexpr (found.fault == argument_fault::unknown)
    static_assert(
        argument_has_a_placeholder<name>,
        "recllm: prompt_template: no placeholder of the template has this argument's name; is it misspelt?");
  else if constexpr (found.fault == argument_fault::missing)
    static_assert(
        placeholder_has_an_argument<name>,
        "recllm: prompt_template: a placeholder of the template has no argument; add \"name\"_a = value");
  else if constexpr (found.fault == argument_fault::unknown_field)
    static_assert(field_has_a_placeholder<name>,
                  "recllm: prompt_template: no loop over the list shows this field; is it misspelt?");
  else if constexpr (found.fault == argument_fault::missing_field)
    static_assert(placeholder_has_a_field<name>,
                  "recllm: prompt_template: the elements of the loop have no such field; give the list as "
                  "each(list, \"field\"_a = &type::member)");
  else if constexpr (found.fault == argument_fault::not_a_list)
    static_assert(loop_has_a_list<name>,
                  "recllm: prompt_template: a loop {#name} needs a list; write {?name} for a section that is "
                  "shown if the argument is there");
  else if constexpr (found.fault == argument_fault::not_shown)
    static_assert(list_is_shown_by_its_fields<name>,
                  "recllm: prompt_template: what each() gives is shown by its fields: "
                  "{#list}{.field}{/list}");
  return found.fault == argument_fault::none;
}

}  // namespace detail
}  // namespace recllm
