// Arguments of templates by name: "count"_a = 5, and lists whose elements have fields:
//   "films"_a = each(films, "title"_a = &film::title, "year"_a = [](const film& f) { return f.year; })
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <ranges>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <recllm/text/fixed_text.hpp>

namespace recllm {

/// `"name"_a = value`. An lvalue is borrowed, a temporary is kept.
template <fixed_text Name, class Value>
struct named_argument {
  static constexpr auto name = Name;
  Value value;
};

namespace detail {

template <fixed_text Name>
struct argument_name {
  template <class Value>
  constexpr named_argument<Name, Value> operator=(Value&& value) const {
    return {std::forward<Value>(value)};
  }
};

template <class T>
inline constexpr bool is_named_argument = false;
template <fixed_text Name, class Value>
inline constexpr bool is_named_argument<named_argument<Name, Value>> = true;

/// The first i < count for which `wrong(i)`; count if there is none.
template <class Wrong>
constexpr std::size_t first_place(std::size_t count, Wrong wrong) {
  std::size_t i = 0;
  while (i < count && !wrong(i)) ++i;
  return i;
}

template <class... Arguments>
inline constexpr std::array<std::string_view, sizeof...(Arguments)> names_of{Arguments::name.view()...};

/// The first argument whose name another one after it has too; their number if there is none.
template <class... Arguments>
constexpr std::size_t first_repeated() {
  constexpr const auto& names = names_of<Arguments...>;
  return first_place(names.size(), [&](std::size_t i) {
    return i + 1 +
               first_place(names.size() - i - 1,
                           [&](std::size_t j) { return same_text(names[i], names[i + 1 + j]); }) <
           names.size();
  });
}

template <std::size_t Place, class... Arguments>
using argument_at = std::tuple_element_t<Place, std::tuple<Arguments...>>;

}  // namespace detail

/// Names an argument or a field: `"count"_a = 5`.
template <fixed_text Name>
consteval detail::argument_name<Name> operator""_a() {
  return {};
}

/// A list and what its elements are asked for; made by each().
template <class List, class... Fields>
struct list_of_records {
  List list;
  std::tuple<Fields...> fields;
};

// The compiler's notes show these with the name they are about.
template <fixed_text Name>
inline constexpr bool field_is_given_once = false;
template <fixed_text Name>
inline constexpr bool field_can_be_read = false;

/// The list with its elements' fields by name, for a loop of a template: `{#films}{.title}
/// ({.year}){/films}`. A field is a member or a callable of the element; what it gives is text, a number, a
/// list of these or another each(). An lvalue list is borrowed, a temporary is kept. Fields without name,
/// given twice or that the elements do not have do not compile.
template <class List, class... Fields>
[[nodiscard]] constexpr auto each(List&& list, Fields&&... fields) {
  constexpr bool goes = std::ranges::forward_range<List>;
  constexpr bool named = (detail::is_named_argument<std::remove_cvref_t<Fields>> && ...);
  static_assert(goes, "recllm: each: the first argument must be a list that can be passed through again");
  static_assert(named, "recllm: each: pass each field by its name, as in \"title\"_a = &film::title");
  if constexpr (goes && named) {
    constexpr std::size_t count = sizeof...(Fields);
    constexpr std::size_t twice = detail::first_repeated<std::remove_cvref_t<Fields>...>();
    if constexpr (twice < count)
      static_assert(field_is_given_once<detail::argument_at<twice, std::remove_cvref_t<Fields>...>::name>,
                    "recllm: each: a field is given twice; leave one out");
    constexpr std::array<bool, count> read{
        std::invocable<decltype((std::as_const(fields).value)), std::ranges::range_reference_t<List>&>...};
    constexpr std::size_t strange = detail::first_place(count, [&](std::size_t i) { return !read[i]; });
    if constexpr (strange < count)
      static_assert(field_can_be_read<detail::argument_at<strange, std::remove_cvref_t<Fields>...>::name>,
                    "recllm: each: a field must be a member or a callable of the list's elements");
  }
  return list_of_records<List, std::remove_cvref_t<Fields>...>{std::forward<List>(list),
                                                               {std::forward<Fields>(fields)...}};
}

}  // namespace recllm
