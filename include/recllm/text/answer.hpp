// What a model answered: <think> reasoning </think> <answer> list </answer> -> reasoning and items, with a
// reason for every part of the list that names no item. Nothing that a model writes makes these functions
// throw.
//
// Format: DeepSeek-AI, DeepSeek-R1, arXiv 2501.12948, table 1, as used by Xie et al., RecLLM-R1, section 4.2.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/text/ascii.hpp>
#include <recllm/text/title_pool.hpp>

namespace recllm {

/// A part of an answer's list that names no item.
struct rejected_part {
  std::size_t line = 0;  ///< from 1, in the text that was parsed
  std::string text;
  std::string reason;
};

/// A model's answer taken apart.
struct parsed_answer {
  std::string reasoning;                ///< without the white space around it; empty if there is none
  std::vector<std::size_t> items;       ///< in the order of the list; an item named twice is here twice
  std::vector<rejected_part> rejected;  ///< in the order of the list
  bool well_formed = false;  ///< one think block, then one answer block, and nothing else but white space
};

namespace detail {

/// The item that `pool` has for a spelling, whatever kind of pool it is.
template <class Pool>
std::optional<std::size_t> item_called(const Pool& pool, std::string_view name) {
  if constexpr (requires { pool.find(std::string()) == pool.end(); }) {
    const auto found = pool.find(std::string(name));
    return found == pool.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found->second));
  } else {
    return pool(name);
  }
}

/// A list number: "12." "12)" "(12)" "12:".
struct list_number {
  std::size_t length = 0;  // 0 = there is none
  std::size_t value = 0;   // 0 for one that no list can reach
};

inline list_number number_in_front(std::string_view text) {
  const std::size_t open = text.starts_with('(') ? 1 : 0;
  std::size_t end = open;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (end == open || end == text.size()) return {};
  const bool decimal = end + 1 < text.size() && is_digit(text[end + 1]);  // 3.5 is no list number
  if (text[end] != ')' && (open > 0 || decimal || (text[end] != '.' && text[end] != ':'))) return {};
  list_number number{end + 1, 0};
  std::from_chars(text.data() + open, text.data() + end, number.value);
  return number;
}

/// `text` without the bullets and the list number in front of it.
inline std::string_view unlisted(std::string_view text) {
  constexpr std::array<std::string_view, 8> bullets{"-",      "*",      "+",      "\u2022",
                                                    "\u2013", "\u2014", "\u00B7", "\u25AA"};
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view bullet : bullets)
      if (!found && text.starts_with(bullet)) {
        text = trimmed(text.substr(bullet.size()));
        found = true;
      }
  }
  return trimmed(text.substr(number_in_front(text).length));
}

/// The item that `text` names: as it is, without punctuation around it, without a list number in front.
template <class Pool>
std::optional<std::size_t> item_named(const Pool& pool, std::string_view text) {
  constexpr std::size_t most = 6;  // punctuation to try without at each end: **"item"**.
  const std::string_view unnumbered = unlisted(text);
  for (std::string_view front : {text, unnumbered}) {
    for (std::size_t cut = 0; cut <= most && !front.empty(); ++cut) {
      std::string_view name = front;
      for (std::size_t end = 0; end <= most && !name.empty(); ++end) {
        if (const std::optional<std::size_t> item = item_called(pool, name)) return item;
        if (!is_punctuation(name.back())) break;
        name = trimmed(name.substr(0, name.size() - 1));
      }
      if (!is_punctuation(front.front())) break;
      front = trimmed(front.substr(1));
    }
    if (unnumbered.size() == text.size()) break;
  }
  return std::nullopt;
}

/// The parts of `text` between characters that satisfy `separates`, trimmed; empty ones and lone punctuation
/// left out.
template <class Separates>
std::vector<std::string_view> parts_of(std::string_view text, Separates separates) {
  std::vector<std::string_view> parts;
  for (std::size_t first = 0, last = 0; first <= text.size(); first = last + 1) {
    last = first;
    while (last < text.size() && !separates(text[last])) ++last;
    const std::string_view part = trimmed(text.substr(first, last - first));
    if (!std::all_of(part.begin(), part.end(), is_punctuation)) parts.push_back(part);
  }
  return parts;
}

template <class Pool>
void parse_ids(std::string_view text, std::size_t line, const Pool& pool, parsed_answer& answer) {
  const std::vector<std::string_view> words = parts_of(text, [](char c) {
    return is_blank(c) || std::string_view(",;|\"[]{}").find(c) != std::string_view::npos;
  });
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::optional<std::size_t> item = item_named(pool, words[i]);
    const list_number number = number_in_front(words[i]);
    const bool next_number = number.value == answer.items.size() + answer.rejected.size() + 1;
    if (number.length == words[i].size() && i + 1 < words.size() && (i == 0 || !item || next_number))
      continue;
    if (item)
      answer.items.push_back(*item);
    else
      answer.rejected.push_back({line, std::string(words[i]), "not the id of an item in the pool"});
  }
}

/// The item of a title that is not spelt as in the pool; with the words of the model after a dash or a colon,
/// if need be ("Heat (1995) - a duel").
inline title_match loosely_named(const title_pool& pool, std::string_view text) {
  title_match match = pool.nearest(text);
  const std::string_view name = unlisted(text);
  if (!match.item && name.size() < text.size()) {
    title_match unlisted_match = pool.nearest(name);
    if (unlisted_match.item || unlisted_match.unclear) match = std::move(unlisted_match);
  }
  constexpr std::array<std::string_view, 4> ends{" - ", " \u2013 ", " \u2014 ", ": "};
  for (std::size_t cut = name.size(); !match.item && cut > 0;) {
    std::size_t last = 0;
    for (const std::string_view end : ends) {
      const std::size_t at = name.substr(0, cut).rfind(end);
      if (at != std::string_view::npos) last = std::max(last, at);
    }
    if (title_match before = pool.alike(name.substr(0, last)); last > 0 && before.item)
      match = std::move(before);
    cut = last;
  }
  return match;
}

