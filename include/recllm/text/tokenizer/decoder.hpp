// The decoders of tokenizer.json: tokens to text.
//
// Components: ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder, Sequence, as
// https://huggingface.co/docs/tokenizers/api/decoders says. Each turns a list of texts into another; what is
// left is joined.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/byte_level.hpp>
#include <recllm/text/tokenizer/components.hpp>
#include <recllm/text/tokenizer/utf8_repair.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// The byte that "<0x41>" stands for, nothing for any other token.
inline std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  const int high = digit(token[3]), low = digit(token[4]);
  if (low < 0 || (high < 0 && token[3] != '+')) return std::nullopt;  // Rust reads "+5" as a number
  return static_cast<char>(std::max(high, 0) * 16 + low);
}

class token_decoder {
 public:
  token_decoder() = default;

  /// Reads the file's field "decoder".
  explicit token_decoder(const json_place& decoder) : joined_by_(decoder.null() ? " " : "") {
    each_component(decoder, "decoders", [&](const json_place& part) { steps_.push_back(read(part)); });
  }

  /// The text of tokens. Throws std::invalid_argument if it becomes a hundred times as long.
  [[nodiscard]] std::string apply(std::vector<std::string> tokens, const regex_scratch& scratch) const {
    const auto size = [&] {
      std::size_t all = 0;
      for (const std::string& token : tokens) all += token.size();
      return all;
    };
    const std::size_t most = most_text(size());
    for (const step& one : steps_) {
      run(one, tokens, scratch);
      require(one.what != kind::replace || size() <= most,
              "recllm: decode: the tokenizer's decoders make more than 100 times its length of a text");
    }
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) text += joined_by_;
      text += tokens[i];
    }
    return text;
  }

  /// Whether what comes after a token can change its text: it is a byte of a run.
  [[nodiscard]] bool is_open_after(std::string_view token) const {
    return fallback_byte(token).has_value() &&
           std::ranges::any_of(steps_, [](const step& s) { return s.what == kind::byte_fallback; });
  }

 private:
  enum class kind { byte_level, byte_fallback, fuse, replace, strip, metaspace, suffix };
  struct step {
    kind what = kind::fuse;
    text_regex pattern;
    std::string content;
    std::size_t start = 0, stop = 0;
    bool drop_first = false;
  };

  static step read(const json_place& part) {
    const std::string& type = part.at("type").text();
    step made;
    if (type == "ByteLevel") {
      made.what = kind::byte_level;
    } else if (type == "ByteFallback") {
      made.what = kind::byte_fallback;
    } else if (type == "Fuse") {
      made.what = kind::fuse;
    } else if (type == "Replace") {
      made.what = kind::replace;
      made.pattern = read_pattern(part.at("pattern"));
      made.content = part.at("content").text();
    } else if (type == "Strip") {
      made.what = kind::strip;
      made.content = part.at("content").text();
      made.start = part.at("start").number(most_stripped);
      made.stop = part.at("stop").number(most_stripped);
    } else if (type == "Metaspace") {
      made.what = kind::metaspace;
      made.content = part.at("replacement").text();
      made.drop_first =
          part.at("prepend_scheme").text("always") != "never" && part.at("add_prefix_space").flag(true);
    } else if (type == "BPEDecoder") {
      made.what = kind::suffix;
      made.content = part.at("suffix").text();
    } else {
      part.at("type").fail(
          "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder or Sequence");
    }
    if ((made.what == kind::strip || made.what == kind::metaspace) && made.content.empty())
      part.refuse("has an empty character");
    return made;
  }

  static void run(const step& one, std::vector<std::string>& tokens, const regex_scratch& scratch) {
    switch (one.what) {
      case kind::byte_level:
        return join_bytes(tokens);
      case kind::byte_fallback:
        return join_fallback(tokens);
      case kind::fuse:
        return fuse(tokens);
      case kind::replace:
        for (std::string& token : tokens) {
          std::string replaced;
          append_replaced(replaced, token, one.pattern, one.content, scratch);
          token.swap(replaced);
        }
        return;
      case kind::strip:
        for (std::string& token : tokens) strip(token, one);
        return;
      case kind::metaspace:
        for (std::size_t i = 0; i < tokens.size(); ++i)
          substitute(tokens[i], one.content, i == 0 && one.drop_first ? "" : " ");
        return;
      case kind::suffix:
        for (std::size_t i = 0; i < tokens.size(); ++i)
          substitute(tokens[i], one.content, i + 1 == tokens.size() ? "" : " ");
        return;
    }
  }

  static void fuse(std::vector<std::string>& tokens) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }

  static void join_bytes(std::vector<std::string>& tokens) {
    std::string bytes, text;
    for (const std::string& token : tokens)
      if (!append_bytes(bytes, token)) bytes += token;
    append_repaired(text, bytes);
    tokens.assign(1, std::move(text));
  }

  /// A run of bytes is a text, or if it is not UTF-8 as many U+FFFD as it has bytes.
  static void join_fallback(std::vector<std::string>& tokens) {
    std::vector<std::string> joined;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_utf8(bytes))
        joined.push_back(bytes);
      else
        joined.insert(joined.end(), bytes.size(), "\uFFFD");
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = fallback_byte(token)) {
        bytes += *byte;
      } else {
        flush();
        joined.push_back(std::move(token));
      }
    }
    flush();
    tokens.swap(joined);
  }

  static void strip(std::string& token, const step& how) {
    std::string_view left = token;
    for (std::size_t n = 0; n < how.start && left.starts_with(how.content); ++n)
      left.remove_prefix(how.content.size());
    for (std::size_t n = 0; n < how.stop && left.ends_with(how.content); ++n)
      left.remove_suffix(how.content.size());
    token = std::string(left);
  }

  static void substitute(std::string& text, std::string_view what, std::string_view by) {
    if (what.empty() || text.find(what) == std::string::npos) return;
    std::string changed;
    std::size_t done = 0;
    for (std::size_t at = 0; (at = text.find(what, done)) != std::string::npos; done = at + what.size())
      changed.append(text, done, at - done).append(by);
    text = changed.append(text, done);
  }

  static constexpr std::size_t most_stripped = 1'000'000;

  std::vector<step> steps_;
  std::string joined_by_;
};

}  // namespace recllm::detail
