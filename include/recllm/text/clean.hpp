// Text of catalogues and users made even: one spelling of each character, no controls, single spaces.
//
// Source: Xie et al., RecLLM-R1, section 4.1 (removal of special characters, unification of format).
// Characters' properties and normal forms are ICU's (Debian: libicu-dev; link ICU::uc of CMake's FindICU),
// Unicode Standard Annex 15.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/text/html_entities.hpp>

namespace recllm {

/// A normal form of Unicode (UAX 15).
enum class normal_form {
  nfc,   ///< composed: e and a combining acute are one character
  nfkc,  ///< also what only looks different: full-width letters, ligatures, superscripts become plain ones
};

/// What clean_text() does, in this order.
struct text_cleaning {
  bool html_entities = true;  ///< decode_html_entities(), once
  bool symbols = true;        ///< false: drop general category So (emoji, stars, trademark signs, U+FFFD)
  normal_form form = normal_form::nfc;
  bool line_ends = false;  ///< white space that holds a line end becomes one line end, not a space
};

namespace detail {

/// Said of a character that no reader sees or that means nothing outside its origin: controls, format
/// characters, surrogates, private use, noncharacters. The joiners stay: Persian, Indic scripts and emoji
/// need them.
inline bool is_unwanted(UChar32 c) {
  if (c == 0x200C || c == 0x200D) return false;
  if ((c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF)) return true;
  return (U_MASK(u_charType(c)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK)) != 0;
}

/// Symbols, and what only serves to join or colour emoji.
inline bool is_symbol(UChar32 c) {
  return u_charType(c) == U_OTHER_SYMBOL || u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER) ||
         u_hasBinaryProperty(c, UCHAR_VARIATION_SELECTOR) || c == 0x200D || c == 0x20E3;
}

inline bool is_line_end(UChar32 c) {
  return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/// Printable ASCII in single spaces: most of what is cleaned is clean.
inline bool is_clean(std::string_view text, bool html_entities) {
  bool blank = true;
  for (const char c : text) {
    if (c < ' ' || c > '~' || (c == '&' && html_entities) || (c == ' ' && blank)) return false;
    blank = c == ' ';
  }
  return text.empty() || !blank;
}

}  // namespace detail

/// The text in UTF-8, cleaned: bytes that are not of well-formed UTF-8 become U+FFFD (one for each maximal
/// part of a character, as the Unicode Standard recommends in chapter 3.9), controls and other characters
/// without sight or meaning are dropped, the rest is normalised, and each stretch of white space (Unicode's)
/// becomes one space, none at the ends. Cleaning twice with the same settings but html_entities changes
/// nothing more. Throws std::invalid_argument for text of a gigabyte or more.
[[nodiscard]] inline std::string clean_text(std::string_view text, const text_cleaning& how = {}) {
  require(text.size() < 1'000'000'000, "recllm: clean_text: the text has ", text.size(),
          " bytes; expected less than a gigabyte: clean it in parts");
  if (detail::is_clean(text, how.html_entities)) return std::string(text);
  const std::string decoded = how.html_entities ? decode_html_entities(text) : std::string();
  if (how.html_entities) text = decoded;
  const icu::UnicodeString all =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  icu::UnicodeString wanted;
  for (std::int32_t at = 0; at < all.length(); at = all.moveIndex32(at, 1)) {
    const UChar32 c = all.char32At(at);
    const bool blank = u_isUWhiteSpace(c) != 0;
    if (blank || (!detail::is_unwanted(c) && (how.symbols || !detail::is_symbol(c)))) wanted.append(c);
  }
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = how.form == normal_form::nfc
                                           ? icu::Normalizer2::getNFCInstance(error)
                                           : icu::Normalizer2::getNFKCInstance(error);
  const icu::UnicodeString even = normalizer == nullptr ? wanted : normalizer->normalize(wanted, error);
  if (U_FAILURE(error))
    throw std::runtime_error(message("recllm: clean_text: ICU says ", u_errorName(error)));
  icu::UnicodeString spaced;
  for (std::int32_t at = 0; at < even.length();) {
    bool blank = false, ended = false;
    UChar32 c = 0;
    for (; at < even.length() && u_isUWhiteSpace(c = even.char32At(at)) != 0; at = even.moveIndex32(at, 1)) {
      blank = true;
      ended = ended || detail::is_line_end(c);
    }
    if (at == even.length()) break;
    if (blank && !spaced.isEmpty()) spaced.append(static_cast<UChar32>(ended && how.line_ends ? '\n' : ' '));
    spaced.append(c);
    at = even.moveIndex32(at, 1);
  }
  std::string out;
  spaced.toUTF8String(out);
  return out;
}

/// The item with its title, topics, description and the values of its attributes cleaned.
[[nodiscard]] inline item clean_item(item one, const text_cleaning& how = {}) {
  one.title = clean_text(one.title, how);
  one.description = clean_text(one.description, how);
  for (std::string& topic : one.topics) topic = clean_text(topic, how);
  for (auto& [name, value] : one.attributes) value = clean_text(value, how);
  return one;
}

}  // namespace recllm
