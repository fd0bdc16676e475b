// The text of a template with its arguments filled in.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <recllm/text/named_argument.hpp>
#include <recllm/text/showable.hpp>
#include <recllm/text/template_pieces.hpp>

namespace recllm::detail {

template <class T>
inline constexpr bool is_list_of_records = false;
template <class List, class... Fields>
inline constexpr bool is_list_of_records<list_of_records<List, Fields...>> = true;

/// Not 0, not empty, not missing.
template <class Value>
bool is_there(Value& value) {
  using type = std::remove_cvref_t<Value>;
  if constexpr (is_list_of_records<type>)
    return std::ranges::begin(value.list) != std::ranges::end(value.list);
  else if constexpr (is_shown_optional<type>)
    return value.has_value();
  else if constexpr (is_text<type>)
    return !static_cast<std::string_view>(value).empty();
  else if constexpr (is_number<type>)
    return value != type{};
  else
    return std::ranges::begin(value) != std::ranges::end(value);
}

/// Where a piece stands: in the body of no loop ...
struct outside_loops {
  template <class Visit>
  void visit(const template_piece& /*piece*/, Visit /*visit*/) const {}
};

/// ... or in that of one, at an element of it.
template <class List, class Element, class... Fields>
struct loop_element {
  Element& element;
  std::size_t place;
  const std::tuple<Fields...>& fields;

  template <class Visit>
  void visit(const template_piece& piece, Visit visit) const {
    if (piece.scope == template_scope::counter) {
      const std::size_t number = same_text(piece.text, "rank") ? place + 1 : place;
      visit(number);
    } else if (piece.text.empty()) {
      if constexpr (is_number<std::ranges::range_value_t<List>>) {
        const auto number =
            static_cast<std::ranges::range_value_t<List>>(element);  // vector<bool> has proxies
        visit(number);
      } else if constexpr (Showable<Element>) {
        visit(element);
      }
    } else {
      std::apply(
          [&](const auto&... field) {
            [[maybe_unused]] const auto give = [&](const auto& one) {
              if (!same_text(piece.text, one.name.view())) return;
              auto&& value = std::invoke(one.value, element);
              visit(value);
            };
            (give(field), ...);
          },
          fields);
    }
  }
};

template <class List, class Element, class... Fields, class... Arguments>
void fill_at_element(std::string& out, std::span<const template_piece> pieces, std::size_t loop,
                     Element& element, std::size_t place, const std::tuple<Fields...>& fields,
                     Arguments&... arguments);

/// Appends the pieces [first, last), whose fit() is good. Without `Loops` there is none among them: their
/// code need not be compiled.
template <bool Loops, class Where, class... Arguments>
void fill(std::string& out, std::span<const template_piece> pieces, std::size_t first, std::size_t last,
          const Where& where, Arguments&... arguments) {
  /// What the piece's name stands for.
  const auto with = [&](const template_piece& piece, auto visit) {
    if (piece.scope != template_scope::arguments) return where.visit(piece, visit);
    [[maybe_unused]] const auto give = [&](auto& argument) {
      if (same_text(piece.text, argument.name.view())) visit(argument.value);
    };
    (give(arguments), ...);
  };
  for (std::size_t i = first; i < last; ++i) {
    const template_piece& piece = pieces[i];
    if (piece.what == template_part::text) {
      out += piece.text;
    } else if (piece.what == template_part::value) {
      with(piece, [&](auto& value) {
        using type = std::remove_cvref_t<decltype(value)>;
        if constexpr (Showable<type>)
          show(out, value);
        else if constexpr (!is_list_of_records<type>)
          show_list(out, value, piece.separator);
      });
    } else if (piece.what == template_part::loop) {
      [[maybe_unused]] const auto go_through = [&](auto& list, const auto& fields) {
        std::size_t place = 0;
        for (auto&& element : list) {
          if (place > 0) out += piece.separator;
          fill_at_element<decltype(list)>(out, pieces, i, element, place++, fields, arguments...);
        }
      };
      with(piece, [&](auto& value) {
        using type = std::remove_cvref_t<decltype(value)>;
        if constexpr (Loops && is_list_of_records<type>)
          go_through(value.list, value.fields);
        else if constexpr (Loops && !Showable<type>)
          go_through(value, std::tuple<>{});
      });
      i = piece.end;
    } else if (piece.what != template_part::close) {
      bool there = false;
      with(piece, [&](auto& value) { there = is_there(value); });
      if (there != (piece.what == template_part::present)) i = piece.end;
    }
  }
}

template <class List, class Element, class... Fields, class... Arguments>
void fill_at_element(std::string& out, std::span<const template_piece> pieces, std::size_t loop,
                     Element& element, std::size_t place, const std::tuple<Fields...>& fields,
                     Arguments&... arguments) {
  const loop_element<List, Element, Fields...> where{element, place, fields};
  fill<true>(out, pieces, loop + 1, pieces[loop].end, where, arguments...);
}

}  // namespace recllm::detail
