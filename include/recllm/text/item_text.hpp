// An item in words: title, tags, description and statistics.
//
//   'Hot pot at home' (2024). Topics: food, home. How to set the table, and ... 120 likes, 1 share.
//
// Source: Xie et al., RecLLM-R1, section 3.1 (item-side data: descriptions, titles, tags, statistics).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/data/interactions.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm {

/// What item_text() tells. What an item lacks (no attribute of the name, or an empty text) is left out.
struct item_wording {
  std::size_t topics = 5;                 ///< the first so many; 0 = none
  std::size_t description_letters = 200;  ///< code points, cut between words; 0 = no description
  std::vector<std::string> statistics{"likes", "comments", "shares"};  ///< attributes told as "120 likes"
  std::vector<std::string> attributes{};                               ///< others, told as "brand: LEGO"
};

/// The text, or its beginning of at most `letters` code points with "..." after it, cut after a word if it
/// has one that ends there.
[[nodiscard]] inline std::string shortened(std::string_view text, std::size_t letters) {
  std::size_t at = 0, word_end = 0;
  for (std::size_t count = 0; count < letters && at < text.size(); ++count) {
    at += detail::code_point_at(text, at).length;
    if (at < text.size() && text[at] == ' ') word_end = at;
  }
  if (at == text.size()) return std::string(text);
  std::string_view kept = text.substr(0, word_end > 0 ? word_end : at);
  while (!kept.empty() && std::string_view(" .,;:-").find(kept.back()) != std::string_view::npos)
    kept.remove_suffix(1);
  return std::string(kept) + "...";
}

namespace detail {

/// Adds a sentence and its full stop, unless it is empty or has an end.
inline void add_sentence(std::string& text, std::string_view sentence) {
  if (sentence.empty()) return;
  if (!text.empty()) text += ' ';
  text += sentence;
  if (std::string_view(".!?").find(sentence.back()) == std::string_view::npos) text += '.';
}

inline void add_listed(std::string& list, std::string_view one) {
  if (one.empty()) return;
  if (!list.empty()) list += ", ";
  list += one;
}

}  // namespace detail

/// The item in words; empty for one without any.
[[nodiscard]] inline std::string item_text(const item& one, const item_wording& wording = {}) {
  const auto value = [&](std::string_view name) {
    const auto found =
        std::ranges::find(one.attributes, name, [](const auto& a) { return std::string_view(a.first); });
    return found == one.attributes.end() ? std::string() : found->second;
  };
  std::string text, topics, statistics;
  if (!one.title.empty()) text = "'" + one.title + "'";
  if (!one.year.empty()) text += (text.empty() ? "(" : " (") + one.year + ")";
  if (!text.empty()) text += '.';
  for (std::size_t i = 0; i < std::min(wording.topics, one.topics.size()); ++i)
    detail::add_listed(topics, one.topics[i]);
  if (!topics.empty()) detail::add_sentence(text, "Topics: " + topics);
  if (wording.description_letters > 0)
    detail::add_sentence(text, shortened(one.description, wording.description_letters));
  for (const std::string& name : wording.attributes)
    if (const std::string known = value(name); !known.empty())
      detail::add_sentence(text, name + ": " + known);
  for (std::string name : wording.statistics) {
    const std::string count = value(name);
    if (count == "1" && name.ends_with('s')) name.pop_back();
    if (!count.empty()) detail::add_listed(statistics, count + " " + name);
  }
  detail::add_sentence(text, statistics);
  return text;
}

}  // namespace recllm
