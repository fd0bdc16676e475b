// A completion's form: reasoning before the answer, and reasons that the history bears out.
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <string_view>

#include <recllm/measure/list.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

/// Whether `text` is exactly one <think>...</think> and then exactly one <answer>...</answer>, with nothing
/// but whitespace before, between and after. The format reward of DeepSeek-R1, arXiv 2501.12948,
/// section 2.2.2.
[[nodiscard]] constexpr bool thinks_then_answers(std::string_view text) {
  constexpr std::string_view tags[] = {"<think>", "</think>", "<answer>", "</answer>"};
  // find_first_not_of would do, but is no constant expression for g++ 12 under UBSan.
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (; from < to; ++from)
      if (const char c = text[from];
          c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\v' && c != '\f')
        return false;
    return true;
  };
  std::size_t found = 0, end = 0;  // tags so far, end of the last one
  for (std::size_t at = 0; at < text.size(); ++at)
    for (std::size_t tag = 0; tag < 4; ++tag)
      if (text.substr(at).starts_with(tags[tag])) {
        const bool opens = tag == 0 || tag == 2;
        if (tag != found || (opens && !blank(end, at))) return false;
        ++found;
        end = at + tags[tag].size();
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
concept HasReasons = requires(const C& c) {
  { c.reasons } -> measure::List;
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

/// "grounded": the share of the different reasons in `completion.reasons` that are among the history's
/// topics, found in the prompt by `topics`; 0 where no reason is named. In [0, 1]; to name one true reason
/// twice gains nothing.
template <class Topics>
[[nodiscard]] constexpr auto grounded(Topics topics) {
  return term("grounded", [=]<class C>(const auto& prompt, const C& completion) -> double {
    static_assert(detail::HasReasons<C>,
                  "recllm: grounded() needs completions with a member  reasons , a list of topics");
    if constexpr (detail::HasReasons<C>) {
      const auto& known = list_of(topics, prompt);
      double named = 0.0, borne_out = 0.0;
      std::size_t place = 0;
      for (const auto& reason : completion.reasons) {
        if (measure::repeated_at(completion.reasons, place++)) continue;
        named += 1.0;
        borne_out += measure::holds(known, reason) ? 1.0 : 0.0;
      }
      return named > 0.0 ? borne_out / named : 0.0;
    }
    return 0.0;
  });
}

}  // namespace recllm::reward
