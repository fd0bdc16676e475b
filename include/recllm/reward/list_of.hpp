// How reward terms find their lists: the predicted one in the completion, the others by projecting the
// prompt.
#pragma once

#include <array>
#include <functional>
#include <type_traits>
#include <utility>

#include <recllm/measure/list.hpp>

namespace recllm::reward {

namespace detail {

template <class C>
concept HasItems = requires(const C& c) {
  { c.items } -> measure::List;
};

// Stands in for what is missing after its sentence was said, so that the compiler says no more.
struct nothing {
  template <class T>
  friend constexpr bool operator==(const nothing&, const T&) {
    return false;
  }
};

inline constexpr std::array<nothing, 0> no_list{};

// A single item is a list of one; a reference stays one.
template <class T>
constexpr auto as_items(T&& value)
    -> std::conditional_t<measure::Items<std::remove_cvref_t<T>>, T, std::array<std::remove_cvref_t<T>, 1>> {
  if constexpr (measure::Items<std::remove_cvref_t<T>>)
    return std::forward<T>(value);
  else
    return {std::forward<T>(value)};
}

template <class Projection, class From>
constexpr bool can_project() {
  constexpr bool projects = std::is_invocable_v<const Projection&, const From&>;
  static_assert(
      projects,
      "recllm: a reward's projection must be callable with the prompt (attributes and shares: with an item): "
      "pass a member pointer such as &sample::next_items or a function");
  return projects;
}

}  // namespace detail

/// The predicted list, best first: the completion where it is a list itself, else its member `items`.
template <class C>
[[nodiscard]] constexpr const auto& items_of(const C& completion) {
  if constexpr (measure::List<C>) {
    return completion;
  } else if constexpr (detail::HasItems<C>) {
    return completion.items;
  } else {
    static_assert(
        detail::HasItems<C>,
        "recllm: a reward on lists needs completions that are lists of items or have a list  items ; parse "
        "text first");
    return detail::no_list;
  }
}

/// What `projection`, a member pointer or a function as in std::ranges, finds in `from`; one item is a list
/// of one. Borrowed where the projection returns a reference.
template <class Projection, class From>
[[nodiscard]] constexpr decltype(auto) list_of(const Projection& projection, const From& from) {
  if constexpr (detail::can_project<Projection, From>()) {
    return detail::as_items(std::invoke(projection, from));
  } else {
    return detail::no_list;
  }
}

/// The number that `projection` finds in `from`.
template <class Projection, class From>
[[nodiscard]] constexpr double number_of(const Projection& projection, const From& from) {
  if constexpr (detail::can_project<Projection, From>()) {
    using found = std::remove_cvref_t<std::invoke_result_t<const Projection&, const From&>>;
    static_assert(std::is_arithmetic_v<found>,
                  "recllm: a reward's projection to a share or a count must return a number");
    if constexpr (std::is_arithmetic_v<found>) return static_cast<double>(std::invoke(projection, from));
  }
  return 0.0;
}

/// A number as it is; anything else is a projection of `from` to one.
template <class Number, class From>
[[nodiscard]] constexpr double number_or_projection(const Number& number, const From& from) {
  if constexpr (std::is_arithmetic_v<Number>)
    return static_cast<double>(number);
  else
    return number_of(number, from);
}

namespace detail {

/// min(1, |x - expected| / expected); where expected <= 0: 0 for x <= 0, else 1.
constexpr double relative_distance(double x, double expected) {
  if (expected <= 0.0) return x > 0.0 ? 1.0 : 0.0;
  const double distance = x > expected ? x - expected : expected - x;
  return distance < expected ? distance / expected : 1.0;
}

}  // namespace detail

}  // namespace recllm::reward
