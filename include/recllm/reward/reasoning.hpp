// What a completion reasons: evidence that the history bears out, items that the answer really holds.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string_view>

#include <recllm/measure/list.hpp>
#include <recllm/reward/expression.hpp>
#include <recllm/reward/list_of.hpp>

namespace recllm::reward {

namespace detail {

template <class C>
concept HasReasons = requires(const C& c) {
  { c.reasons } -> measure::List;
};

template <class C>
concept HasReasoning = requires(const C& c) {
  { c.reasoning } -> std::convertible_to<std::string_view>;
};

constexpr bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Whether `text` names `word`, which is not empty, as a whole: no letter or digit goes on at its ends.
constexpr bool names(std::string_view text, std::string_view word) {
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
    const std::size_t end = at + word.size();
    if (text.substr(at, word.size()) == word && (at == 0 || !letter_or_digit(text[at - 1])) &&
        (end == text.size() || !letter_or_digit(text[end])))
      return true;
  }
  return false;
}

}  // namespace detail

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

/// "explained": the share of the list's places whose item `completion.reasoning` names, as a whole word and
/// with its case, by `title(item)` (text; an empty one is not named); 0 for an empty list.
template <class Title>
[[nodiscard]] constexpr auto explained(Title title) {
  return term("explained", [=]<class C>(const C& completion) -> double {
    static_assert(detail::HasReasoning<C>,
                  "recllm: explained() needs completions with a member  reasoning , text");
    if constexpr (detail::HasReasoning<C>) {
      double named = 0.0, places = 0.0;
      for (const auto& item : items_of(completion)) {
        const std::string_view word = std::invoke(title, item);
        named += !word.empty() && detail::names(completion.reasoning, word) ? 1.0 : 0.0;
        places += 1.0;
      }
      return places > 0.0 ? named / places : 0.0;
    }
    return 0.0;
  });
}

/// "evidence": the share of the different `facts(prompt)` (texts: titles or topics of the history) that
/// `completion.reasoning` names, counted up to `enough` of them: min(1, named / enough). In [0, 1].
template <class Facts>
[[nodiscard]] constexpr auto evidence(Facts facts, std::size_t enough = 1) {
  return term("evidence", [=]<class C>(const auto& prompt, const C& completion) -> double {
    static_assert(detail::HasReasoning<C>,
                  "recllm: evidence() needs completions with a member  reasoning , text");
    if constexpr (detail::HasReasoning<C>) {
      const auto& known = list_of(facts, prompt);
      std::size_t named = 0, place = 0;
      for (const auto& fact : known) {
        if (measure::repeated_at(known, place++)) continue;
        const std::string_view word = fact;
        named += !word.empty() && detail::names(completion.reasoning, word) ? 1 : 0;
      }
      return named >= enough ? 1.0 : static_cast<double>(named) / static_cast<double>(enough);
    }
    return 0.0;
  });
}

}  // namespace recllm::reward
