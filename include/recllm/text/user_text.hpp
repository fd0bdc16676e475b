// A user in words: profile, what was done last, in order, and what is done most, by topic. The windows of
// days are window_text()'s in text/history.hpp.
//
// Source: Xie et al., RecLLM-R1, sections 3.1 (profiles and histories in time order, by topic) and 4.1
// (short- and long-term preferences: counts of clicks, likes, saves, comments, shares).
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/data/interactions.hpp>
#include <recllm/text/history.hpp>

namespace recllm {

/// The verb of an event, for activities() and short_term_text(): engagement_word(), with what it lacks before
/// a title: found fine, stayed with, commented on.
struct told_by_engagement {
  [[nodiscard]] std::string operator()(const event& e) const {
    const std::string word = engagement_word(e);
    if (word == "fine") return "found fine";
    return word + (word == "stayed" ? " with" : word == "commented" ? " on" : "");
  }
};

/// The profile: "The user's age is 25-34, gender F, city tier 2." Attributes of no value are left out, "age"
/// is told as its age_band() if it is a number, and _ in a name as a space. Empty if nothing is known.
[[nodiscard]] inline std::string profile_text(const user& who) {
  std::string text;
  for (const auto& [name, value] : who.attributes) {
    if (value.empty()) continue;
    std::string told = name;
    std::ranges::replace(told, '_', ' ');
    const std::string band = name == "age" ? age_band(value) : "unknown";
    text += (text.empty() ? "The user's " + told + " is " : ", " + told + " ") +
            (band == "unknown" ? value : band);
  }
  return text.empty() ? text : text + ".";
}

/// The short-term list: the last `count` events in order, "The user last viewed 'Babe', liked 'Heat' and
/// saved 'Up'." Events in time order; `action(event)` gives the verb. Empty for no events.
template <class Action = told_by_engagement>
[[nodiscard]] std::string short_term_text(std::span<const event> events, std::span<const item> catalogue,
                                          std::size_t count, Action action = {}) {
  const std::span<const event> last = short_term(events, count);
  std::string text;
  for (std::size_t i = 0; i < last.size(); ++i) {
    text += i == 0 ? "The user last " : i + 1 < last.size() ? ", " : " and ";
    text += action(last[i]) + " '" + detail::item_of(last[i], catalogue, "short_term_text").title + "'";
  }
  return text.empty() ? text : text + ".";
}

/// The long-term summary: the `count` topics with the most activities, ties by name, each with how often what
/// was done, most often first, ties by name: "All in all, the user viewed 'food' 12 times, liked it twice;
/// viewed 'home' once." Empty for no activities. Give activities(events, catalogue, told_by_engagement{}).
[[nodiscard]] inline std::string long_term_text(std::span<const activity> told, std::size_t count = 5,
                                                count_wording wording = count_wording::words) {
  struct topic_actions {
    std::string topic;
    std::size_t total = 0;
    std::vector<std::pair<std::string, std::size_t>> actions{};
  };
  std::vector<topic_actions> topics;
  for (const activity& a : told) {
    topic_actions& t = detail::find_or_add(
        topics, [&](const topic_actions& other) { return other.topic == a.topic; },
        [&] { return topic_actions{a.topic}; });
    ++t.total;
    ++detail::find_or_add(
          t.actions, [&](const auto& other) { return other.first == a.action; },
          [&] { return std::pair(a.action, std::size_t{0}); })
          .second;
  }
  std::ranges::sort(topics, [](const topic_actions& a, const topic_actions& b) {
    return a.total != b.total ? a.total > b.total : a.topic < b.topic;
  });
  topics.resize(std::min(topics.size(), count));
  std::string text;
  for (topic_actions& t : topics) {
    std::ranges::sort(t.actions, [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    text += text.empty() ? "All in all, the user " : "; ";
    for (std::size_t i = 0; i < t.actions.size(); ++i)
      text += (i > 0 ? ", " : "") + t.actions[i].first + (i > 0 ? " it " : " '" + t.topic + "' ") +
              detail::times_told(t.actions[i].second, wording);
  }
  return text.empty() ? text : text + ".";
}

}  // namespace recllm