/// The longest run of parts that is a title wins, so that titles may hold separators; those that are spelt as
/// in the pool before those that are not.
inline void parse_titles(std::string_view text, std::size_t line, const title_pool& pool,
                         parsed_answer& answer) {
  const std::vector<std::string_view> parts = parts_of(text, title_pool::separates);
  const auto run_at = [&](std::size_t i, std::size_t length) {
    const std::string_view last = parts[i + length - 1];
    return std::string_view(parts[i].data(),
                            static_cast<std::size_t>(last.data() + last.size() - parts[i].data()));
  };
  for (std::size_t i = 0; i < parts.size();) {
    const std::size_t longest = std::min(parts.size() - i, pool.separators() + 1);
    std::optional<std::size_t> item;
    std::size_t run = longest;
    for (; run > 0; --run)
      if ((item = item_named(pool, run_at(i, run)))) break;
    title_match loose;
    if (!item) {
      for (run = longest; run > 0; --run)
        if ((loose = loosely_named(pool, run_at(i, run))).item) break;
      item = loose.item;
    }
    if (item)
      answer.items.push_back(*item);
    else
      answer.rejected.push_back({line, std::string(parts[i]), std::move(loose.reason)});
    i += std::max<std::size_t>(run, 1);
  }
}

/// Exactly one think block, then exactly one answer block, and nothing else but white space.
inline bool two_blocks(std::string_view text) {
  for (const std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"}) {
    const std::size_t at = text.find(tag);
    if (at == std::string_view::npos || text.find(tag, at + 1) != std::string_view::npos) return false;
  }
  text = trimmed(text);
  return text.starts_with("<think>") && text.ends_with("</answer>") &&
         trimmed(text.substr(text.find("</think>") + 8)).starts_with("<answer>");
}

struct answer_parts {
  std::string_view reasoning, list;  // both point into the text
};

inline answer_parts split_answer(std::string_view text) {
  constexpr std::size_t none = std::string_view::npos;
  const std::size_t think = text.find("<think>"), opened = think == none ? 0 : think + 7;
  const std::size_t closed = text.find("</think>", opened);
  const std::string_view rest = text.substr(closed == none ? opened : closed + 8);
  const std::size_t tag = rest.rfind("<answer>");
  std::string_view list = rest.substr(tag == none ? 0 : tag + 8);
  list = list.substr(0, list.find("</answer>"));
  if (closed != none) return {text.substr(opened, closed - opened), list};
  if (think == none) return {{}, list};
  return tag == none ? answer_parts{rest, rest.substr(rest.size())} : answer_parts{rest.substr(0, tag), list};
}

}  // namespace detail

/// Takes a completion apart. `pool` tells which item a name means: a map from id to item number, a callable
/// std::string_view -> std::optional<std::size_t>, or a title_pool, which makes it read titles.
///
/// Ids stand apart by white space, commas, brackets or quotes; titles by line ends, commas, semicolons or
/// bars. List numbers ("1." "1)" "(1)" "1:") and bullets are skipped, punctuation around a name is forgiven;
/// a title may be misspelt as far as title_pool::nearest() allows, and be followed by " - " or ": " and
/// remarks. Everything else that is not in the pool is rejected with its reason. The list is the last answer
/// block, to the end of the text where the block is not closed; where there is no answer block, all that
/// comes after the reasoning. Text without tags is one list. Reasoning is what the first think block holds; a
/// missing <think> counts as one at the start of the text (some chat templates put it into the prompt), a
/// missing
/// </think> as one before the answer or at the end.
template <class Pool>
[[nodiscard]] parsed_answer parse_answer(std::string_view text, const Pool& pool) {
  constexpr bool maps = requires {
    { pool.find(std::string())->second } -> std::convertible_to<std::size_t>;
  };
  constexpr bool answers = requires {
    { pool(std::string_view()) } -> std::same_as<std::optional<std::size_t>>;
  };
  static_assert(maps || answers,
                "recllm: parse_answer: the pool must be a map from std::string to an item number, "
                "a recllm::title_pool, or callable as  std::optional<std::size_t>(std::string_view)");
  parsed_answer answer;
  if constexpr (maps || answers) {
    answer.well_formed = detail::two_blocks(text);
    const detail::answer_parts parts = detail::split_answer(text);
    answer.reasoning = detail::trimmed(parts.reasoning);
    auto line = static_cast<std::size_t>(1 + std::count(text.data(), parts.list.data(), '\n'));
    for (std::size_t first = 0; first < parts.list.size(); ++line) {
      const std::size_t last = std::min(parts.list.find('\n', first), parts.list.size());
      std::string_view row = detail::trimmed(parts.list.substr(first, last - first));
      if (row.starts_with("\u2022")) row.remove_prefix(std::string_view("\u2022").size());  // a bullet
      if constexpr (std::same_as<Pool, title_pool>)
        detail::parse_titles(row, line, pool, answer);
      else
        detail::parse_ids(row, line, pool, answer);
      first = last + 1;
    }
  }
  return answer;
}

}  // namespace recllm
