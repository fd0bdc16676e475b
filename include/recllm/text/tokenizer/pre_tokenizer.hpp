// The pre-tokenizers of tokenizer.json: text to pieces that the model encodes one by one.
//
// Components: Split, Digits, ByteLevel, Whitespace, WhitespaceSplit, CharDelimiterSplit, Metaspace,
// Sequence, as https://huggingface.co/docs/tokenizers/api/pre-tokenizers says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/text/tokenizer/byte_level.hpp>
#include <recllm/text/tokenizer/characters.hpp>
#include <recllm/text/tokenizer/components.hpp>

namespace recllm::detail {

/// What becomes of the matches of a pattern that text is split at.
enum class split_behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// What splitting a text needs to write on.
struct split_scratch {
  regex_scratch regex;
  std::vector<std::string> texts;  // one a step
};

class pre_tokenizer {
 public:
  pre_tokenizer() = default;

  /// Reads the file's field "pre_tokenizer".
  explicit pre_tokenizer(const json_place& splitter) {
    each_component(splitter, "pretokenizers", [&](const json_place& part) { add(part); });
  }

  [[nodiscard]] std::size_t step_count() const { return steps_.size(); }

  /// Whether the last step only writes bytes as characters. Without it the pieces are bytes.
  [[nodiscard]] bool ends_in_byte_characters() const {
    return !steps_.empty() && steps_.back().what == kind::to_byte_characters;
  }
  void drop_last() { steps_.pop_back(); }

  /// Calls `emit(piece)` for the pieces of `text`, none of them empty. `first`: the text is the beginning of
  /// all.
  template <class Emit>
  void split(std::string_view text, bool first, split_scratch& scratch, Emit& emit) const {
    if (!text.empty()) run(0, text, first, scratch, emit);
  }

 private:
  enum class kind { split, prefix_space, to_byte_characters, metaspace };
  enum class prepend { never, first, always };
  struct step {
    kind what = kind::split;
    text_regex pattern;
    split_behavior behavior = split_behavior::isolated;
    bool invert = false;
    std::string replacement;  // metaspace
    prepend scheme = prepend::never;
  };

  void add_split(text_regex pattern, split_behavior behavior, bool invert = false) {
    step made;
    made.pattern = std::move(pattern);
    made.behavior = behavior;
    made.invert = invert;
    steps_.push_back(std::move(made));
  }

  void add(const json_place& part) {
    using enum split_behavior;
    const std::string& type = part.at("type").text();
    step made;
    if (type == "Split") {
      add_split(read_pattern(part.at("pattern")), read_behavior(part.at("behavior")),
                part.at("invert").flag(false));
    } else if (type == "Digits") {
      add_split(text_regex::one_of(rust_numeric_class()),
                part.at("individual_digits").flag(false) ? isolated : contiguous);
    } else if (type == "Whitespace") {
      const std::string word = rust_word_class(), space(white_space_class);
      add_split(text_regex::own("[" + word + "]+|[^" + word + space + "]+"), removed, true);
    } else if (type == "WhitespaceSplit") {
      add_split(text_regex::one_of(white_space_class), removed);
    } else if (type == "CharDelimiterSplit") {
      add_split(text_regex::literal(one_character(part.at("delimiter"))), removed);
    } else if (type == "ByteLevel") {
      made.what = kind::prefix_space;
      if (part.at("add_prefix_space").flag(true)) steps_.push_back(made);
      if (part.at("use_regex").flag(true))
        add_split(text_regex::pattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
                                      "\\s+(?!\\S)|\\s+"),
                  isolated);
      made.what = kind::to_byte_characters;
      steps_.push_back(made);
    } else if (type == "Metaspace") {
      made.what = kind::metaspace;
      made.replacement = one_character(part.at("replacement"));
      made.scheme = read_scheme(part);
      steps_.push_back(made);
      if (part.at("split").flag(true)) add_split(text_regex::literal(made.replacement), merged_with_next);
    } else {
      part.at("type").fail(
          "Split, Digits, ByteLevel, Whitespace, WhitespaceSplit, CharDelimiterSplit, Metaspace "
          "or Sequence");
    }
  }

