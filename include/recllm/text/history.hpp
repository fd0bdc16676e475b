// Profile and events as the pieces of a prompt: age band, long-term topics, last items, a window in words.
//
// Source: Xie et al., RecLLM-R1, sections 3.1 (text in time order, aggregated by topic) and 4.1 (short and
// long term). Every function sees only the events it is given: pass those before the target (history_of) and
// nothing can leak.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>
#include <recllm/text/title.hpp>

namespace recllm {

/// The band of an age in years: "under 18", "18-24", "25-34", "35-44", "45-54", "55-64" or "65+"; "unknown"
/// for text that is not a number from 0 to 130. A fraction counts as the last birthday ("24.5" is 24).
[[nodiscard]] inline std::string age_band(std::string_view age) {
  double years = -1;
  const auto [end, error] = std::from_chars(age.data(), age.data() + age.size(), years);
  const bool known = error == std::errc{} && end == age.data() + age.size() && years >= 0 && years <= 130;
  if (!known) return "unknown";
  constexpr std::array<std::pair<double, const char*>, 6> bands{
      {{18, "under 18"}, {25, "18-24"}, {35, "25-34"}, {45, "35-44"}, {55, "45-54"}, {65, "55-64"}}};
  for (const auto& [below, name] : bands)
    if (years < below) return name;
  return "65+";
}

/// A rating of 1 to 5 in a word: loved (from 4.5), liked (from 3.5), fine (from 2.5), disliked (from 1.5),
/// hated. So 5, 4, 3, 2, 1 give one word each. Throws std::invalid_argument on NaN.
[[nodiscard]] inline std::string engagement_word(double rating) {
  require(!std::isnan(rating), "recllm: engagement_word: the rating is not a number");
  if (rating >= 4.5) return "loved";
  if (rating >= 3.5) return "liked";
  if (rating >= 2.5) return "fine";
  return rating >= 1.5 ? "disliked" : "hated";
}

/// What a user did in a word: a rating's by its value, as above; else viewed, clicked, liked, saved,
/// commented, shared, followed or bought; a dwell is "stayed" from 30 seconds on, else "viewed".
[[nodiscard]] inline std::string engagement_word(const event& e) {
  constexpr std::array<std::string_view, engagement_names.size()> words{
      "", "viewed", "stayed", "clicked", "liked", "saved", "commented", "shared", "followed", "bought"};
  if (e.action == engagement::dwell && e.value < 30) return "viewed";
  return e.action == engagement::rating ? engagement_word(e.value)
                                        : std::string(words[static_cast<std::size_t>(e.action)]);
}

/// How often a user met a topic, and how often with strong engagement.
struct topic_summary {
  std::string topic;
  std::size_t watched = 0;
  std::size_t liked = 0;  ///< at most `watched`
};

namespace detail {

/// The catalogue entry of an event.
inline const item& item_of(const event& e, std::span<const item> catalogue, const char* who) {
  require(e.item < catalogue.size(), "recllm: ", who, ": an event names item ", e.item,
          "; the catalogue has ", catalogue.size(), " items, numbered from 0");
  return catalogue[e.item];
}

/// The entry of `list` that satisfies `same`; `fresh()` is added if there is none.
template <class Entry, class Same, class Fresh>
Entry& find_or_add(std::vector<Entry>& list, Same same, Fresh fresh) {
  const auto found = std::find_if(list.begin(), list.end(), same);
  if (found != list.end()) return *found;
  list.push_back(fresh());
  return list.back();
}

}  // namespace detail

/// The long-term part: the topics of all `events`, most watched first, ties by name. An item of several
/// topics counts for each; `liked` counts the events that satisfy `rule`. Empty for no events.
template <class Rule = rated_at_least>
[[nodiscard]] std::vector<topic_summary> long_term(std::span<const event> events,
                                                   std::span<const item> catalogue, Rule rule = {}) {
  std::vector<topic_summary> topics;
  for (const event& e : events)
    for (const std::string& topic : detail::item_of(e, catalogue, "long_term").topics) {
      topic_summary& summary = detail::find_or_add(
          topics, [&](const topic_summary& s) { return s.topic == topic; },
          [&] {
            return topic_summary{topic, 0, 0};
          });
      ++summary.watched;
      summary.liked += rule(e) ? 1 : 0;
    }
  std::sort(topics.begin(), topics.end(), [](const topic_summary& a, const topic_summary& b) {
    return a.watched != b.watched ? a.watched > b.watched : a.topic < b.topic;
  });
  return topics;
}

/// The short-term part: the last `count` events, oldest first; all of them if there are fewer. Borrows.
[[nodiscard]] inline std::span<const event> short_term(std::span<const event> events, std::size_t count) {
  return events.last(std::min(count, events.size()));
}

/// One thing that a user did, ready to be told.
struct activity {
  std::string action;  ///< a verb in the past: viewed, liked, bookmarked
  std::string topic;
  std::string title;
  std::int64_t time = 0;  ///< seconds
};

/// The action told by default: "liked" for strong engagement, else "watched".
struct watched_or_liked {
  rated_at_least rule{};
  [[nodiscard]] std::string operator()(const event& e) const { return rule(e) ? "liked" : "watched"; }
};

/// Events as activities in the same order: one for each topic of the item, topic "other" for an item without
/// any. `action(event)` gives the verb.
template <class Action = watched_or_liked>
[[nodiscard]] std::vector<activity> activities(std::span<const event> events, std::span<const item> catalogue,
                                               Action action = {}) {
  std::size_t count = 0;
  for (const event& e : events)
    count += std::max<std::size_t>(1, detail::item_of(e, catalogue, "activities").topics.size());
  std::vector<activity> told;
  told.reserve(count);
  for (const event& e : events) {
    const item& what = catalogue[e.item];
    const std::string verb = action(e);
    for (const std::string& topic : what.topics) told.push_back({verb, topic, what.title, e.time});
    if (what.topics.empty()) told.push_back({verb, "other", what.title, e.time});
  }
  return told;
}

/// How window_text() writes a count.
enum class count_wording {
  words,   ///< once, twice, 3 times
  digits,  ///< 1 time, 2 times, 3 times
};

namespace detail {

inline std::string times_told(std::size_t count, count_wording wording) {
  if (wording == count_wording::words && count <= 2) return count == 1 ? "once" : "twice";
  return std::to_string(count) + (count == 1 ? " time" : " times");
}

}  // namespace detail

/// The stretch of time that window_text() tells of: from `now` minus `days` to `now`, both included.
struct time_window {
  std::int64_t now = 0;   ///< seconds
  std::int64_t days = 7;  ///< of 86,400 seconds; 1 to a million
  count_wording wording = count_wording::words;
};

/// The paper's sentence: what the user did in the window, aggregated by topic and action in order of first
/// occurrence.
///
///   Over the past 7 days, the user watched 'Comedy' twice ('Babe', 'Get Shorty') and liked 'Crime' once
///   ('Heat').
///
/// Activities outside the window, those later than `now` above all, are not told. Throws
/// std::invalid_argument for a number of days out of range.
[[nodiscard]] inline std::string window_text(std::span<const activity> told, time_window window) {
  require(window.days >= 1 && window.days <= 1'000'000, "recllm: window_text: the window has ", window.days,
          " days; expected 1 to 1000000");
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::int64_t span = window.days * 86'400;
  const std::int64_t first = window.now < least + span ? least : window.now - span;
  struct group {
    std::string action, topic, titles;
    std::size_t count = 0;
  };
  std::vector<group> groups;
  std::vector<const activity*> in_order;
  for (const activity& a : told)
    if (a.time >= first && a.time <= window.now) in_order.push_back(&a);
  std::ranges::stable_sort(in_order, {}, &activity::time);
  for (const activity* one : in_order) {
    const activity& a = *one;
    group& g = detail::find_or_add(
        groups, [&](const group& other) { return other.action == a.action && other.topic == a.topic; },
        [&] {
          return group{a.action, a.topic, "", 0};
        });
    g.titles += (g.count++ == 0 ? "'" : ", '") + a.title + "'";
  }
  std::string text = window.days == 1 ? "Over the past day, the user "
                                      : "Over the past " + std::to_string(window.days) + " days, the user ";
  if (groups.empty()) text += "did nothing";
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i > 0) text += i + 1 < groups.size() ? ", " : " and ";
    text += groups[i].action + " '" + groups[i].topic + "' " +
            detail::times_told(groups[i].count, window.wording) + " (" + groups[i].titles + ")";
  }
  return text + ".";
}

}  // namespace recllm
