// A completion's form: reasoning before the answer, and an answer that can be read. Reasons: reasoning.hpp.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <string_view>
#include <type_traits>

#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// Whether `text` is exactly one <think>...</think> and then exactly one <answer>...</answer>, with nothing
/// but whitespace before, between and after. The format reward of DeepSeek-R1, arXiv 2501.12948,
/// section 2.2.2.
[[nodiscard]] constexpr bool thinks_then_answers(std::string_view text) {
  constexpr std::string_view tags[] = {"<think>", "</think>", "<answer>", "</answer>"};
  // find and find_first_not_of would do, but are no constant expressions for g++ 12 under UBSan.
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (; from < to; ++from)
      if (const char c = text[from];
          c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\v' && c != '\f')
        return false;
    return true;
  };
  std::size_t found = 0, end = 0;  // tags so far, end of the last one
  const auto next_tag = [&](std::size_t at) {
    if (std::is_constant_evaluated()) {
      while (at < text.size() && text[at] != '<') ++at;
      return at;
    }
    return std::min(text.find('<', at), text.size());
  };
  for (std::size_t at = next_tag(0); at < text.size(); at = next_tag(at + 1)) {
    const std::string_view rest = text.substr(at);
    if (found < 4 && rest.starts_with(tags[found])) {
      if (found % 2 == 0 && !blank(end, at)) return false;
      end = at + tags[found++].size();
    } else if (std::ranges::any_of(tags, [&](std::string_view tag) { return rest.starts_with(tag); })) {
      return false;
    }
  }
  return found == 4 && blank(end, text.size());
}

namespace detail {

template <class C>
concept SaysWellFormed = requires(const C& c) {
  { c.well_formed } -> std::convertible_to<bool>;
};
template <class C>
concept HasText = requires(const C& c) {
  { c.text } -> std::convertible_to<std::string_view>;
};
template <class C>
concept SaysRejected = HasItems<C> && requires(const C& c) {
  std::ranges::empty(c.rejected);
};

}  // namespace detail

/// "format", a test: 1 if the completion has the form asked for, else 0. That is its member `well_formed`
/// where it has one (its parser knows best), else thinks_then_answers of its member `text` or of the
/// completion itself.
[[nodiscard]] constexpr auto format() {
  return term("format", []<class C>(const C& completion) -> bool {
    if constexpr (detail::SaysWellFormed<C>) {
      return completion.well_formed;
    } else if constexpr (detail::HasText<C>) {
      return thinks_then_answers(completion.text);
    } else {
      constexpr bool readable = std::convertible_to<const C&, std::string_view>;
      static_assert(readable,
                    "recllm: format() needs completions that are text or have a member  text , or  "
                    "well_formed  (bool)");
      if constexpr (readable) return thinks_then_answers(completion);
      return false;
    }
  });
}

/// "parsable", a test: 1 if the completion names items and no part of its answer was rejected, else 0: its
/// member `items` is not empty and its member `rejected` (parsed_answer has it) is.
[[nodiscard]] constexpr auto parsable() {
  return term("parsable", []<class C>(const C& completion) -> bool {
    static_assert(detail::SaysRejected<C>,
                  "recllm: parsable() needs completions with members  items  and  rejected : keep what "
                  "parse_answer() gives");
    if constexpr (detail::SaysRejected<C>)
      return !std::ranges::empty(items_of(completion)) && std::ranges::empty(completion.rejected);
    return false;
  });
}

}  // namespace recllm::reward
