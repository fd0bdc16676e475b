// Parts of a dataset: users with enough events, events that satisfy a rule, a window of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

namespace detail {

/// The same data with only the users and items that are marked, numbered anew, and the events between them.
/// Works in place.
inline dataset keep_marked(dataset data, const std::vector<bool>& users, const std::vector<bool>& items) {
  std::vector<std::size_t> item_number(data.items.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    if (!items[i]) continue;
    item_number[i] = kept;
    if (kept != i) data.items[kept] = std::move(data.items[i]);
    ++kept;
  }
  const bool all_items = kept == data.items.size();
  data.items.erase(data.items.begin() + static_cast<std::ptrdiff_t>(kept), data.items.end());
  kept = 0;
  for (std::size_t u = 0; u < data.users.size(); ++u) {
    std::vector<event> history = std::move(data.histories[u]);
    if (!users[u]) continue;
    if (!all_items) {
      std::erase_if(history, [&](const event& e) { return !items[e.item]; });
      history.shrink_to_fit();
    }
    for (event& e : history) {
      e.user = kept;
      e.item = item_number[e.item];
    }
    data.histories[kept] = std::move(history);
    if (kept != u) data.users[kept] = std::move(data.users[u]);
    ++kept;
  }
  data.users.erase(data.users.begin() + static_cast<std::ptrdiff_t>(kept), data.users.end());
  data.histories.resize(kept);
  return data;
}

}  // namespace detail

/// The same data without the users who have fewer than `min_events` events (RecLLM-R1, section 4.1: five).
/// The users that stay are numbered anew; items keep their numbers. A dataset that is moved in is not copied,
/// here and below.
[[nodiscard]] inline dataset keep_users_with(dataset data, std::size_t min_events = 5) {
  std::vector<bool> users(data.users.size());
  for (std::size_t u = 0; u < users.size(); ++u) users[u] = data.histories[u].size() >= min_events;
  const std::vector<bool> items(data.items.size(), true);
  return detail::keep_marked(std::move(data), users, items);
}

/// The same data with only the events that satisfy `rule`; every user and item stays, perhaps without events.
template <class Rule>
[[nodiscard]] dataset keep_events(dataset data, Rule rule) {
  for (std::vector<event>& history : data.histories) {
    if (std::erase_if(history, [&](const event& e) { return !rule(e); }) > 0) history.shrink_to_fit();
  }
  return data;
}

/// The rule that takes the events with from <= time < to, in seconds since the epoch:
/// `keep_events(data, during{.from = monday, .to = tuesday})`.
struct during {
  std::int64_t from = std::numeric_limits<std::int64_t>::min();
  std::int64_t to = std::numeric_limits<std::int64_t>::max();
  [[nodiscard]] constexpr bool operator()(const event& e) const { return e.time >= from && e.time < to; }
};

}  // namespace recllm
