// Tokenizers small enough to be written in a test, as documents of tokenizer.json.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/text/pretrained_tokenizer.hpp>

#include "support/temporary_folder.hpp"

namespace small_tokenizers {

using nlohmann::json;

inline json special_token(int id, const std::string& content, const json& options = json::object()) {
  json token{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
             {"rstrip", false}, {"normalized", false}, {"special", true}};
  token.update(options);
  return token;
}

/// All bytes, then what the merges make, in order; Qwen2's regex.
inline json byte_level(const std::vector<std::pair<std::string, std::string>>& merges = {{"h", "e"},
                                                                                         {"l", "l"},
                                                                                         {"he", "ll"},
                                                                                         {"hell", "o"},
                                                                                         {"Ġ", "w"},
                                                                                         {"Ġw", "o"},
                                                                                         {"r", "l"},
                                                                                         {"Ġwo", "rl"},
                                                                                         {"1", "2"},
                                                                                         {"Ġ", "Ġ"},
                                                                                         {"Ã", "©"},
                                                                                         {"'", "s"}}) {
  json vocab = json::object(), pairs = json::array();
  for (std::size_t b = 0; b < 256; ++b) {
    std::string character;
    recllm::detail::append_utf8(character, recllm::detail::byte_characters[b]);
    vocab[character] = b;
  }
  for (const auto& [left, right] : merges) {
    vocab[left + right] = vocab.size();
    pairs.push_back({left, right});
  }
  const std::size_t end = vocab.size();
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {special_token(static_cast<int>(end), "<|end|>")}},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern",
                {{"Regex",
                  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                  "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"},
               {"add_prefix_space", false},
               {"trim_offsets", false},
               {"use_regex", false}}}}}},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", pairs}}}};
}

/// As Llama 2: no pre-tokenizer, spaces as U+2581, unknown characters as bytes.
inline json sentence_pieces() {
  json vocab{{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (std::size_t b = 0; b < 256; ++b) {
    constexpr const char* digits = "0123456789ABCDEF";
    vocab[std::string("<0x") + digits[b / 16] + digits[b % 16] + '>'] = vocab.size();
  }
  json merges = json::array();
  for (const char* piece : {"▁", "a", "b", "c", "é"}) vocab[piece] = vocab.size();
  for (const auto& [left, right] :
       std::vector<std::pair<std::string, std::string>>{{"▁", "a"}, {"b", "c"}, {"▁a", "bc"}, {"▁", "▁"}}) {
    vocab[left + right] = vocab.size();
    merges.push_back(left + " " + right);
  }
  json made = byte_level();
  made["added_tokens"] = {special_token(0, "<unk>"), special_token(1, "<s>"), special_token(2, "</s>")};
  made["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "▁"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}};
  made["pre_tokenizer"] = nullptr;
  made["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair",
       {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
  made["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  made["model"].update({{"byte_fallback", true},
                        {"unk_token", "<unk>"},
                        {"fuse_unk", true},
                        {"vocab", vocab},
                        {"merges", merges}});
  return made;
}

/// The tokenizer of a document.
inline recllm::pretrained_tokenizer loaded(const json& document) {
  const temporary_folder here;
  std::ofstream(here.path / "tokenizer.json") << document;
  return recllm::pretrained_tokenizer::load(here.path / "tokenizer.json");
}

}  // namespace small_tokenizers
