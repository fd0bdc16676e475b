// One event for each item of a user, where a log has several: a view, then a like, then a share.
#pragma once

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/data/interactions.hpp>

namespace recllm {

/// How much an event tells: a rating's value; else 0 for a view, then click, short dwell, long dwell, like,
/// save, comment, share, follow, purchase, up to 9.
struct engagement_depth {
  double long_dwell_seconds = 30;

  [[nodiscard]] constexpr double operator()(const event& e) const {
    switch (e.action) {
      case engagement::rating:
        return e.value;
      case engagement::view:
        return 0;
      case engagement::click:
        return 1;
      case engagement::dwell:
        return e.value < long_dwell_seconds ? 2 : 3;
      case engagement::like:
        return 4;
      case engagement::save:
        return 5;
      case engagement::comment:
        return 6;
      case engagement::share:
        return 7;
      case engagement::follow:
        return 8;
      case engagement::purchase:
        break;
    }
    return 9;
  }
};

/// The score that keeps the first event with an item.
struct earliest_event {
  [[nodiscard]] constexpr double operator()(const event&) const { return 0; }
};

/// The score that keeps the last event with an item, of those at one time the first.
struct latest_event {
  [[nodiscard]] constexpr double operator()(const event& e) const { return static_cast<double>(e.time); }
};

/// The same data with one event for each item of a user: that of the highest `score(event)`, of equals the
/// first. Time order stays; users and items all stay.
template <class Score = engagement_depth>
[[nodiscard]] dataset deduplicate(const dataset& data, const Score& score = {}) {
  dataset kept{data.users, data.items, {}};
  kept.histories.reserve(data.histories.size());
  std::unordered_map<std::size_t, std::pair<std::size_t, double>> best;  // item -> place, score
  for (const std::vector<event>& history : data.histories) {
    best.clear();
    for (std::size_t i = 0; i < history.size(); ++i) {
      const double value = static_cast<double>(std::invoke(score, history[i]));
      const auto [found, is_new] = best.try_emplace(history[i].item, i, value);
      if (!is_new && value > found->second.second) found->second = {i, value};
    }
    std::vector<event>& events = kept.histories.emplace_back();
    events.reserve(best.size());
    for (std::size_t i = 0; i < history.size(); ++i)
      if (best.at(history[i].item).first == i) events.push_back(history[i]);
  }
  return kept;
}

}  // namespace recllm
