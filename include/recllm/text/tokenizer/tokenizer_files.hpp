// The files that a pretrained tokenizer is stored in: tokenizer.json, or vocab.json and merges.txt beside a
// tokenizer_config.json that names a class whose components are known.
//
// Source: transformers 5, models/qwen2/tokenization_qwen2.py and models/gpt2/tokenization_gpt2.py.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/text/tokenizer/added_tokens.hpp>
#include <recllm/text/tokenizer/json_place.hpp>
#include <recllm/text/tokenizer/vocabulary.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm::detail {

/// What tokenizer.json says, and the tokens that are added to it.
struct tokenizer_document {
  std::filesystem::path file;
  nlohmann::json json;
  std::vector<added_token> more;
};

inline std::ifstream open_tokenizer_file(const std::filesystem::path& file) {
  std::error_code ignored;
  std::ifstream in(file, std::ios::binary);
  require(std::filesystem::is_regular_file(file, ignored) && in.is_open(),
          "recllm: pretrained_tokenizer::load: ", file, ": cannot open the file; is it there and readable?");
  return in;
}

inline nlohmann::json read_tokenizer_json(const std::filesystem::path& file) {
  std::ifstream in = open_tokenizer_file(file);
  try {
    return nlohmann::json::parse(in);
  } catch (const nlohmann::json::exception& problem) {
    throw std::invalid_argument(
        message("recllm: pretrained_tokenizer::load: ", file, ": not JSON: ", problem.what()));
  }
}

/// The lines of merges.txt without its first, "#version ...": "a b" each.
inline nlohmann::json read_merges_txt(const std::filesystem::path& file) {
  std::ifstream in = open_tokenizer_file(file);
  nlohmann::json merges = nlohmann::json::array();
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("#version") || line.empty()) continue;
    const std::size_t space = line.find(' ');
    require(is_utf8(line) && space != std::string::npos && line.find(' ', space + 1) == std::string::npos,
            "recllm: pretrained_tokenizer::load: ", file, ": line ", number,
            " is not two tokens in UTF-8 with one space between them");
    merges.push_back(std::move(line));
  }
  return merges;
}

/// A token that tokenizer_config.json names, by its text or with its options.
inline added_token read_added_token(const json_place& token) {
  if (token.value().is_string()) return {.content = token.text(), .normalized = false, .special = true};
  return {.content = token.at("content").text(),
          .single_word = token.at("single_word").flag(false),
          .lstrip = token.at("lstrip").flag(false),
          .rstrip = token.at("rstrip").flag(false),
          .normalized = token.at("normalized").flag(!token.at("special").flag(false)),
          .special = token.at("special").flag(false)};
}

inline nlohmann::json added_token_json(const added_token& token, std::size_t id) {
  return {{"id", id},
          {"content", token.content},
          {"single_word", token.single_word},
          {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},
          {"normalized", token.normalized},
          {"special", token.special}};
}

/// The tokenizer.json that transformers would write for vocab.json, merges.txt and tokenizer_config.json.
inline tokenizer_document read_vocab_and_merges(const std::filesystem::path& folder) {
  using nlohmann::json;
  tokenizer_document made{folder / "vocab.json", {}, {}};
  const std::filesystem::path config_file = folder / "tokenizer_config.json";
  const json stored = read_tokenizer_json(config_file);
  const json_place config(stored, config_file);
  std::string name = config.at("tokenizer_class").text();
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const bool qwen = name == "Qwen2Tokenizer";
  if (!qwen && name != "GPT2Tokenizer")
    config.at("tokenizer_class")
        .fail(
            "Qwen2Tokenizer or GPT2Tokenizer; for any other, tokenizer.json must be in the folder: "
            "transformers' save_pretrained() writes it");
  const bool prefix_space = config.at("add_prefix_space").flag(false);
  const json bytes{{"type", "ByteLevel"},
                   {"add_prefix_space", prefix_space},
                   {"trim_offsets", true},
                   {"use_regex", !qwen}};
  const char* words =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
      R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json split{
      {"type", "Split"}, {"pattern", {{"Regex", words}}}, {"behavior", "Isolated"}, {"invert", false}};
  made.json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", json::array()},
      {"normalizer", qwen ? json{{"type", "NFC"}} : json()},
      {"pre_tokenizer",
       qwen ? json{{"type", "Sequence"}, {"pretokenizers", json::array({split, bytes})}} : bytes},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", ""},
        {"end_of_word_suffix", ""},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", read_tokenizer_json(made.file)},
        {"merges", read_merges_txt(folder / "merges.txt")}}}};

  const json_place listed = config.at("added_tokens_decoder");
  std::map<std::size_t, added_token> by_id;
  if (!listed.null() && !listed.value().is_object()) listed.fail("an object of ids and tokens");
  for (const auto& [id, token] : listed.value().items()) {
    std::size_t number = 0;
    for (const char c : id)
      number = c >= '0' && c <= '9' && number < most_ids ? 10 * number + static_cast<std::size_t>(c - '0')
                                                         : most_ids;
    if (number >= most_ids) listed.refuse("has the id '", id, "'; expected a whole number below ", most_ids);
    by_id.emplace(number, read_added_token(listed.at(id)));
  }
  for (const auto& [id, token] : by_id) made.json["added_tokens"].push_back(added_token_json(token, id));

  const auto special = [&](const char* field, bool by_default) {
    if (!config.value().contains(field))
      return by_default ? std::optional(added_token{"<|endoftext|>", false, false, false, false, true})
                        : std::nullopt;
    const json_place token = config.at(field);
    return token.null() ? std::nullopt : std::optional(read_added_token(token));
  };
  std::string begin, end;
  for (const auto& [field, by_default] : std::vector<std::pair<const char*, bool>>{{"bos_token", !qwen},
                                                                                   {"eos_token", true},
                                                                                   {"unk_token", true},
                                                                                   {"sep_token", false},
                                                                                   {"pad_token", qwen},
                                                                                   {"cls_token", false},
                                                                                   {"mask_token", false}})
    if (auto token = special(field, by_default)) {
      token->special = true;
      made.more.push_back(*token);
    }
  for (const char* field : {"additional_special_tokens", "extra_special_tokens"})
    if (const json_place all = config.at(field); all.value().is_array())
      for (std::size_t i = 0; i < all.size(); ++i) made.more.push_back(read_added_token(all.at(i)));
  for (const char* field : {"add_bos_token", "add_eos_token"})
    if (config.at(field).flag(false))
      config.at(field).fail(
          "false; with true, tokenizer.json must be in the folder: transformers' save_pretrained() writes "
          "it");
  return made;
}

/// Reads tokenizer.json, that of a folder, or vocab.json and merges.txt in it.
inline tokenizer_document read_tokenizer_document(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return {path, read_tokenizer_json(path), {}};
  const std::filesystem::path file = path / "tokenizer.json";
  if (std::filesystem::exists(file, ignored) || !std::filesystem::exists(path / "vocab.json", ignored))
    return {file, read_tokenizer_json(file), {}};
  return read_vocab_and_merges(path);
}

}  // namespace recllm::detail
