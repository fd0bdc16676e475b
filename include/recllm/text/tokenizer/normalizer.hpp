// The normalizers of tokenizer.json: what happens to text before it is split.
//
// Components: NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace, Sequence, as
// https://huggingface.co/docs/tokenizers/api/normalizers says. Normal forms are ICU's, of the characters of
// Unicode 9, which is what the library (its crate unicode-normalization-alignments) knows: characters that
// came later stay as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/components.hpp>
#include <recllm/text/utf8.hpp>
#include <recllm/text/white_space.hpp>

namespace recllm::detail {

/// A normal form of the characters of Unicode 9; lives as long as the program.
inline const icu::Normalizer2* normal_form_of_unicode_9(std::string_view name) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* full = name == "NFC"    ? icu::Normalizer2::getNFCInstance(error)
                                 : name == "NFD"  ? icu::Normalizer2::getNFDInstance(error)
                                 : name == "NFKC" ? icu::Normalizer2::getNFKCInstance(error)
                                                  : icu::Normalizer2::getNFKDInstance(error);
  static const icu::UnicodeSet* known = [&] {
    auto* set = new icu::UnicodeSet(icu::UnicodeString("[:Age=9.0:]"), error);
    set->freeze();
    return set;
  }();
  if (U_FAILURE(error)) throw std::runtime_error(message("recllm: ICU says ", u_errorName(error)));
  return new icu::FilteredNormalizer2(*full, *known);
}

inline bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

class text_normalizer {
 public:
  text_normalizer() = default;

  /// Reads the file's field "normalizer".
  explicit text_normalizer(const json_place& normalizer) {
    each_component(normalizer, "normalizers", [&](const json_place& part) {
      const std::string& type = part.at("type").text();
      step made;
      if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
        made.what = kind::normal_form;
        made.form.reset(normal_form_of_unicode_9(type));
      } else if (type == "Lowercase") {
        made.what = kind::lowercase;
      } else if (type == "Strip") {
        made.what = kind::strip;
        made.left = part.at("strip_left").flag();
        made.right = part.at("strip_right").flag();
      } else if (type == "Prepend") {
        made.what = kind::prepend;
        made.content = part.at("prepend").text();
      } else if (type == "Replace") {
        made.what = kind::replace;
        made.pattern = read_pattern(part.at("pattern"));
        made.content = part.at("content").text();
      } else {
        part.at("type").fail("NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace or Sequence");
      }
      steps_.push_back(std::move(made));
    });
  }

  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// Normalises `text` in place. Returns whether its beginning is still that of the text. Throws
  /// std::invalid_argument if it becomes a hundred times as long.
  bool apply(std::string& text, const regex_scratch& scratch) const {
    bool begins = true;
    const std::size_t most = most_text(text.size());
    for (const step& one : steps_) switch (one.what) {
        case kind::normal_form:
          normal_form(text, *one.form);
          break;
        case kind::lowercase:
          lowercase(text);
          break;
        case kind::strip:
          begins = strip(text, one) && begins;
          break;
        case kind::prepend:
          if (!text.empty()) text.insert(0, one.content);
          break;
        case kind::replace: {
          std::string replaced;
          append_replaced(replaced, text, one.pattern, one.content, scratch);
          text.swap(replaced);
          require(
              text.size() <= most,
              "recllm: encode: the tokenizer's normalizers make more than 100 times its length of a text");
        }
      }
    return begins;
  }

 private:
  enum class kind { normal_form, lowercase, strip, prepend, replace };
  struct step {
    kind what = kind::lowercase;
    std::shared_ptr<const icu::Normalizer2> form;
    text_regex pattern;
    std::string content;
    bool left = false, right = false;
  };

  static void normal_form(std::string& text, const icu::Normalizer2& form) {
    if (is_ascii(text)) return;
    UErrorCode error = U_ZERO_ERROR;
    std::string normal;
    normal.reserve(text.size());
    icu::StringByteSink<std::string> sink(&normal);
    form.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink,
                       nullptr, error);
    if (U_FAILURE(error)) throw std::runtime_error(message("recllm: encode: ICU says ", u_errorName(error)));
    text.swap(normal);
  }

  static void lowercase(std::string& text) {
    std::string lower;
    lower.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const code_point c = code_point_at(text, at);
      if (c.value == 0x130)
        lower += "i\u0307";  // the one letter whose small form is two characters
      else
        append_utf8(lower, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c.value))));
      at += c.length;
    }
    text.swap(lower);
  }

  static bool strip(std::string& text, const step& how) {
    std::size_t from = 0, to = text.size();
    while (how.left && from < to) {
      const std::size_t length = white_space_at(text, from);
      if (length == 0) break;
      from += length;
    }
    while (how.right && to > from) {
      std::size_t last = to - 1;
      while ((static_cast<unsigned char>(text[last]) & 0xC0U) == 0x80U) --last;
      if (white_space_at(text, last) == 0) break;
      to = last;
    }
    text = text.substr(from, to - from);
    return from == 0;
  }

  std::vector<step> steps_;
};

}  // namespace recllm::detail
