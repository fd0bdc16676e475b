// One event for each item of a user, where a log has several: a view, then a like, then a share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <tuple>
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
/// first. Time order stays; users and items all stay. A dataset that is moved in is not copied.
template <class Score = engagement_depth>
[[nodiscard]] dataset deduplicate(dataset data, const Score& score = {}) {
  struct best_event {
    std::size_t place = 0;
    double score = 0;
    std::size_t seen_by = 0;  // a user's number + 1
  };
  std::vector<best_event> best(data.items.size());
  for (std::size_t u = 0; u < data.histories.size(); ++u) {
    std::vector<event>& history = data.histories[u];
    for (std::size_t i = 0; i < history.size(); ++i) {
      const double value = static_cast<double>(std::invoke(score, history[i]));
      best_event& so_far = best[history[i].item];
      if (so_far.seen_by != u + 1 || value > so_far.score) so_far = {i, value, u + 1};
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < history.size(); ++i)
      if (best[history[i].item].place == i) history[kept++] = history[i];
    if (kept == history.size()) continue;
    history.resize(kept);
    history.shrink_to_fit();
  }
  return data;
}

/// The same data without the events that repeat another in all of user, item, value, time and action; of
/// equals the first stays. A dataset that is moved in is not copied.
[[nodiscard]] inline dataset drop_exact_repeats(dataset data) {
  std::vector<std::size_t> places;
  std::vector<bool> repeats;
  for (std::vector<event>& history : data.histories) {
    places.resize(history.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto facts = [&](std::size_t i) {
      const event& e = history[i];
      return std::tuple(e.time, e.item, e.action, e.value);
    };
    std::ranges::sort(places, [&](std::size_t a, std::size_t b) {
      return std::tuple(facts(a), a) < std::tuple(facts(b), b);
    });
    repeats.assign(history.size(), false);
    for (std::size_t i = 1; i < places.size(); ++i)
      repeats[places[i]] = facts(places[i]) == facts(places[i - 1]);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < history.size(); ++i)
      if (!repeats[i]) history[kept++] = history[i];
    history.resize(kept);
    history.shrink_to_fit();
  }
  return data;
}

}  // namespace recllm
