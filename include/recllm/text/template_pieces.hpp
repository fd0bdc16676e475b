// A template's text taken apart, by the compiler or at run time: the pieces and the first fault.
//
//   {name} {name:separator}               {{ and }} are braces
//   {#list}body{/list} {#list:separator}  the body once for each element; in it {.field}, {.} (the element),
//                                         {@index} (from 0), {@rank} (from 1), loops and sections of fields
//   {?name}body{/name}  {^name}body{/name}  the body if it is there / if it is not
//
// Sections are mustache's (mustache(5)), with {?} for its non-list {{#}}. As there, a section's tag that
// stands alone on its line takes the line with it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <recllm/text/fixed_text.hpp>

namespace recllm::detail {

enum class template_part {
  text,
  value,    // {name}
  loop,     // {#name}
  present,  // {?name}
  absent,   // {^name}
  close,    // {/name}
};

/// What a placeholder's name is looked up in.
enum class template_scope { arguments, element, counter };

enum class template_fault {
  none,
  unclosed_brace,
  stray_brace,
  nameless,
  misnamed,
  unknown_counter,
  outside_loop,
  unclosed_section,
  unopened_section,
};

inline constexpr std::size_t no_piece = static_cast<std::size_t>(-1);

/// What stands at [first, last) of a template's text.
struct template_piece {
  template_part what = template_part::text;
  template_fault fault = template_fault::none;
  template_scope scope = template_scope::arguments;
  std::size_t first = 0;
  std::size_t last = 0;
  std::string_view text{};        // what is shown, or the name; empty for the element itself
  std::string_view separator{};   // of a list's elements
  std::size_t parent = no_piece;  // the section around it
  std::size_t end = 0;            // of a section: the number of its close

  [[nodiscard]] constexpr bool is_section() const {
    return what == template_part::loop || what == template_part::present || what == template_part::absent;
  }
  [[nodiscard]] constexpr bool asks(template_scope where, std::string_view name) const {
    return (what == template_part::value || is_section()) && scope == where && same_text(text, name);
  }
};

constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The piece that begins at `at` < text.size(), without regard to those before it. By index: g++ 12 under
/// UBSan rejects string_view::find in constants.
constexpr template_piece piece_at(std::string_view text, std::size_t at) {
  template_piece piece{.first = at, .last = at + 1};
  const char brace = text[at];
  std::size_t end = at + 1;
  if (brace != '{' && brace != '}') {
    while (end < text.size() && text[end] != '{' && text[end] != '}') ++end;
    piece.last = end;
    piece.text = text.substr(at, end - at);
    return piece;
  }
  if (end < text.size() && text[end] == brace) {
    piece.last = end + 1;
    piece.text = text.substr(at, 1);
    return piece;
  }
  if (brace == '}') {
    piece.fault = template_fault::stray_brace;
    return piece;
  }
  while (end < text.size() && text[end] != '{' && text[end] != '}') ++end;
  piece.last = end;
  if (end == text.size() || text[end] == '{') {
    piece.fault = template_fault::unclosed_brace;
    return piece;
  }
  piece.last = end + 1;
  piece.what = template_part::value;
  std::size_t name = at + 1;
  constexpr std::string_view marks = "#?^/";
  constexpr template_part parts[] = {template_part::loop, template_part::present, template_part::absent,
                                     template_part::close};
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (text[at + 1] == marks[i]) {
      piece.what = parts[i];
      name = at + 2;
    }
  if (text[name] == '.' || text[name] == '@') {
    piece.scope = text[name] == '.' ? template_scope::element : template_scope::counter;
    ++name;
  }
  std::size_t after = name;
  while (after < end && is_name_character(text[after])) ++after;
  piece.text = text.substr(name, after - name);
  const bool lists = piece.scope != template_scope::counter &&
                     (piece.what == template_part::value || piece.what == template_part::loop);
  if (lists && after < end && text[after] == ':')
    piece.separator = text.substr(after + 1, end - after - 1);
  else if (after < end)
    piece.fault = template_fault::misnamed;
  else if (piece.what == template_part::value)
    piece.separator = ", ";
  const bool is_element = piece.scope == template_scope::element && piece.what == template_part::value;
  if (piece.text.empty() && !is_element && (piece.fault == template_fault::none || text[name] == ':'))
    piece.fault = template_fault::nameless;
  if (piece.scope == template_scope::counter && piece.fault == template_fault::none &&
      !same_text(piece.text, "index") && !same_text(piece.text, "rank"))
    piece.fault = template_fault::unknown_counter;
  return piece;
}

constexpr std::size_t count_pieces(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) at = piece_at(text, at).last;
  return count;
}

/// The loop around a piece; no_piece if there is none.
constexpr std::size_t loop_around(std::span<const template_piece> pieces, const template_piece& piece) {
  std::size_t place = piece.parent;
  while (place != no_piece && pieces[place].what != template_part::loop) place = pieces[place].parent;
  return place;
}

constexpr bool has_loops(std::span<const template_piece> pieces) {
  for (const template_piece& piece : pieces)
    if (piece.what == template_part::loop) return true;
  return false;
}

/// Cuts white space and line end around the tags of sections that stand alone on their lines.
constexpr void cut_lone_lines(std::string_view text, std::span<template_piece> pieces) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].is_section() && pieces[i].what != template_part::close) continue;
    std::size_t first = pieces[i].first, last = pieces[i].last;
    while (first > 0 && blank(text[first - 1])) --first;
    while (last < text.size() && blank(text[last])) ++last;
    if (last + 1 < text.size() && text[last] == '\r' && text[last + 1] == '\n') ++last;
    const bool begins = first == 0 || text[first - 1] == '\n';
    const bool ends = last == text.size() || text[last] == '\n';
    if (!begins || !ends) continue;
    if (last < text.size()) ++last;
    if (i > 0) {
      std::string_view& before = pieces[i - 1].text;
      if (pieces[i - 1].what == template_part::text) {
        while (!before.empty() && blank(before[before.size() - 1]))
          before = before.substr(0, before.size() - 1);
      }
    }
    if (i + 1 < pieces.size() && pieces[i + 1].what == template_part::text)
      pieces[i + 1].text = pieces[i + 1].text.substr(last - pieces[i].last);
  }
}

/// Fills `pieces`, which are count_pieces(text) many, up to the first that has a fault; returns its number,
/// or no_piece.
constexpr std::size_t take_apart(std::string_view text, std::span<template_piece> pieces) {
  std::size_t open = no_piece, at = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    template_piece& piece = pieces[i];
    piece = piece_at(text, at);
    at = piece.last;
    if (piece.fault != template_fault::none) return i;
    piece.parent = open;
    if (piece.what == template_part::close) {
      if (open == no_piece || !same_text(pieces[open].text, piece.text) ||
          pieces[open].scope != piece.scope) {
        piece.fault = template_fault::unopened_section;
        return i;
      }
      pieces[open].end = i;
      open = pieces[open].parent;
    } else if (piece.scope != template_scope::arguments && loop_around(pieces, piece) == no_piece) {
      piece.fault = template_fault::outside_loop;
      return i;
    }
    if (piece.is_section()) open = i;
  }
  if (open != no_piece) {
    pieces[open].fault = template_fault::unclosed_section;
    return open;
  }
  cut_lone_lines(text, pieces);
  return no_piece;
}

}  // namespace recllm::detail
