// The tokenizer that a GGUF file carries, as a pretrained_tokenizer.
//
// A GGUF file holds tokens and merges, but of what comes before them only a name, tokenizer.ggml.pre; what
// each name stands for is in the tokenizer.json of the models that it is named after: SmolLM2-135M-Instruct,
// Qwen2-0.5B, Meta-Llama-3-8B, gpt2. Needs PCRE2 and ICU, as text/pretrained_tokenizer.hpp does.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/core/mapped_file.hpp>
#include <recllm/model/gguf_model.hpp>
#include <recllm/text/pretrained_tokenizer.hpp>

namespace recllm {

namespace detail {

/// The pre_tokenizer of tokenizer.json for a name of tokenizer.ggml.pre, null for a name that is not known.
inline nlohmann::json gguf_pre_tokenizer(const std::string& name) {
  using nlohmann::json;
  const auto bytes = [](bool split) {
    return json{
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", split}};
  };
  const auto then_bytes = [](json first, json second) {
    return json{{"type", "Sequence"}, {"pretokenizers", json::array({std::move(first), std::move(second)})}};
  };
  const auto split_by = [](const std::string& numbers) {
    return json{{"type", "Split"},
                {"pattern",
                 {{"Regex", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + numbers +
                                R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}}},
                {"behavior", "Isolated"},
                {"invert", false}};
  };
  if (name == "gpt-2") return bytes(true);
  if (name == "smollm") return then_bytes({{"type", "Digits"}, {"individual_digits", true}}, bytes(true));
  if (name == "qwen2") return then_bytes(split_by(R"(\p{N})"), bytes(false));
  if (name == "llama-bpe") return then_bytes(split_by(R"(\p{N}{1,3})"), bytes(false));
  return {};
}

}  // namespace detail

/// The content of a tokenizer.json that encodes as the GGUF file's tokenizer: byte-level BPE whose
/// tokenizer.ggml.pre is gpt-2, smollm, qwen2 or llama-bpe. Control tokens become special tokens. Throws
/// std::invalid_argument that names the key of what is not supported; `where` names the file.
[[nodiscard]] inline nlohmann::json gguf_tokenizer_json(const gguf_tokenizer& t, const std::string& where) {
  using nlohmann::json;
  require(t.model == "gpt2", "recllm: gguf: ", where, ": tokenizer.ggml.model is '", t.model,
          "', expected gpt2 (byte-level BPE)");
  json before = detail::gguf_pre_tokenizer(t.pre);
  require(!before.is_null(), "recllm: gguf: ", where, ": tokenizer.ggml.pre is '", t.pre,
          "', expected gpt-2, smollm, qwen2 or llama-bpe");
  json vocabulary = json::object(), added = json::array();
  for (std::size_t id = 0; id < t.tokens.size(); ++id) {
    require(!vocabulary.contains(t.tokens[id]), "recllm: gguf: ", where, ": token '", t.tokens[id],
            "' is there twice");
    vocabulary[t.tokens[id]] = id;
    const std::int64_t type = t.token_type.empty() ? 1 : t.token_type[id];
    if (type == 3 || type == 4)
      added.push_back({{"id", id},
                       {"content", t.tokens[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", type == 3}});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", t.pre == "qwen2" ? json{{"type", "NFC"}} : json()},
          {"pre_tokenizer", std::move(before)},
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
            {"ignore_merges", t.pre == "llama-bpe"},
            {"vocab", std::move(vocabulary)},
            {"merges", t.merges}}}};
}

/// The tokenizer of a model: that of its folder, or the one that its .gguf file carries. Throws
/// std::invalid_argument that names file and field.
[[nodiscard]] inline pretrained_tokenizer load_tokenizer_of(const std::filesystem::path& model) {
  if (std::filesystem::is_directory(model)) return pretrained_tokenizer::load(model);
  const std::string where = model.string();
  const mapped_file file("load_tokenizer_of", model);
  return pretrained_tokenizer::parse(
      gguf_tokenizer_json(read_gguf_tokenizer(parse_gguf(file.bytes(), where), where), where), model);
}

}  // namespace recllm
