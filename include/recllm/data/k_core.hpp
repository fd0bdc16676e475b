// The k-core of a dataset: users and items that have enough events with one another.
//
// Source: S. B. Seidman, Network Structure and Minimum Degree, Social Networks 5(3), 1983; by peeling, as in
// V. Batagelj and M. Zaversnik, arXiv:cs/0310049. "5-core" data of the field are this with 5 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/filter.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

/// How many events a user and an item need to stay; 0: all stay.
struct k_core_settings {
  std::size_t user_events = 5;
  std::size_t item_events = 5;
};

/// The largest part of the data in which each user and each item has as many events as the settings ask for,
/// perhaps empty. Users and items that stay are numbered anew, in their order. Repeats count: deduplicate()
/// first where different items and users are meant. A dataset that is moved in is not copied.
///
/// Who has too few is taken out, then whoever has too few without them, until nobody has: the order does not
/// matter, and each event is looked at twice at most, so that time is linear in users, items and events.
/// Memory: 4 bytes an event beside the data.
[[nodiscard]] inline dataset k_core(dataset data, k_core_settings least = {}) {
  require(data.users.size() <= std::numeric_limits<std::uint32_t>::max(), "recllm: k_core: there are ",
          data.users.size(), " users; expected fewer than 2^32");
  std::vector<std::size_t> user_events(data.users.size()), item_events(data.items.size(), 0);
  for (std::size_t u = 0; u < data.users.size(); ++u) {
    user_events[u] = data.histories[u].size();
    for (const event& e : data.histories[u]) ++item_events[e.item];
  }
  // The users of item i's events: users_of[first[i]], ..., users_of[first[i + 1] - 1].
  std::vector<std::size_t> first(data.items.size() + 1, 0);
  for (std::size_t i = 0; i < data.items.size(); ++i) first[i + 1] = first[i] + item_events[i];
  std::vector<std::uint32_t> users_of(first.back());
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (std::size_t u = 0; u < data.users.size(); ++u)
    for (const event& e : data.histories[u]) users_of[next[e.item]++] = static_cast<std::uint32_t>(u);

  std::vector<bool> user_stays(data.users.size(), true), item_stays(data.items.size(), true);
  std::vector<std::size_t> users_out, items_out;  // taken out, their events not yet
  const auto check_user = [&](std::size_t u) {
    if (!user_stays[u] || user_events[u] >= least.user_events) return;
    user_stays[u] = false;
    users_out.push_back(u);
  };
  const auto check_item = [&](std::size_t i) {
    if (!item_stays[i] || item_events[i] >= least.item_events) return;
    item_stays[i] = false;
    items_out.push_back(i);
  };
  for (std::size_t u = 0; u < data.users.size(); ++u) check_user(u);
  for (std::size_t i = 0; i < data.items.size(); ++i) check_item(i);
  while (!users_out.empty() || !items_out.empty()) {
    while (!users_out.empty()) {
      const std::size_t u = users_out.back();
      users_out.pop_back();
      for (const event& e : data.histories[u]) {
        if (!item_stays[e.item]) continue;
        --item_events[e.item];
        check_item(e.item);
      }
    }
    while (!items_out.empty()) {
      const std::size_t i = items_out.back();
      items_out.pop_back();
      for (std::size_t at = first[i]; at < first[i + 1]; ++at) {
        if (!user_stays[users_of[at]]) continue;
        --user_events[users_of[at]];
        check_user(users_of[at]);
      }
    }
  }
  users_of = {};
  return detail::keep_marked(std::move(data), user_stays, item_stays);
}

}  // namespace recllm
