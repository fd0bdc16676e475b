// What every tokenizer does.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recllm {

/// Satisfied by what turns text into ids and back:
///   t.encode(text) -> std::vector<int>      t.decode(ids) -> std::string
///   t.vocab_size() -> std::size_t: ids are below it
///   t.token_to_id(token), t.id_to_token(id) -> std::optional: nothing for a token or id that is not there
template <class T>
concept Tokenizer = requires(const T& t, std::string_view text, std::span<const int> ids, int id) {
  { t.encode(text) } -> std::same_as<std::vector<int>>;
  { t.decode(ids) } -> std::same_as<std::string>;
  { t.vocab_size() } -> std::same_as<std::size_t>;
  { t.token_to_id(text) } -> std::same_as<std::optional<int>>;
  { t.id_to_token(id) } -> std::same_as<std::optional<std::string>>;
};

}  // namespace recllm
