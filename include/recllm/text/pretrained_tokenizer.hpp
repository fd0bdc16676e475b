// The tokenizers of pretrained language models: Hugging Face's tokenizer.json, or vocab.json and merges.txt.
//
// Ids and text are those of the tokenizers library 0.23 (https://github.com/huggingface/tokenizers); what a
// file asks for and this does not do is refused when it is read. Needs PCRE2 (Debian: libpcre2-dev; link
// pcre2-8) and ICU (libicu-dev; link ICU::uc of CMake's FindICU).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/added_tokens.hpp>
#include <recllm/text/tokenizer/byte_pair_model.hpp>
#include <recllm/text/tokenizer/concept.hpp>
#include <recllm/text/tokenizer/decoder.hpp>
#include <recllm/text/tokenizer/json_place.hpp>
#include <recllm/text/tokenizer/normalizer.hpp>
#include <recllm/text/tokenizer/post_processor.hpp>
#include <recllm/text/tokenizer/pre_tokenizer.hpp>
#include <recllm/text/tokenizer/tokenizer_files.hpp>
#include <recllm/text/tokenizer/utf8_repair.hpp>
#include <recllm/text/tokenizer/vocabulary.hpp>
#include <recllm/text/tokenizer/workspace_pool.hpp>

namespace recllm {

/// How add_tokens() adds.
struct token_options {
  bool special = false;              ///< decode() can skip them
  std::optional<bool> normalized{};  ///< found in normalised text; by default if not special
  bool single_word = false, lstrip = false, rstrip = false;  ///< see added_token
};

/// A tokenizer as its model was trained with. Threads may share it.
class pretrained_tokenizer {
 public:
  /// Reads a tokenizer.json, or that of a folder; a folder without one must hold vocab.json, merges.txt and a
  /// tokenizer_config.json whose tokenizer_class is Qwen2Tokenizer or GPT2Tokenizer. Throws
  /// std::invalid_argument that names the file and the field if a file cannot be read, is damaged, or asks
  /// for what this does not do.
  [[nodiscard]] static pretrained_tokenizer load(const std::filesystem::path& path) {
    return made_of(detail::read_tokenizer_document(path));
  }

  /// The tokenizer of a tokenizer.json's content; `name` stands for the file in messages. Throws as load().
  [[nodiscard]] static pretrained_tokenizer parse(nlohmann::json content, const std::filesystem::path& name) {
    return made_of({name, std::move(content), {}});
  }

  /// The ids of the text; with `add_special_tokens`, those that the model wants around it. Bytes that are not
  /// UTF-8 count as U+FFFD. Throws std::invalid_argument for a text of a gigabyte or more, and for one with a
  /// part for which the vocabulary has no token, also not an unknown one.
  [[nodiscard]] std::vector<int> encode(std::string_view text, bool add_special_tokens = false) const {
    require(text.size() < 1'000'000'000, "recllm: encode: the text has ", text.size(),
            " bytes; expected less than a gigabyte: encode it in parts");
    const auto borrowed = workspaces_.borrow();
    workspace& w = *borrowed;
    w.pieces.texts.resize(splitter_.step_count());
    if (!detail::is_utf8(text)) {
      w.repaired.clear();
      detail::append_repaired(w.repaired, text);
      text = w.repaired;
    }
    std::vector<int> ids;
    ids.reserve(text.size() / 4 + 8);
    const auto push = [&](int id) { ids.push_back(id); };
    if (added_.none(false))
      encode_normalized(text, true, w, ids);
    else
      added_.split(
          text, false, w.pieces.regex,
          [&](std::size_t from, std::size_t to) {
            encode_normalized(text.substr(from, to - from), from == 0, w, ids);
          },
          push);
    return around_.apply(std::move(ids), add_special_tokens);
  }

  /// The text of the ids; with `skip_special`, without special tokens. An id without a token gives nothing
  /// (models pad their vocabulary); a negative one throws std::invalid_argument.
  [[nodiscard]] std::string decode(std::span<const int> ids, bool skip_special = false) const {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const int id : ids) {
      require(id >= 0, "recllm: decode: id ", id, " is negative; is it a padding mark?");
      if (const std::string* token = shown(id, skip_special)) tokens.push_back(*token);
    }
    return decoder_.apply(std::move(tokens), workspaces_.borrow()->pieces.regex);
  }

  /// All ids are below it; the number of tokens, added ones included, where ids have no gap.
  [[nodiscard]] std::size_t vocab_size() const {
    return std::max(tokens_.end(),
                    added_.all().empty() ? 0 : static_cast<std::size_t>(added_.all().rbegin()->first) + 1);
  }

  /// The id of a token, nothing if it is not in the vocabulary.
  [[nodiscard]] std::optional<int> token_to_id(std::string_view token) const {
    if (const auto added = added_ids_.find(token); added != added_ids_.end()) return added->second;
    const int id = tokens_.find(token);
    return id < 0 ? std::nullopt : std::optional(id);
  }