  static split_behavior read_behavior(const json_place& behavior) {
    using enum split_behavior;
    const std::string& name = behavior.text();
    if (name == "Removed") return removed;
    if (name == "Isolated") return isolated;
    if (name == "MergedWithPrevious") return merged_with_previous;
    if (name == "MergedWithNext") return merged_with_next;
    if (name == "Contiguous") return contiguous;
    behavior.fail("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  }

  static const std::string& one_character(const json_place& character) {
    const std::string& text = character.text();
    if (text.empty() || code_point_at(text, 0).length != text.size()) character.fail("one character");
    return text;
  }

  static prepend read_scheme(const json_place& metaspace) {
    const json_place scheme = metaspace.at("prepend_scheme"), old = metaspace.at("add_prefix_space");
    if (!old.null() && !old.flag()) {
      if (scheme.text("never") != "never") scheme.fail("\"never\", since add_prefix_space is false");
      return prepend::never;
    }
    const std::string name = scheme.text("always");
    if (name == "always") return prepend::always;
    if (name == "first") return prepend::first;
    if (name != "never") scheme.fail("\"always\", \"first\" or \"never\"");
    return prepend::never;
  }

  template <class Emit>
  void run(std::size_t i, std::string_view piece, bool first, split_scratch& scratch, Emit& emit) const {
    if (i == steps_.size()) return emit(piece);
    const step& one = steps_[i];
    if (one.what == kind::split) {
      split_at_matches(one, piece, scratch, [&](std::size_t from, std::size_t to) {
        if (from < to) run(i + 1, piece.substr(from, to - from), first && from == 0, scratch, emit);
      });
      return;
    }
    std::string& changed = scratch.texts[i];
    changed.clear();
    if (one.what == kind::to_byte_characters) {
      append_byte_characters(changed, piece);
    } else if (one.what == kind::prefix_space) {
      if (piece.front() == ' ') return run(i + 1, piece, first, scratch, emit);
      (changed += ' ') += piece;
    } else {
      for (const char c : piece) c == ' ' ? changed += one.replacement : changed += c;
      const bool wanted = one.scheme == prepend::always || (one.scheme == prepend::first && first);
      if (wanted && !changed.starts_with(one.replacement)) changed.insert(0, one.replacement);
    }
    run(i + 1, changed, first, scratch, emit);
  }

  /// Calls `put(from, to)` for the pieces, which may be empty. As Rust's, the flag of what came before is
  /// false at the beginning, and with merged_with_next seen from the end.
  template <class Put>
  static void split_at_matches(const step& one, std::string_view text, const split_scratch& scratch,
                               Put put) {
    using enum split_behavior;
    std::size_t begin = 0, end = 0;  // the piece that is still open
    bool open = false, open_match = false;
    const auto take = [&](std::size_t from, std::size_t to, bool match) {
      bool joins = false;
      if (open) switch (one.behavior) {
          case contiguous:
            joins = match == open_match;
            break;
          case merged_with_previous:
            joins = match && !open_match;
            break;
          case merged_with_next:
            joins = !match && open_match;
            break;
          case removed:
          case isolated:
            break;
        }
      if (open && !joins) put(begin, end);
      if (!joins) begin = from;
      end = to;
      open = one.behavior != removed || !match;
      open_match = match;
    };
    std::size_t done = 0;
    one.pattern.each(text, scratch.regex, [&](std::size_t from, std::size_t to) {
      if (done < from) take(done, from, one.invert);
      take(from, to, !one.invert);
      done = to;
    });
    if (done < text.size()) take(done, text.size(), one.invert);
    if (open) put(begin, end);
  }

  std::vector<step> steps_;
};

}  // namespace recllm::detail
