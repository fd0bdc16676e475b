// Tokens by their text: a table, and a search for all of them in a longer text.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace recllm::detail {

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using token_ids = std::unordered_map<std::string, int, text_hash, std::equal_to<>>;

/// Finds the tokens of a set in text: the leftmost, of these the longest. A trie of bytes.
class token_finder {
 public:
  struct found {
    std::size_t from = 0, to = 0;
    int id = -1;  ///< -1: no token, the text ended
  };

  /// `token` is not empty; of equal ones the first counts.
  void add(std::string_view token, int id) {
    std::uint32_t at = 0;
    for (const char c : token) {
      const std::uint32_t next = child(at, c);
      at = next != 0 ? next : add_child(at, c);
    }
    if (nodes_[at].id < 0) nodes_[at].id = id;
    bool& starts = starts_[static_cast<unsigned char>(token.front())];
    if (!starts) only_start_ = ++start_count_ == 1 ? token.front() : '\0';
    starts = true;
  }

  [[nodiscard]] bool empty() const { return start_count_ == 0; }

  /// The first token in `text` that begins at `from` or later.
  [[nodiscard]] found next(std::string_view text, std::size_t from) const {
    for (std::size_t at = start(text, from); at < text.size(); at = start(text, at + 1)) {
      found longest;
      std::uint32_t place = 0;
      for (std::size_t to = at; to < text.size();) {
        place = child(place, text[to]);
        if (place == 0) break;
        ++to;
        if (nodes_[place].id >= 0) longest = {at, to, nodes_[place].id};
      }
      if (longest.id >= 0) return longest;
    }
    return {text.size(), text.size(), -1};
  }

  /// Calls `outside(text between)` and `inside(id)` in the order of the text.
  template <class Outside, class Inside>
  void split(std::string_view text, Outside outside, Inside inside) const {
    std::size_t from = 0;
    for (found token = next(text, 0); token.id >= 0; token = next(text, from)) {
      outside(text.substr(from, token.from - from));
      inside(token.id);
      from = token.to;
    }
    outside(text.substr(from));
  }

 private:
  struct node {
    std::vector<std::pair<char, std::uint32_t>> children;  // sorted
    int id = -1;
  };

  [[nodiscard]] std::size_t start(std::string_view text, std::size_t at) const {
    if (start_count_ == 0 || at >= text.size()) return text.size();
    if (start_count_ == 1) return std::min(text.find(only_start_, at), text.size());
    while (at < text.size() && !starts_[static_cast<unsigned char>(text[at])]) ++at;
    return at;
  }

  [[nodiscard]] std::uint32_t child(std::uint32_t at, char c) const {
    const auto& children = nodes_[at].children;
    const auto place = std::ranges::lower_bound(children, c, {}, &std::pair<char, std::uint32_t>::first);
    return place == children.end() || place->first != c ? 0 : place->second;
  }

  std::uint32_t add_child(std::uint32_t at, char c) {
    const auto added = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    auto& children = nodes_[at].children;
    children.emplace(std::ranges::lower_bound(children, c, {}, &std::pair<char, std::uint32_t>::first), c,
                     added);
    return added;
  }

  std::vector<node> nodes_ = std::vector<node>(1);
  std::array<bool, 256> starts_{};
  std::size_t start_count_ = 0;
  char only_start_ = '\0';
};

}  // namespace recllm::detail
