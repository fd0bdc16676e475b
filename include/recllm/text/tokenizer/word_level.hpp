// A tokenizer of whole words that is stored as a Hugging Face tokenizer.json.
//
// The file's format is that of the tokenizers library (version "1.0"): model WordLevel, pre-tokeniser
// WhitespaceSplit, added tokens. The library reads what save() writes and gives the same ids and the same
// text. Needs no library but nlohmann-json; text/pretrained_tokenizer.hpp reads these files too, and all
// others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>
#include <recllm/core/shown_json.hpp>
#include <recllm/text/tokenizer/concept.hpp>
#include <recllm/text/tokenizer/token_finder.hpp>
#include <recllm/text/utf8.hpp>
#include <recllm/text/white_space.hpp>

namespace recllm {

/// A vocabulary of whole words. Text is split at white space; a word that is not in the vocabulary becomes
/// the unknown token; special tokens are found anywhere in the text, also inside words, the longest first.
/// Decoding joins tokens by one space. Ids count from 0.
class word_level_tokenizer {
 public:
  /// The vocabulary special_tokens, unknown (if it is not among them), words: ids in this order. The unknown
  /// token is special too. Throws std::invalid_argument if a token is given twice, is not UTF-8, or can never
  /// be read from text because it is empty, holds white space (a word) or holds a special token (a word).
  [[nodiscard]] static word_level_tokenizer build(const std::vector<std::string>& words,
                                                  const std::vector<std::string>& special_tokens,
                                                  const std::string& unknown = "<unk>") {
    word_level_tokenizer built;
    const auto add = [&](const std::string& token, const char* kind, bool special) {
      require(!token.empty(), "recllm: word_level_tokenizer::build: there is an empty ", kind,
              "; a token needs at least one character");
      require(detail::is_utf8(token), "recllm: word_level_tokenizer::build: the ", kind, " at id ",
              built.tokens_.size(), " is not UTF-8; convert the text that it comes from");
      require(!built.ids_.contains(token), "recllm: word_level_tokenizer::build: the ", kind, " '", token,
              "' is in the vocabulary already; give each token once");
      built.ids_.emplace(token, static_cast<int>(built.tokens_.size()));
      built.tokens_.push_back({token, special, special, false});
    };
    for (const std::string& token : special_tokens) add(token, "special token", true);
    if (!built.ids_.contains(unknown)) add(unknown, "unknown token", true);
    built.unknown_ = built.ids_.find(unknown)->second;
    built.find_added_tokens();
    for (const std::string& word : words) {
      add(word, "word", false);
      require(built.encode(word) == std::vector{built.ids_.find(word)->second},
              "recllm: word_level_tokenizer::build: the word '", word,
              "' can never be read from text: it holds white space or a special token; split it");
    }
    return built;
  }

  /// The ids of the text, as Hugging Face's encode(text, add_special_tokens=False). Empty for blank text.
  [[nodiscard]] std::vector<int> encode(std::string_view text) const {
    std::vector<int> ids;
    const auto push = [&](int id) { ids.push_back(id); };
    verbatim_.split(
        text,
        [&](std::string_view between) {
          normalized_.split(
              between, [&](std::string_view rest) { encode_words(rest, ids); }, push);
        },
        push);
    return ids;
  }

  /// The tokens joined by one space; with `skip_special`, without special tokens. An id of vocab_size() or
  /// more gives nothing, as in Hugging Face (models pad their vocabulary); a negative one throws
  /// std::invalid_argument.
  [[nodiscard]] std::string decode(std::span<const int> ids, bool skip_special = false) const {
    std::string text;
    bool first = true;
    for (const int id : ids) {
      require(id >= 0, "recllm: word_level_tokenizer::decode: id ", id,
              " is negative; is it a padding mark?");
      if (static_cast<std::size_t>(id) >= tokens_.size() ||
          (skip_special && tokens_[static_cast<std::size_t>(id)].special))
        continue;
      if (!std::exchange(first, false)) text += ' ';
      text += tokens_[static_cast<std::size_t>(id)].text;
    }
    return text;
  }

