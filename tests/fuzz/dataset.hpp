// What every reader promises of the dataset that it gives.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <recllm/data/interactions.hpp>

#include "fuzz/fuzz.hpp"

namespace fuzz {

/// Ids are there once, events are finite, in time order, and of users and items that are there.
inline void expect_dataset(const recllm::dataset& data) {
  expect(data.histories.size() == data.users.size(), "histories of other users");
  std::set<std::string> users, items;
  for (const recllm::user& one : data.users) expect(users.insert(one.id).second, "user ", one.id, " twice");
  for (const recllm::item& one : data.items) expect(items.insert(one.id).second, "item ", one.id, " twice");
  for (std::size_t u = 0; u < data.users.size(); ++u) {
    const std::vector<recllm::event>& history = data.histories[u];
    for (const recllm::event& e : history) {
      expect(e.user == u && e.item < data.items.size(), "user ", e.user, ", item ", e.item);
      expect(std::isfinite(e.value), "value ", e.value);
    }
    expect(std::ranges::is_sorted(history, {}, &recllm::event::time), "a history is not in time order");
  }
}

inline std::size_t events_of(const recllm::dataset& data) {
  std::size_t events = 0;
  for (const std::vector<recllm::event>& history : data.histories) events += history.size();
  return events;
}

}  // namespace fuzz
