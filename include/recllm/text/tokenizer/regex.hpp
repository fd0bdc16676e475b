// Regular expressions over UTF-8 text, compiled to machine code by PCRE2.
#pragma once

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 0  // PCRE2 asks for it; the names that end in _8 are there whatever it is
#endif
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/regex_syntax.hpp>

namespace recllm::detail {

/// Frees what PCRE2 made.
struct pcre2_free {
  void operator()(pcre2_code_8* p) const { pcre2_code_free_8(p); }
  void operator()(pcre2_compile_context_8* p) const { pcre2_compile_context_free_8(p); }
  void operator()(pcre2_match_data_8* p) const { pcre2_match_data_free_8(p); }
  void operator()(pcre2_match_context_8* p) const { pcre2_match_context_free_8(p); }
  void operator()(pcre2_jit_stack_8* p) const { pcre2_jit_stack_free_8(p); }
};

inline std::string pcre2_reason(int error) {
  std::array<PCRE2_UCHAR8, 256> text{};
  pcre2_get_error_message_8(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

/// What a match needs to write on: one a thread.
class regex_scratch {
 public:
  regex_scratch()
      : match_(pcre2_match_data_create_8(1, nullptr)),
        context_(pcre2_match_context_create_8(nullptr)),
        stack_(pcre2_jit_stack_create_8(std::size_t{1} << 15U, std::size_t{1} << 24U, nullptr)) {
    if (!match_ || !context_ || !stack_) throw std::bad_alloc();
    pcre2_jit_stack_assign_8(context_.get(), nullptr, stack_.get());
  }

  [[nodiscard]] pcre2_match_data_8* match() const { return match_.get(); }
  [[nodiscard]] pcre2_match_context_8* context() const { return context_.get(); }

 private:
  std::unique_ptr<pcre2_match_data_8, pcre2_free> match_;
  std::unique_ptr<pcre2_match_context_8, pcre2_free> context_;
  std::unique_ptr<pcre2_jit_stack_8, pcre2_free> stack_;
};

/// A compiled pattern; copies share it.
class text_regex {
 public:
  text_regex() = default;

  /// A pattern in Oniguruma's notation. Throws pattern_error.
  static text_regex pattern(std::string_view text) {
    return text_regex(regex_translation(text).text(), PCRE2_MULTILINE);
  }
  /// A text that is looked for as it is.
  static text_regex literal(std::string_view text) { return text_regex(std::string(text), PCRE2_LITERAL); }
  /// One character of a class, given by its inside in PCRE2's notation.
  static text_regex one_of(std::string_view inside) { return text_regex("[" + std::string(inside) + "]", 0); }
  /// A pattern in PCRE2's own notation.
  static text_regex own(const std::string& text) { return text_regex(text, 0); }

  struct range {
    std::size_t from = 0, to = 0;
    [[nodiscard]] bool found() const { return from != std::string_view::npos; }
  };

  /// The first match in `text`, well-formed UTF-8, that begins at `from` or later; lookbehind sees what is
  /// before.
  [[nodiscard]] range find(std::string_view text, std::size_t from, const regex_scratch& scratch) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR8>(text.data());
    const int count = compiled_ ? pcre2_jit_match_8(code_.get(), subject, text.size(), from,
                                                    PCRE2_NO_UTF_CHECK, scratch.match(), scratch.context())
                                : pcre2_match_8(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                                                scratch.match(), scratch.context());
    if (count == PCRE2_ERROR_NOMATCH) return {std::string_view::npos, std::string_view::npos};
    require(count > 0, "recllm: encode: the tokenizer's regular expression gave up at byte ", from,
            " of a text of ", text.size(), " bytes: ", pcre2_reason(count), "; encode it in parts");
    const std::size_t* place = pcre2_get_ovector_pointer_8(scratch.match());
    return {place[0], place[1]};
  }

  /// Calls `f(from, to)` for every match, in order, without overlap; an empty one does not follow another
  /// match directly (as Oniguruma's iterator).
  template <class F>
  void each(std::string_view text, const regex_scratch& scratch, F f) const {
    std::size_t from = 0, last_end = std::string_view::npos;
    while (from <= text.size()) {
      const range match = find(text, from, scratch);
      if (!match.found()) return;
      if (match.from == match.to && match.to == last_end) {
        do ++from;
        while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U);
        continue;
      }
      from = last_end = match.to;
      f(match.from, match.to);
    }
  }

 private:
  text_regex(const std::string& text, std::uint32_t options) {
    const std::unique_ptr<pcre2_compile_context_8, pcre2_free> context(
        pcre2_compile_context_create_8(nullptr));
    if (!context) throw std::bad_alloc();
    pcre2_set_newline_8(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    std::size_t at = 0;
    code_.reset(pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(text.data()), text.size(),
                                options | PCRE2_UTF | (options == PCRE2_LITERAL ? 0 : PCRE2_UCP), &error, &at,
                                context.get()),
                pcre2_free{});
    if (!code_) throw pattern_error("PCRE2 says: " + pcre2_reason(error));
    compiled_ = pcre2_jit_compile_8(code_.get(), PCRE2_JIT_COMPLETE) == 0;
  }

  std::shared_ptr<pcre2_code_8> code_;
  bool compiled_ = false;
};

}  // namespace recllm::detail