  /// The number of tokens, special ones included.
  [[nodiscard]] std::size_t vocab_size() const { return tokens_.size(); }

  /// The id of a token, nothing if it is not in the vocabulary.
  [[nodiscard]] std::optional<int> token_to_id(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  /// The token of an id, nothing if there is none.
  [[nodiscard]] std::optional<std::string> id_to_token(int id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) return std::nullopt;
    return tokens_[static_cast<std::size_t>(id)].text;
  }

  /// The id that stands for every word outside the vocabulary.
  [[nodiscard]] int unknown_id() const { return unknown_; }

  /// Writes a tokenizer.json. Throws std::runtime_error with the path and the system's reason (disk full, no
  /// such folder, ...); what was there before is then still whole.
  void save(const std::filesystem::path& path) const {
    std::string added, vocabulary;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      const entry& token = tokens_[id];
      const std::string content = nlohmann::json(token.text).dump();
      vocabulary += (id == 0 ? "\n      " : ",\n      ") + content + ": " + std::to_string(id);
      if (!token.added) continue;
      added += (added.empty() ? "\n    " : ",\n    ") + std::string("{\"id\": ") + std::to_string(id) +
               ", \"content\": " + content + R"(, "single_word": false, "lstrip": false, "rstrip": false)" +
               ", \"normalized\": " + (token.normalized ? "true" : "false") +
               ", \"special\": " + (token.special ? "true}" : "false}");
    }
    write_file_atomically(
        path, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n" +
                  ("  \"added_tokens\": [" + added) + "\n  ],\n" +
                  R"(  "normalizer": null,
  "pre_tokenizer": {"type": "WhitespaceSplit"},
  "post_processor": null,
  "decoder": null,
  "model": {
    "type": "WordLevel",
    "vocab": {)" + vocabulary +
                  "\n    },\n    \"unk_token\": " +
                  nlohmann::json(tokens_[static_cast<std::size_t>(unknown_)].text).dump() + "\n  }\n}\n");
  }

