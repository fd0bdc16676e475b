// What every dataset that was read promises, and that it can be written and read back.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <recllm/data/interactions.hpp>
#include <recllm/data/read_recbole.hpp>
#include <recllm/data/write_recbole.hpp>
#include <recllm/text/utf8.hpp>

#include "fuzz/fuzz.hpp"

namespace fuzz {

inline bool same(const recllm::dataset& a, const recllm::dataset& b) {
  const auto users = [](const recllm::user& x, const recllm::user& y) {
    return x.id == y.id && x.attributes == y.attributes;
  };
  const auto items = [](const recllm::item& x, const recllm::item& y) {
    return x.id == y.id && x.title == y.title && x.year == y.year && x.topics == y.topics &&
           x.description == y.description && x.attributes == y.attributes;
  };
  const auto events = [](const recllm::event& x, const recllm::event& y) {
    return x.user == y.user && x.item == y.item && x.value == y.value && x.time == y.time &&
           x.action == y.action;
  };
  const auto histories = [&](const auto& x, const auto& y) { return std::ranges::equal(x, y, events); };
  return std::ranges::equal(a.users, b.users, users) && std::ranges::equal(a.items, b.items, items) &&
         std::ranges::equal(a.histories, b.histories, histories);
}

/// Ids are there once, texts are UTF-8, events are of users and items that are there, histories in
/// time order.
inline void expect_dataset(const recllm::dataset& data) {
  const auto expect_text = [](const std::string& text) {
    expect(recllm::detail::is_utf8(text), "no UTF-8: ", text);
  };
  expect(data.histories.size() == data.users.size(), "histories of other users");
  std::set<std::string> users, items;
  for (const recllm::user& one : data.users) {
    expect(users.insert(one.id).second, "user ", one.id, " twice");
    expect_text(one.id);
    for (const auto& [name, value] : one.attributes) expect_text(value);
  }
  for (const recllm::item& one : data.items) {
    expect(items.insert(one.id).second, "item ", one.id, " twice");
    for (const std::string* text : {&one.id, &one.title, &one.year, &one.description}) expect_text(*text);
    for (const std::string& topic : one.topics) {
      expect(!topic.empty(), "an empty topic");
      expect_text(topic);
    }
    for (const auto& [name, value] : one.attributes) expect_text(value);
  }
  for (std::size_t u = 0; u < data.users.size(); ++u) {
    for (const recllm::event& e : data.histories[u]) {
      expect(e.user == u && e.item < data.items.size(), "user ", e.user, ", item ", e.item);
      expect(std::isfinite(e.value), "value ", e.value);
    }
    expect(std::ranges::is_sorted(data.histories[u], {}, &recllm::event::time),
           "a history is not in time order");
  }
}

inline std::size_t events_of(const recllm::dataset& data) {
  std::size_t events = 0;
  for (const std::vector<recllm::event>& history : data.histories) events += history.size();
  return events;
}

/// Written as RecBole's files, where these can hold it, the dataset is read back; `settings` name its
/// attributes.
inline void expect_written(const recllm::dataset& data, recllm::recbole_settings settings) {
  settings.name = "written";
  const auto written = attempt([&] { return recllm::write_recbole(data, file::folder(), settings), true; });
  if (written.value)
    expect(same(recllm::read_recbole(file::folder(), settings), data), "what was written is read as another");
}

}  // namespace fuzz
