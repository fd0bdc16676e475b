// Oniguruma's regular expressions, as tokenizer.json has them, in PCRE2's notation.
//
// What both read alike is passed through, what PCRE2 would read otherwise is rewritten, what it cannot
// express is refused: https://github.com/kkos/oniguruma/blob/master/doc/RE (Ruby's syntax), pcre2pattern(3).
#pragma once

#include <cctype>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/characters.hpp>

namespace recllm::detail {

/// Why a pattern cannot be used; whoever knows its place says where it stands.
class pattern_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One pass over a pattern. Caseless letters that fold to several (sharp s, ligatures) are the only
/// difference that is left.
class regex_translation {
 public:
  explicit regex_translation(std::string_view pattern) : in_(pattern) {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        escape(false);
      } else if (c == '[') {
        character_class();
      } else if (c == '(') {
        group();
      } else if (c == '{') {
        interval();
      } else {
        out_ += c;
        ++at_;
      }
    }
  }

  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw pattern_error(message(what, " at byte ", at_, " of the pattern is not supported"));
  }

  [[nodiscard]] bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  void take(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }

  /// `inside` is of a class; negated, it can stand only outside of one.
  void put_class(const std::string& inside, bool negated, bool within, std::string_view negation_within) {
    if (!within)
      out_ += (negated ? "[^" : "[") + inside + "]";
    else if (!negated)
      out_ += inside;
    else if (!negation_within.empty())
      out_ += negation_within;
    else
      refuse("a negated escape in a class");
  }

  void escape(bool within) {
    if (at_ + 1 >= in_.size()) refuse("a lone backslash");
    const char c = in_[at_ + 1];
    if (c == 'p' || c == 'P') return property(within);
    if (c == 'x') return hexadecimal();
    at_ += 2;
    switch (c) {
      case 's':
      case 'S':
        return put_class(std::string(white_space_class), c == 'S', within, "\\P{White_Space}");
      case 'd':
      case 'D':
        return put_class(category_class("Nd"), c == 'D', within, "\\P{Nd}");
      case 'w':
      case 'W':
        return put_class(word_class(), c == 'W', within, "");
      case 'v':
        out_ += "\\x0B";
        return;
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'a':
      case 'e':
        break;
      case 'A':
      case 'z':
      case 'Z':
        if (!within) break;
        [[fallthrough]];
      default:
        if (std::ispunct(static_cast<unsigned char>(c)) == 0 && c != ' ') {
          at_ -= 2;
          refuse(std::string("the escape \\") + c);
        }
    }
    out_ += '\\';
    out_ += c;
  }

  void hexadecimal() {
    std::size_t end = at_ + 2;
    if (end < in_.size() && in_[end] == '{') {
      end = in_.find('}', end);
      if (end == std::string_view::npos) refuse("\\x{ without }");
      return take(end + 1 - at_);
    }
    while (end < in_.size() && end < at_ + 4 && std::isxdigit(static_cast<unsigned char>(in_[end])) != 0)
      ++end;
    if (end != at_ + 4 || in_[at_ + 2] > '7') refuse("\\x that is not of two digits up to 7F");
    take(4);
  }

  void property(bool within) {
    bool negated = in_[at_ + 1] == 'P';
    std::size_t from = at_ + 3;
    const std::size_t end = in_.find('}', at_);
    if (end == std::string_view::npos || in_[at_ + 2] != '{' || end == from) refuse("\\p without {name}");
    if (in_[from] == '^') {
      negated = !negated;
      ++from;
    }
    const std::string name(in_.substr(from, end - from));
    for (const char c : name)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') refuse("\\p{" + name + "}");
    const bool category = name.size() <= 2;  // all scripts' names are longer
    const std::string inside = category ? category_class(name) : "\\p{sc:" + name + "}";
    put_class(inside, negated, within, category ? "\\P{" + name + "}" : "\\P{sc:" + name + "}");
    at_ = end + 1;
  }

  void character_class() {
    take(1);
    if (next_is("^")) take(1);
    if (next_is("]")) take(1);
    while (at_ < in_.size() && in_[at_] != ']') {
      if (in_[at_] == '\\') {
        if (next_is("\\b")) refuse("\\b in a class");
        escape(true);
        continue;
      }
      if (in_[at_] == '[') refuse("a class in a class");
      if (next_is("&&")) refuse("an intersection of classes");
      take(1);
    }
    if (at_ >= in_.size()) refuse("a class without ]");
    take(1);
  }

  void group() {
    if (next_is("(*")) refuse("(*");
    for (const std::string_view known : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"})
      if (next_is(known)) return take(known.size());
    if (at_ == 0 && next_is("(?i)")) return take(4);
    if (next_is("(?")) refuse("this kind of group");
    take(1);
  }

  /// {n,m} is not possessive with + and {n} not lazy with ?, as in PCRE2; {,m} begins at 0.
  void interval() {
    std::size_t end = at_ + 1;
    const auto digits = [&] {
      const std::size_t from = end;
      while (end < in_.size() && std::isdigit(static_cast<unsigned char>(in_[end])) != 0) ++end;
      return end > from;
    };
    const bool least = digits();
    const bool comma = end < in_.size() && in_[end] == ',';
    if (comma) ++end;
    const bool most = comma && digits();
    if ((!least && !most) || end >= in_.size() || in_[end] != '}') return take(1);  // a brace
    ++end;
    if (end < in_.size() && (in_[end] == '+' || (in_[end] == '?' && !comma)))
      refuse("an interval with + or ?");
    if (!least) out_ += "{0", ++at_;
    take(end - at_);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace recllm::detail
