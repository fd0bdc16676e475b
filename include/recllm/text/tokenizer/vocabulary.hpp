// A model's tokens and their ids, as model.vocab has them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/text/tokenizer/json_place.hpp>
#include <recllm/text/tokenizer/token_finder.hpp>

namespace recllm::detail {

/// No vocabulary is larger: ids from here on are taken for damage.
inline constexpr std::size_t most_ids = std::size_t{1} << 21U;

/// Tokens by id and ids by token. Ids may have gaps.
class vocabulary {
 public:
  vocabulary() = default;

  /// Reads model.vocab: an object of tokens and ids.
  explicit vocabulary(const json_place& vocab) {
    if (!vocab.value().is_object()) vocab.fail("an object of tokens and ids");
    ids_.reserve(vocab.value().size());
    for (const auto& [token, id] : vocab.value().items()) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= most_ids)
        vocab.refuse("gives '", token, "' the id ", shown_json{id}, "; expected a whole number below ",
                     most_ids);
      const auto at = id.get<std::size_t>();
      if (at < tokens_.size() && tokens_[at])
        vocab.refuse("gives the id ", at, " to '", *tokens_[at], "' and to '", token, "'");
      add(token, at);
    }
  }

  /// `id` is not taken yet.
  void add(const std::string& token, std::size_t id) {
    if (id >= tokens_.size()) tokens_.resize(id + 1);
    tokens_[id] = token;
    ids_.emplace(token, static_cast<int>(id));
  }

  /// The number of tokens, and of ids up to the last.
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] std::size_t end() const { return tokens_.size(); }

  /// The id of a token, -1 if it is not there.
  [[nodiscard]] int find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
  }
  /// The token of an id, null if there is none.
  [[nodiscard]] const std::string* find(int id) const {
    const auto at = static_cast<std::size_t>(id);
    return id >= 0 && at < tokens_.size() && tokens_[at] ? &*tokens_[at] : nullptr;
  }

 private:
  std::vector<std::optional<std::string>> tokens_;
  token_ids ids_;
};

}  // namespace recllm::detail