  /// The token of an id as the model has it (byte-level characters and all), nothing if there is none.
  [[nodiscard]] std::optional<std::string> id_to_token(int id) const {
    const std::string* token = find(id);
    return token == nullptr ? std::nullopt : std::optional(*token);
  }

  /// Whether an id that follows these can still change their text: they end in a byte of a run (byte
  /// fallback).
  [[nodiscard]] bool is_open_after(std::span<const int> ids, bool skip_special = false) const {
    for (std::size_t i = ids.size(); i-- > 0;)
      if (const std::string* token = shown(ids[i], skip_special)) return decoder_.is_open_after(*token);
    return false;
  }

  /// Adds tokens and gives their ids: one that is in the vocabulary keeps its id, the others are numbered on
  /// from the end. Throws std::invalid_argument for an empty token or one that is not UTF-8; those before it
  /// are added. Not to be called while another thread encodes.
  std::vector<int> add_tokens(const std::vector<std::string>& tokens, const token_options& how = {}) {
    struct rebuild {  // also if a token is refused
      detail::added_tokens& added;
      ~rebuild() { added.build(); }
    } const at_the_end{added_};
    std::vector<int> ids;
    for (const std::string& token : tokens) {
      require(!token.empty(), "recllm: add_tokens: there is an empty token; a token needs a character");
      require(detail::is_utf8(token), "recllm: add_tokens: token ", ids.size(),
              " is not UTF-8; convert the text that it comes from");
      ids.push_back(add({.content = token,
                         .single_word = how.single_word,
                         .lstrip = how.lstrip,
                         .rstrip = how.rstrip,
                         .normalized = how.normalized.value_or(!how.special),
                         .special = how.special}));
    }
    return ids;
  }

  /// Writes a tokenizer.json that gives the same ids and text. Throws std::runtime_error with the path and
  /// the system's reason; what was there before is then still whole.
  void save(const std::filesystem::path& path) const {
    write_file_atomically(path, [&](std::ostream& out) { write(out); });
  }

 private:
  static pretrained_tokenizer made_of(detail::tokenizer_document document) {
    pretrained_tokenizer made(document);
    for (const added_token& token : document.more)
      if (!token.content.empty() && !made.is_added(token.content)) made.add(token);
    made.added_.build();
    return made;
  }

  struct workspace {
    detail::split_scratch pieces;
    detail::merge_scratch merging;
    std::string repaired, normalized;
  };

  explicit pretrained_tokenizer(detail::tokenizer_document& document) {
    const detail::json_place root(document.json, document.file);
    if (root.at("version").null() || root.at("version").text() != "1.0") root.at("version").fail("\"1.0\"");
    for (const char* unused : {"truncation", "padding"})
      if (!root.at(unused).null()) root.at(unused).fail("null: texts are encoded whole");
    const detail::json_place model = root.at("model"), type = model.at("type");
    if (!model.value().is_object()) model.fail("an object");
    words_ = !type.null() && type.text() == "WordLevel";
    if (!words_ && !(type.null() && !model.at("merges").null()) && type.text() != "BPE")
      type.fail("\"BPE\" or \"WordLevel\"");
    tokens_ = detail::vocabulary(model.at("vocab"));
    splitter_ = detail::pre_tokenizer(root.at("pre_tokenizer"));
    normalizer_ = detail::text_normalizer(root.at("normalizer"));
    decoder_ = detail::token_decoder(root.at("decoder"));
    if (words_) {
      unknown_ = tokens_.find(model.at("unk_token").text("<unk>"));
    } else {
      merges_ = detail::byte_pair_model(model, tokens_);
      if (splitter_.ends_in_byte_characters() && merges_.take_bytes(tokens_)) splitter_.drop_last();
    }
    read_added_tokens(root.at("added_tokens"));
    around_ = detail::post_processor(root.at("post_processor"), vocab_size());

    frame_ = std::move(document.json);
    for (const char* table : {"vocab", "merges"}) frame_["model"].erase(table);
    frame_.erase("added_tokens");
  }