  /// Reads a tokenizer.json, or the one in a folder. Throws std::invalid_argument that names the file and the
  /// field if it cannot be read, is not JSON, or holds what this tokenizer does not do.
  [[nodiscard]] static word_level_tokenizer load(const std::filesystem::path& path) {
    using nlohmann::json;
    std::error_code ignored;
    const std::filesystem::path file =
        std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
    const auto check = [&](bool good, const auto&... parts) {
      require(good, "recllm: word_level_tokenizer::load: ", file, ": ", parts...);
    };
    const auto field = [](const json& object, const char* name) -> const json& {
      static const json nothing;
      const auto found = object.find(name);
      return found == object.end() ? nothing : *found;
    };
    std::ifstream in(file, std::ios::binary);
    check(std::filesystem::is_regular_file(file, ignored) && in.is_open(),
          "cannot open the file; is it there and readable?");
    json root;
    try {
      root = json::parse(in);
    } catch (const json::exception& problem) {
      check(false, "not JSON: ", problem.what());
    }
    const json& format_version = field(root, "version");
    check(format_version == "1.0", "version is ", detail::shown_json{format_version}, "; expected \"1.0\"");
    const json& model = field(root, "model");
    check(field(model, "type") == "WordLevel", "model.type is ", detail::shown_json{field(model, "type")},
          "; expected \"WordLevel\"");
    const json& splitter = field(field(root, "pre_tokenizer"), "type");
    check(splitter == "WhitespaceSplit", "pre_tokenizer.type is ", detail::shown_json{splitter},
          "; expected \"WhitespaceSplit\"");
    for (const char* unused : {"truncation", "padding", "normalizer", "post_processor", "decoder"})
      check(field(root, unused).is_null(), unused, " is set; this tokenizer has none: expected null");
    const json& vocabulary = field(model, "vocab");
    check(vocabulary.is_object(), "model.vocab is ",
          vocabulary.is_null() ? "missing" : vocabulary.type_name(), "; expected an object of words and ids");
    const json& added = field(root, "added_tokens");
    check(added.is_array() || added.is_null(), "added_tokens is not a list");

    word_level_tokenizer loaded;
    std::set<std::string> new_tokens;
    for (const json& token : added) {
      const json& content = field(token, "content");
      check(content.is_string() && content != "", "an entry of added_tokens has no content");
      if (!vocabulary.contains(content.get<std::string>())) new_tokens.insert(content.get<std::string>());
    }
    const std::size_t count = vocabulary.size() + new_tokens.size();
    loaded.tokens_.resize(count);
    std::vector<bool> taken(count, false);
    const auto place = [&](const std::string& token, const json& id, const char* where) {
      check(id.is_number_unsigned(), where, ": the id of '", token, "' is ", detail::shown_json{id},
            "; expected a whole number from 0");
      const auto at = id.get<std::uint64_t>();
      check(at < count, where, ": the id of '", token, "' is ", at, ", but there are ", count,
            " tokens; ids must count from 0 without a gap");
      check(!taken[at], where, ": the id ", at, " is given to '", loaded.tokens_[at].text, "' and to '",
            token, "'");
      taken[at] = true;
      loaded.tokens_[at].text = token;
      loaded.ids_.emplace(token, static_cast<int>(at));
    };
    for (const auto& [token, id] : vocabulary.items()) place(token, id, "model.vocab");
    for (const json& token : added) {
      const auto& content = field(token, "content").get_ref<const std::string&>();
      for (const char* option : {"single_word", "lstrip", "rstrip"})
        check(field(token, option) != true, "added_tokens: ", option, " of '", content,
              "' is true; expected false");
      if (!loaded.ids_.contains(content)) place(content, field(token, "id"), "added_tokens");
      const int id = loaded.ids_.find(content)->second;
      check(field(token, "id") == id, "added_tokens: the id of '", content, "' is ",
            detail::shown_json{field(token, "id")}, "; it has ", id, " already");
      loaded.tokens_[static_cast<std::size_t>(id)] = {content, true, field(token, "special") == true,
                                                      field(token, "normalized") == true};
    }
    const json& unknown = field(model, "unk_token");
    check(unknown.is_string() && vocabulary.contains(unknown.get<std::string>()), "model.unk_token is ",
          detail::shown_json{unknown}, "; expected a word of model.vocab");
    loaded.unknown_ = loaded.ids_.find(unknown.get_ref<const std::string&>())->second;
    loaded.find_added_tokens();
    return loaded;
  }

 private:
  struct entry {
    std::string text;
    bool added = false;       // found anywhere in the text
    bool special = false;     // decode() can skip it
    bool normalized = false;  // found only where no token that is not normalized was found
  };

  word_level_tokenizer() = default;

  void find_added_tokens() {
    for (std::size_t id = 0; id < tokens_.size(); ++id)
      if (tokens_[id].added)
        (tokens_[id].normalized ? normalized_ : verbatim_).add(tokens_[id].text, static_cast<int>(id));
  }

  void encode_words(std::string_view text, std::vector<int>& ids) const {
    for (std::size_t first = 0, last = 0; first < text.size(); first = last) {
      if (const std::size_t space = detail::white_space_at(text, first); space > 0) {
        last = first + space;
        continue;
      }
      while (last < text.size() && detail::white_space_at(text, last) == 0) ++last;
      ids.push_back(token_to_id(text.substr(first, last - first)).value_or(unknown_));
    }
  }

  std::vector<entry> tokens_;  // by id
  detail::token_ids ids_;
  detail::token_finder verbatim_, normalized_;
  int unknown_ = 0;
};
static_assert(Tokenizer<word_level_tokenizer>);

}  // namespace recllm
