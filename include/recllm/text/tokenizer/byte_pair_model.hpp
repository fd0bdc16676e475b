// The model BPE of tokenizer.json: a piece of text to ids by merges.
//
// Source: https://huggingface.co/docs/tokenizers/api/models, and merge_symbols.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/byte_level.hpp>
#include <recllm/text/tokenizer/json_place.hpp>
#include <recllm/text/tokenizer/merge_symbols.hpp>
#include <recllm/text/tokenizer/vocabulary.hpp>
#include <recllm/text/tokenizer/word_cache.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// What encoding a piece needs to write on.
struct merge_scratch {
  std::vector<merge_symbol> symbols;
  std::vector<merge_candidate> heap;
  std::string character;
  word_cache cache;
};

class byte_pair_model {
 public:
  byte_pair_model() = default;

  /// Reads the file's field "model", whose tokens are in `tokens`.
  byte_pair_model(const json_place& model, const vocabulary& tokens)
      : prefix_(model.at("continuing_subword_prefix").text("")),
        suffix_(model.at("end_of_word_suffix").text("")),
        fuse_unknown_(model.at("fuse_unk").flag(false)),
        byte_fallback_(model.at("byte_fallback").flag(false)),
        ignore_merges_(model.at("ignore_merges").flag(false)) {
    const json_place dropout = model.at("dropout"), unknown = model.at("unk_token");
    if (!dropout.null() && dropout.value() != 0) dropout.fail("null: encoding is not random");
    if (!unknown.null()) {
      unknown_token_ = unknown.text();
      unknown_ = tokens.find(unknown.text());
      no_unknown_ = unknown_ < 0;
    }
    read_merges(model.at("merges"), tokens);
    for (std::size_t b = 0; b < 256; ++b) {
      std::string character;
      append_utf8(character, byte_characters[b]);
      bytes_[b] = tokens.find(character);
      fallback_[b] = tokens.find(fallback_token(b));
    }
  }

  /// Pieces will be bytes rather than the characters that stand for them. False, and nothing changed, where
  /// the two could differ.
  bool take_bytes(const vocabulary& tokens) {
    if (byte_fallback_ || !prefix_.empty() || !suffix_.empty()) return false;
    raw_ = true;
    if (!ignore_merges_) return true;
    for (std::size_t id = 0; id < tokens.end(); ++id) {
      const std::string* token = tokens.find(static_cast<int>(id));
      std::string bytes;
      if (token != nullptr && append_bytes(bytes, *token)) words_.emplace(bytes, static_cast<int>(id));
    }
    return true;
  }

  /// Appends the ids of a piece, which is not empty.
  void encode(std::string_view piece, const vocabulary& tokens, merge_scratch& scratch,
              std::vector<int>& ids) const {
    const auto place = scratch.cache.find(piece, ids);
    if (!place) return;
    const std::size_t before = ids.size();
    merge_piece(piece, tokens, scratch, ids);
    scratch.cache.insert(piece, {ids.data() + before, ids.size() - before}, *place);
  }

  /// The merges in order of rank, as pairs of ids.
  [[nodiscard]] const std::vector<std::pair<int, int>>& merges() const { return order_; }

 private:
  static constexpr std::size_t short_word = 96;

  static std::string fallback_token(std::size_t byte) {
    constexpr const char* digits = "0123456789ABCDEF";
    return {'<', '0', 'x', digits[byte / 16], digits[byte % 16], '>'};
  }

