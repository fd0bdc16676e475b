// What the arguments of a template are, and whether its text asks for what they have.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <ranges>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <recllm/text/named_argument.hpp>
#include <recllm/text/showable.hpp>
#include <recllm/text/template_pieces.hpp>

namespace recllm::detail {

inline constexpr std::size_t no_owner = static_cast<std::size_t>(-1);

/// What a name stands for: can be shown, gone through, and its elements be shown. By number, not by pointer:
/// g++ 12 under UBSan rejects the comparison of pointers in constants.
struct value_shape {
  std::string_view name{};
  std::size_t owner = no_owner;  // the list that has this field; no_owner for an argument
  bool shown = false;
  bool listed = false;
  bool element_shown = false;
};

template <class Value>
struct shape_of {
  static constexpr std::size_t count = 1;

  template <std::size_t N>
  static constexpr void put(std::array<value_shape, N>& all, std::size_t& place, std::size_t owner,
                            std::string_view name) {
    constexpr bool list = ShowableList<Value>;
    all[place++] = {name, owner, Showable<Value> || list, list, list};
  }
};

/// What a field of a list's elements gives.
template <class List, class Field>
using field_value =
    std::remove_reference_t<std::invoke_result_t<decltype((std::declval<const Field&>().value)),
                                                 std::ranges::range_reference_t<List>&>>;

template <class List, class... Fields>
struct shape_of<list_of_records<List, Fields...>> {
  static constexpr std::size_t count = (1 + ... + shape_of<field_value<List, Fields>>::count);

  template <std::size_t N>
  static constexpr void put(std::array<value_shape, N>& all, std::size_t& place, std::size_t owner,
                            std::string_view name) {
    [[maybe_unused]] const std::size_t mine = place;
    all[place++] = {name, owner, false, true, Showable<std::ranges::range_reference_t<List>>};
    (shape_of<field_value<List, Fields>>::put(all, place, mine, Fields::name.view()), ...);
  }
};

template <class List, class... Fields>
struct shape_of<const list_of_records<List, Fields...>> : shape_of<list_of_records<const List, Fields...>> {};

template <class Argument>
using argument_shape = shape_of<std::remove_reference_t<decltype(Argument::value)>>;

/// The arguments, each followed by its fields.
template <class... Arguments>
inline constexpr auto shapes_of = [] {
  std::array<value_shape, (0 + ... + argument_shape<Arguments>::count)> all{};
  [[maybe_unused]] std::size_t place = 0;
  (argument_shape<Arguments>::put(all, place, no_owner, Arguments::name.view()), ...);
  return all;
}();

/// The first argument or field that is neither text nor number nor a list; their number if there is none.
constexpr std::size_t first_strange(std::span<const value_shape> shapes) {
  return first_place(shapes.size(), [&](std::size_t i) { return !shapes[i].shown && !shapes[i].listed; });
}

enum class argument_fault { none, unknown, missing, unknown_field, missing_field, not_a_list, not_shown };

/// What is wrong with the arguments of a text: at `piece` of it (no_piece for what it does not ask for), and
/// the name.
struct misfit {
  argument_fault fault = argument_fault::none;
  std::size_t piece = no_piece;
  std::string_view name{};
};

/// The number of what a placeholder asks for; shapes.size() if it is not there. Not for counters nor for the
/// element itself.
constexpr std::size_t asked_shape(std::span<const template_piece> pieces, const template_piece& piece,
                                  std::span<const value_shape> shapes) {
  std::size_t owner = no_owner;
  if (piece.scope == template_scope::element)
    owner = asked_shape(pieces, pieces[loop_around(pieces, piece)], shapes);
  return first_place(shapes.size(), [&](std::size_t i) {
    return shapes[i].owner == owner && same_text(shapes[i].name, piece.text);
  });
}

/// The first misfit of a faultless text and its arguments.
constexpr misfit fit(std::span<const template_piece> pieces, std::span<const value_shape> shapes) {
  const auto unasked = [&](std::size_t shape) {
    const bool field = shapes[shape].owner != no_owner;
    const auto scope = field ? template_scope::element : template_scope::arguments;
    return first_place(pieces.size(), [&](std::size_t i) {
             return pieces[i].asks(scope, shapes[shape].name) &&
                    asked_shape(pieces, pieces[i], shapes) == shape;
           }) == pieces.size();
  };
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (shapes[i].owner == no_owner && unasked(i)) return {argument_fault::unknown, no_piece, shapes[i].name};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const template_piece& piece = pieces[i];
    const bool name = piece.what == template_part::value || piece.is_section();
    if (!name || piece.scope == template_scope::counter) {
      if (piece.what == template_part::loop) return {argument_fault::not_a_list, i, piece.text};
      continue;
    }
    if (piece.text.empty()) {
      const std::size_t list = asked_shape(pieces, pieces[loop_around(pieces, piece)], shapes);
      if (!shapes[list].element_shown) return {argument_fault::not_shown, i, "."};
      continue;
    }
    const std::size_t shape = asked_shape(pieces, piece, shapes);
    const bool field = piece.scope == template_scope::element;
    if (shape == shapes.size())
      return {field ? argument_fault::missing_field : argument_fault::missing, i, piece.text};
    if (piece.what == template_part::loop && !shapes[shape].listed)
      return {argument_fault::not_a_list, i, piece.text};
    if (piece.what == template_part::value && !shapes[shape].shown)
      return {argument_fault::not_shown, i, piece.text};
  }
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (unasked(i)) return {argument_fault::unknown_field, no_piece, shapes[i].name};
  return {};
}

}  // namespace recllm::detail
