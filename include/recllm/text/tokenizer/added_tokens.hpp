// Added tokens: found in text before the model sees it.
//
// Source: https://huggingface.co/docs/tokenizers/api/added-tokens, and what the library does at the edges: a
// token that single_word rules out still ends the search of others in it, and the space that rstrip takes can
// also be of the next token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <recllm/text/tokenizer/regex.hpp>
#include <recllm/text/tokenizer/token_finder.hpp>
#include <recllm/text/utf8.hpp>
#include <recllm/text/white_space.hpp>

namespace recllm {

/// How a token that is added to a vocabulary is found in text.
struct added_token {
  std::string content{};
  bool single_word = false;  ///< not next to a letter or digit
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = true;    ///< found in normalised text, where nothing that is not normalised was found
  bool special = false;      ///< decode() can skip it
  bool operator==(const added_token&) const = default;
};

namespace detail {

class added_tokens {
 public:
  /// Adds or replaces the token of `id`; `text` is what is looked for, its content, normalised if it says so.
  void put(int id, const added_token& token, const std::string& text) {
    if (token.special) special_.insert(token.content);
    by_id_.insert_or_assign(id, entry{token, text});
    verbatim_ = normalized_ = {};
    stale_ = true;
  }

  /// To be called after the last put().
  void build() {
    if (!std::exchange(stale_, false)) return;
    for (const auto& [id, added] : by_id_)
      (added.token.normalized ? normalized_ : verbatim_).add(added.text, id);
  }

  struct entry {
    added_token token;
    std::string text;  // what decode() sees
  };
  [[nodiscard]] const std::map<int, entry>& all() const { return by_id_; }

  /// Whether decode() can skip a token of this text.
  [[nodiscard]] bool is_special(const std::string& text) const { return special_.contains(text); }

  /// Whether any token is found in text.
  [[nodiscard]] bool none(bool normalized) const { return (normalized ? normalized_ : verbatim_).empty(); }

  /// Calls `outside(from, to)` and `inside(id)` for the text between tokens and the tokens, in order.
  template <class Outside, class Inside>
  void split(std::string_view text, bool normalized, const regex_scratch& scratch, Outside outside,
             Inside inside) const {
    const token_finder& finder = normalized ? normalized_ : verbatim_;
    std::size_t done = 0, search = 0;
    for (auto found = finder.next(text, 0); found.id >= 0; found = finder.next(text, search)) {
      const added_token& token = by_id_.find(found.id)->second.token;
      std::size_t from = found.from, to = search = found.to;
      if (token.single_word && (word_ends_at(text, from, scratch) || word_begins_at(text, to, scratch)))
        continue;
      if (token.lstrip) from = std::max(space_before(text, from), done);
      if (token.rstrip) to += space_after(text, to);
      if (done < from) outside(done, from);
      if (from < to) inside(found.id);  // nothing may be left of white space that another token took
      done = to;
    }
    if (done != text.size()) outside(done, text.size());
  }

 private:
  static const text_regex& word() {
    static const text_regex one = text_regex::one_of(rust_word_class());
    return one;
  }

  static std::size_t character_before(std::string_view text, std::size_t at) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
    return at;
  }

  static bool word_begins_at(std::string_view text, std::size_t at, const regex_scratch& scratch) {
    return at < text.size() &&
           word().find(text.substr(at, code_point_at(text, at).length), 0, scratch).found();
  }
  static bool word_ends_at(std::string_view text, std::size_t at, const regex_scratch& scratch) {
    return at > 0 && word_begins_at(text, character_before(text, at), scratch);
  }

  static std::size_t space_before(std::string_view text, std::size_t at) {
    while (at > 0) {
      const std::size_t last = character_before(text, at);
      if (white_space_at(text, last) == 0) break;
      at = last;
    }
    return at;
  }
  static std::size_t space_after(std::string_view text, std::size_t at) {
    std::size_t to = at;
    while (to < text.size()) {
      const std::size_t length = white_space_at(text, to);
      if (length == 0) break;
      to += length;
    }
    return to - at;
  }

  std::map<int, entry> by_id_;
  std::set<std::string, std::less<>> special_;
  token_finder verbatim_, normalized_;
  bool stale_ = false;
};

}  // namespace detail
}  // namespace recllm