  void read_added_tokens(const detail::json_place& list) {
    if (list.null()) return;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const detail::json_place entry = list.at(i);
      const added_token token = detail::read_added_token(entry);
      if (token.content.empty()) entry.at("content").fail("a token of at least one character");
      const std::size_t id = entry.at("id").number(detail::most_ids);
      const int given = add(token);
      if (static_cast<std::size_t>(given) != id)
        entry.at("id").refuse("is ", id, ", but Hugging Face's tokenizers gives '", token.content,
                              "' the id ", given, ": that of model.vocab, or else the next after all before");
    }
  }

  [[nodiscard]] bool is_added(const std::string& token) const { return added_ids_.contains(token); }

  /// As the library numbers them: from the number of the model's tokens, or after the last added one.
  int add(const added_token& token) {
    const std::optional<int> known = token_to_id(token.content);
    const std::size_t count = tokens_.size();
    const std::size_t last =
        added_.all().empty() ? 0 : static_cast<std::size_t>(added_.all().rbegin()->first) + 1;
    const int id = known ? *known : static_cast<int>(std::max(count, last));
    require(known || (tokens_.find(id) == nullptr && static_cast<std::size_t>(id) < detail::most_ids),
            "recllm: add_tokens: the id ", id, " of '", token.content,
            "' is taken: the vocabulary's ids have gaps; number its tokens from 0 without one");
    std::string text = token.content;
    if (token.normalized) {
      normalizer_.apply(text, workspaces_.borrow()->pieces.regex);
      require(!text.empty(), "recllm: add_tokens: nothing is left of '", token.content,
              "' after normalisation; add it with normalized = false");
    }
    added_ids_.insert_or_assign(token.content, id);
    added_.put(id, token, text);
    return id;
  }

  [[nodiscard]] const std::string* find(int id) const {
    const auto added = added_.all().find(id);
    return added == added_.all().end() ? tokens_.find(id) : &added->second.text;
  }

  /// The token as it is decoded, null if it is not.
  [[nodiscard]] const std::string* shown(int id, bool skip_special) const {
    const std::string* token = find(id);
    return token == nullptr || (skip_special && added_.is_special(*token)) ? nullptr : token;
  }

  void encode_normalized(std::string_view text, bool first, workspace& w, std::vector<int>& ids) const {
    if (!normalizer_.empty()) {
      w.normalized = text;
      first = normalizer_.apply(w.normalized, w.pieces.regex) && first;
      text = w.normalized;
    }
    if (added_.none(true)) return encode_pieces(text, first, w, ids);
    added_.split(
        text, true, w.pieces.regex,
        [&](std::size_t from, std::size_t to) {
          encode_pieces(text.substr(from, to - from), first && from == 0, w, ids);
        },
        [&](int id) { ids.push_back(id); });
  }

  void encode_pieces(std::string_view text, bool first, workspace& w, std::vector<int>& ids) const {
    if (words_) {
      const auto emit = [&](std::string_view piece) { ids.push_back(word_id(piece)); };
      splitter_.split(text, first, w.pieces, emit);
    } else {
      const auto emit = [&](std::string_view piece) { merges_.encode(piece, tokens_, w.merging, ids); };
      splitter_.split(text, first, w.pieces, emit);
    }
  }

  [[nodiscard]] int word_id(std::string_view word) const {
    const int id = tokens_.find(word);
    require(id >= 0 || unknown_ >= 0, "recllm: encode: '", word,
            "' is not in the vocabulary, and it has no token for what is unknown");
    return id >= 0 ? id : unknown_;
  }

  void write(std::ostream& out) const {
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
    out << "{\n  \"version\": \"1.0\",\n  \"added_tokens\": [";
    const char* before = "\n    ";
    for (const auto& [id, added] : added_.all()) {
      out << before << detail::added_token_json(added.token, static_cast<std::size_t>(id)).dump();
      before = ",\n    ";
    }
    out << "\n  ]";
    for (const auto& [name, value] : frame_.items())
      if (name != "version" && name != "model") out << ",\n  " << quoted(name) << ": " << value.dump();
    out << ",\n  \"model\": {";
    for (const auto& [name, value] : frame_["model"].items())
      out << "\n    " << quoted(name) << ": " << value.dump() << ',';
    if (!words_) {
      out << "\n    \"merges\": [";
      before = "\n      ";
      for (const auto& [left, right] : merges_.merges()) {
        out << before << '[' << quoted(*tokens_.find(left)) << ", " << quoted(*tokens_.find(right)) << ']';
        before = ",\n      ";
      }
      out << "\n    ],";
    }
    out << "\n    \"vocab\": {";
    before = "\n      ";
    for (std::size_t id = 0; id < tokens_.end(); ++id)
      if (const std::string* token = tokens_.find(static_cast<int>(id))) {
        out << before << quoted(*token) << ": " << id;
        before = ",\n      ";
      }
    out << "\n    }\n  }\n}\n";
  }

  nlohmann::json frame_;  // the file without its tokens and merges
  detail::vocabulary tokens_;
  detail::token_ids added_ids_;
  detail::added_tokens added_;
  detail::text_normalizer normalizer_;
  detail::pre_tokenizer splitter_;
  detail::byte_pair_model merges_;
  detail::post_processor around_;
  detail::token_decoder decoder_;
  bool words_ = false;  // the model is WordLevel
  int unknown_ = -1;    // of WordLevel
  detail::workspace_pool<workspace> workspaces_;
};
static_assert(Tokenizer<pretrained_tokenizer>);

}  // namespace recllm
