// Items found by their titles, as a model writes them: other case and punctuation, without the year,
// misspelt.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/text/ascii.hpp>
#include <recllm/text/edit_distance.hpp>
#include <recllm/text/title.hpp>
#include <recllm/text/utf8.hpp>

namespace recllm {

/// How far a title may be misspelt: by one letter (inserted, left out or replaced) for every
/// `letters_per_edit` of the shorter of the two titles, and at most by `most_edits`; 0 = not at all.
struct title_tolerance {
  std::size_t letters_per_edit = 6;  ///< at least 1
  std::size_t most_edits = 3;
};

/// The item of a title, or why there is none.
struct title_match {
  std::optional<std::size_t> item{};
  std::string reason{};  ///< empty if there is an item
  bool unclear = false;  ///< the pool has such titles, but not one that is meant for sure
};

/// Items by their titles: parse_answer() then reads a list of titles instead of ids. Of several items with
/// one title the first is found.
class title_pool {
 public:
  title_pool() = default;

  /// The item titles[i] is number i.
  explicit title_pool(const std::vector<std::string>& titles, title_tolerance tolerance = {})
      : tolerance_(tolerance) {
    for (std::size_t i = 0; i < titles.size(); ++i) add(titles[i], i);
  }

  /// Adds an item; a title without letters or digits is only found as it is, one of white space only never.
  void add(std::string_view title, std::size_t item) {
    separators_ =
        std::max(separators_, static_cast<std::size_t>(std::count_if(title.begin(), title.end(), separates)));
    const bool fresh = items_.emplace(detail::folded(title), item).second;
    detail::title_key key = detail::key_of_title(title);
    if (!fresh || key.words.empty()) return;
    by_words_[key.words].push_back(entries_.size());
    std::u32string letters = detail::code_points(key.words);
    const std::uint64_t seen = letters_seen(letters);
    entries_.push_back({std::string(title), std::move(key), std::move(letters), seen, item});
  }

  /// The item of a title that differs at most in case (ASCII) and in the width of white space.
  [[nodiscard]] std::optional<std::size_t> operator()(std::string_view title) const {
    const auto found = items_.find(detail::folded(title));
    return found == items_.end() || found->first.empty() ? std::nullopt : std::optional(found->second);
  }

  /// The one item whose title is `title` but for case, punctuation, a leading article ("The", at the end too)
  /// and a year that one of the two leaves out. Titles of that kind but of other years, or several of them,
  /// are reasons for none.
  [[nodiscard]] title_match alike(std::string_view title) const {
    return first_of(title, [this](const detail::title_key& key) { return alike(key); });
  }

  /// As alike(), or else the one item whose title is fewest edits away, within the tolerance. Numbers, Roman
  /// ones too, must be the same: "Rocky II" is not a misspelt "Rocky III".
  [[nodiscard]] title_match nearest(std::string_view title) const {
    title_match match = alike(title);
    if (match.item || match.unclear) return match;
    return first_of(title, [this](const detail::title_key& key) { return nearest(key); });
  }

  /// Whether a list has `c` between two titles; a title may hold it too ("Usual Suspects, The").
  [[nodiscard]] static constexpr bool separates(char c) { return c == ',' || c == ';' || c == '|'; }

  /// The most such characters that a title of the pool holds.
  [[nodiscard]] std::size_t separators() const { return separators_; }

 private:
  struct entry {
    std::string title;
    detail::title_key key;
    std::u32string letters;  // of key.words
    std::uint64_t seen = 0;  // which letters, by their value modulo 64: an edit changes two of them at most
    std::size_t item = 0;
  };

  /// What `find` has for the title, or for its words before a year without brackets.
  template <class Find>
  static title_match first_of(std::string_view title, Find find) {
    const detail::title_key key = detail::key_of_title(title);
    title_match match = find(key);
    if (!match.item && !match.unclear)
      if (const auto dated = with_bare_year(key)) match = find(*dated);
    if (!match.item && !match.unclear) match.reason = "not the title of an item in the pool";
    return match;
  }

  static std::uint64_t letters_seen(std::u32string_view letters) {
    std::uint64_t seen = 0;
    for (const char32_t c : letters) seen |= std::uint64_t{1} << (c % 64);
    return seen;
  }

  /// The key with a year that stands in no brackets at its end.
  static std::optional<detail::title_key> with_bare_year(const detail::title_key& key) {
    const std::size_t space = key.words.rfind(' ');
    if (!key.year.empty() || space == std::string::npos) return std::nullopt;
    if (!detail::is_year(std::string_view(key.words).substr(space + 1))) return std::nullopt;
    const std::string_view rest = std::string_view(key.words).substr(0, space);
    detail::title_key dated = detail::key_of_title(rest);
    dated.year = key.words.substr(space + 1);
    return dated;
  }

  static bool same_year(const detail::title_key& a, const detail::title_key& b) {
    return a.year.empty() || b.year.empty() || a.year == b.year;
  }

  /// The one among those that match equally well; those of the same year match better than those of none.
  [[nodiscard]] title_match the_one(const detail::title_key& key,
                                    const std::vector<std::size_t>& found) const {
    std::vector<std::size_t> dated, left;
    for (const std::size_t i : found)
      if (same_year(key, entries_[i].key)) {
        left.push_back(i);
        if (!key.year.empty() && entries_[i].key.year == key.year) dated.push_back(i);
      }
    if (!dated.empty()) left = dated;
    if (left.size() == 1) return {entries_[left.front()].item};
    if (left.empty() && !found.empty())
      return {{}, "the pool has this title of another year: '" + entries_[found.front()].title + "'", true};
    if (left.empty()) return {};
    return {{}, "may be '" + entries_[left[0]].title + "' or '" + entries_[left[1]].title + "'", true};
  }

  [[nodiscard]] title_match alike(const detail::title_key& key) const {
    const auto found = by_words_.find(key.words);
    return found == by_words_.end() ? title_match{} : the_one(key, found->second);
  }

  [[nodiscard]] title_match nearest(const detail::title_key& key) const {
    const std::u32string letters = detail::code_points(key.words);
    const std::uint64_t seen = letters_seen(letters);
    const std::size_t per_edit = std::max<std::size_t>(tolerance_.letters_per_edit, 1);
    std::size_t best = tolerance_.most_edits;
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const entry& e = entries_[i];
      const std::size_t shorter = std::min(letters.size(), e.letters.size());
      const std::size_t allowed = std::min(best, shorter / per_edit);
      if (std::max(letters.size(), e.letters.size()) - shorter > allowed) continue;
      if (static_cast<std::size_t>(std::popcount(seen ^ e.seen)) > 2 * allowed) continue;
      if (allowed == 0 || e.key.numbers != key.numbers || !same_year(key, e.key)) continue;
      const std::size_t edits = edit_distance(letters, e.letters, allowed);
      if (edits > allowed) continue;
      if (edits < best) found.clear();
      best = edits;
      found.push_back(i);
    }
    return the_one(key, found);
  }

  std::unordered_map<std::string, std::size_t> items_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_words_;
  std::vector<entry> entries_;
  title_tolerance tolerance_;
  std::size_t separators_ = 0;
};

}  // namespace recllm