  void read_merges(const json_place& merges, const vocabulary& tokens) {
    const std::size_t count = merges.size();
    merges_ = merge_table(count);
    order_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const nlohmann::json& entry = merges.value()[i];
      std::string_view left, right;
      if (entry.is_string()) {
        const std::string_view both = entry.get_ref<const std::string&>();
        const std::size_t space = both.find(' ');
        if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos)
          merges.at(i).fail("two tokens with one space between them");
        left = both.substr(0, space);
        right = both.substr(space + 1);
      } else {
        if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string())
          merges.at(i).fail("a string or a list of two strings");
        left = entry[0].get_ref<const std::string&>();
        right = entry[1].get_ref<const std::string&>();
      }
      if (right.size() < prefix_.size()) merges.at(i).refuse("has a right part shorter than the prefix");
      const std::string both = std::string(left) + std::string(right.substr(prefix_.size()));
      const int left_id = tokens.find(left), right_id = tokens.find(right), id = tokens.find(both);
      if (left_id < 0 || right_id < 0 || id < 0)
        merges.at(i).refuse("names '",
                            left_id < 0    ? left
                            : right_id < 0 ? right
                                           : both,
                            "', which is not in model.vocab");
      merges_.add(left_id, right_id, {static_cast<std::uint32_t>(i), id});
      order_.emplace_back(left_id, right_id);
    }
  }

  void merge_piece(std::string_view piece, const vocabulary& tokens, merge_scratch& scratch,
                   std::vector<int>& ids) const {
    if (ignore_merges_) {
      if (const int whole = whole_piece(piece, tokens); whole >= 0) return ids.push_back(whole);
    }
    auto& symbols = scratch.symbols;
    symbols.clear();
    if (raw_)
      put_bytes(piece, symbols);
    else
      put_characters(piece, tokens, scratch.character, symbols);
    if (symbols.empty()) return;
    if (symbols.size() <= short_word)
      merge_short(symbols, merges_);
    else
      merge_long(symbols, scratch.heap, merges_);
    for (const merge_symbol& s : symbols) ids.push_back(s.id);
  }

  [[nodiscard]] int whole_piece(std::string_view piece, const vocabulary& tokens) const {
    if (!raw_) return tokens.find(piece);
    const auto found = words_.find(piece);
    return found == words_.end() ? -1 : found->second;
  }

  /// The unknown token is held back until a known one follows, so that several can become one.
  void put_unknown(bool& held, std::vector<merge_symbol>& symbols) const {
    require(!no_unknown_,
            "recllm: encode: the text holds a character without a token, and model.unk_token, '",
            unknown_token_, "', is not in model.vocab");
    if (unknown_ < 0) return;  // the character is lost, as in the library
    if (held && !fuse_unknown_) symbols.push_back({unknown_});
    held = true;
  }

  void put_bytes(std::string_view piece, std::vector<merge_symbol>& symbols) const {
    bool held = false;
    for (const char c : piece) {
      const int id = bytes_[static_cast<unsigned char>(c)];
      if (id < 0) {
        put_unknown(held, symbols);
        continue;
      }
      if (std::exchange(held, false)) symbols.push_back({unknown_});
      symbols.push_back({id});
    }
    if (held) symbols.push_back({unknown_});
  }

  void put_characters(std::string_view piece, const vocabulary& tokens, std::string& character,
                      std::vector<merge_symbol>& symbols) const {
    bool held = false;
    for (std::size_t at = 0, length = 0; at < piece.size(); at += length) {
      length = code_point_at(piece, at).length;
      character.assign(at == 0 ? "" : prefix_).append(piece.substr(at, length));
      if (at + length == piece.size()) character += suffix_;
      if (const int id = tokens.find(character); id >= 0) {
        if (std::exchange(held, false)) symbols.push_back({unknown_});
        symbols.push_back({id});
      } else if (!byte_fallback_ || !put_fallback(character, symbols)) {
        put_unknown(held, symbols);
      }
    }
    if (held) symbols.push_back({unknown_});
  }

  /// The tokens of a character's bytes, all or none.
  bool put_fallback(std::string_view character, std::vector<merge_symbol>& symbols) const {
    const std::size_t before = symbols.size();
    for (const char c : character) {
      const int id = fallback_[static_cast<unsigned char>(c)];
      if (id < 0) {
        symbols.resize(before);
        return false;
      }
      symbols.push_back({id});
    }
    return true;
  }

  merge_table merges_;
  std::vector<std::pair<int, int>> order_;
  std::array<int, 256> bytes_{}, fallback_{};  // ids, -1 for none
  token_ids words_;                            // tokens as bytes, if whole pieces are looked up
  std::string prefix_, suffix_, unknown_token_;
  int unknown_ = -1;
  bool no_unknown_ = false, fuse_unknown_ = false, byte_fallback_ = false, ignore_merges_ = false,
       raw_ = false;
};

}  // namespace recllm::detail
