// Whether a completion stays in its language's script: models drift into others while they learn by reward.
//
// Guo et al., DeepSeek-R1, arXiv 2501.12948, section 2.3.2: the language consistency reward, the share of the
// target language's words; here letter by letter, by Unicode script (UAX 24) as ICU knows it (Debian:
// libicu-dev; link ICU::uc of CMake's FindICU).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include <recllm/core/check.hpp>
#include <recllm/reward/expression.hpp>

namespace recllm::reward {

/// The share of the letters of `text` (UTF-8) that are of none of `scripts`, in [0, 1]; digits, punctuation,
/// spaces and marks do not count, what is no UTF-8 counts as a letter of another script. 0 without
/// letters.
[[nodiscard]] inline double foreign_letters(std::string_view text, std::span<const UScriptCode> scripts) {
  double letters = 0.0, foreign = 0.0;
  const icu::UnicodeString characters =
      icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
  constexpr UChar32 broken = 0xFFFD;
  for (std::int32_t at = 0; at < characters.length(); at = characters.moveIndex32(at, 1)) {
    const UChar32 c = characters.char32At(at);
    if (c != broken && u_isalpha(c) == 0) continue;
    letters += 1.0;
    UErrorCode error = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(c, &error);
    const bool known = (script == USCRIPT_COMMON && c != broken) || script == USCRIPT_INHERITED ||
                       std::ranges::find(scripts, script) != scripts.end();
    foreign += known ? 0.0 : 1.0;
  }
  return letters > 0.0 ? foreign / letters : 0.0;
}

namespace detail {

/// What a completion says in words: its `text`, or itself.
struct said_text {
  template <class C>
  [[nodiscard]] std::string_view operator()(const C& completion) const {
    if constexpr (requires { std::string_view(completion.text); }) {
      return completion.text;
    } else {
      constexpr bool readable = std::convertible_to<const C&, std::string_view>;
      static_assert(readable,
                    "recllm: language_drift() needs completions that are text or have a member  text , or a "
                    "function that gives it:  language_drift({\"Latn\"}, &answer::reasoning)");
      if constexpr (readable) return completion;
    }
    return {};
  }
};

}  // namespace detail

/// "language_drift", a penalty: foreign_letters() of what the completion says, in [0, 1]. `scripts` are names
/// or codes of ISO 15924: {"Latn"}, {"Hani", "Hira", "Kana"}; `text` is a projection of the completion, by
/// default its `.text`, or itself. Throws std::invalid_argument for an unknown script, or none.
template <class Text = detail::said_text>
[[nodiscard]] auto language_drift(std::initializer_list<const char*> scripts, Text text = {}) {
  std::vector<UScriptCode> codes;
  for (const char* name : scripts) {
    UErrorCode error = U_ZERO_ERROR;
    UScriptCode found[4] = {};
    const std::int32_t count = uscript_getCode(name, found, 4, &error);
    const bool is_script = U_SUCCESS(error) && count > 0 &&
                           (std::string_view(name) == uscript_getShortName(found[0]) ||
                            std::string_view(name) == uscript_getName(found[0]));
    require(is_script, "recllm: language_drift: there is no script '", name,
            "'; expected a name or code of ISO 15924, such as Latn, Cyrl, Hani");
    codes.push_back(found[0]);
  }
  require(!codes.empty(), "recllm: language_drift: expected at least one script, got none");
  return term("language_drift", [codes = std::move(codes), text = std::move(text)](const auto& completion) {
    return foreign_letters(std::string_view(std::invoke(text, completion)), codes);
  });
}

}  // namespace recllm::reward
