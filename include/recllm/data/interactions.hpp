// Users, items and what happened between them, in time order; from engagement to label sequences.
//
// Sequence and label construction follow Xie et al., RecLLM-R1, sections 3.1 and 4.1.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/data/sort_by_time.hpp>

namespace recllm {

/// What a user did with an item.
enum class engagement : std::uint8_t {
  rating,
  view,
  dwell,
  click,
  like,
  save,
  comment,
  share,
  follow,
  purchase
};

/// Every kind with its name in files, in the order of the enumeration.
inline constexpr std::array<std::pair<engagement, std::string_view>, 10> engagement_names{
    {{engagement::rating, "rating"},
     {engagement::view, "view"},
     {engagement::dwell, "dwell"},
     {engagement::click, "click"},
     {engagement::like, "like"},
     {engagement::save, "save"},
     {engagement::comment, "comment"},
     {engagement::share, "share"},
     {engagement::follow, "follow"},
     {engagement::purchase, "purchase"}}};

/// One interaction. `user` and `item` are positions in dataset::users and dataset::items.
struct event {
  std::size_t user = 0;
  std::size_t item = 0;
  double value = 0;       ///< a rating in the units of the data, a dwell's seconds, else 1
  std::int64_t time = 0;  ///< seconds since the epoch
  engagement action = engagement::rating;
};

/// One thing of the catalogue.
struct item {
  std::string id;                   ///< as the files spell it
  std::string title;                ///< may repeat between items
  std::string year;                 ///< text: real files hold more than numbers here
  std::vector<std::string> topics;  ///< genres, categories, tags; may be empty
  std::string description{};        ///< may be empty
  std::vector<std::pair<std::string, std::string>>
      attributes{};  ///< name, value as text: brand, price, likes
};

/// One person: an id and attributes in the order in which they were read.
struct user {
  std::string id;
  std::vector<std::pair<std::string, std::string>> attributes;  ///< name, value as text

  /// The value of an attribute; throws std::invalid_argument that lists the known names if there is none.
  [[nodiscard]] const std::string& attribute(std::string_view name) const {
    std::string known;
    for (const auto& [key, value] : attributes) {
      if (key == name) return value;
      known += (known.empty() ? "" : ", ") + key;
    }
    throw std::invalid_argument(
        message("recllm: user::attribute: user '", id, "' has no '", name, "'; known: ", known));
  }
};

/// Users, catalogue and histories. histories[u] holds the events of users[u] in time order, ties in file
/// order.
struct dataset {
  std::vector<user> users;
  std::vector<item> items;
  std::vector<std::vector<event>> histories;  ///< as many as users; empty for a user without events
};

/// Users, items and events put together: events go to their user's history, oldest first; equal times keep
/// the order of `events`. Throws std::invalid_argument if an event names a user or item that is not there or
/// its value is not finite.
[[nodiscard]] inline dataset assemble(std::vector<user> users, std::vector<item> items,
                                      std::span<const event> events) {
  dataset data{std::move(users), std::move(items), {}};
  std::vector<std::size_t> counts(data.users.size(), 0);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const event& e = events[i];
    require(e.user < data.users.size() && e.item < data.items.size(), "recllm: assemble: event ", i,
            " names user ", e.user, " and item ", e.item, "; there are ", data.users.size(), " users and ",
            data.items.size(), " items, numbered from 0");
    require(std::isfinite(e.value), "recllm: assemble: event ", i, " of user '", data.users[e.user].id,
            "' has the value ", e.value, "; expected a finite number");
    ++counts[e.user];
  }
  data.histories.resize(data.users.size());
  for (std::size_t u = 0; u < counts.size(); ++u) data.histories[u].reserve(counts[u]);
  for (const event& e : events) data.histories[e.user].push_back(e);
  detail::time_sorter<event> sort;
  for (std::vector<event>& history : data.histories) sort(history);
  return data;
}

/// The topics of each item, by item number.
[[nodiscard]] inline std::vector<std::vector<std::string>> topics_of(std::span<const item> items) {
  std::vector<std::vector<std::string>> topics;
  for (const item& one : items) topics.push_back(one.topics);
  return topics;
}

/// The rule for strong engagement where there are only ratings: one of at least `least`.
struct rated_at_least {
  double least = 4;
  [[nodiscard]] constexpr bool operator()(const event& e) const {
    return e.action == engagement::rating && e.value >= least;
  }
};

/// The rule for strong engagement of a feed (paper 3.1): what takes an effort counts, a view or a click does
/// not. Any callable from event to bool is a rule.
struct strong_engagement {
  double least_rating = 4;  ///< in the units of the data
  double least_dwell_seconds = 30;
  std::vector<engagement> actions{engagement::like,  engagement::save,   engagement::comment,
                                  engagement::share, engagement::follow, engagement::purchase};

  [[nodiscard]] bool operator()(const event& e) const {
    if (e.action == engagement::rating) return e.value >= least_rating;
    if (e.action == engagement::dwell) return e.value >= least_dwell_seconds;
    return std::ranges::find(actions, e.action) != actions.end();
  }
};

/// Strong engagement by default: a rating of 4 or more.
inline constexpr rated_at_least strong{};

/// The rule that takes every event.
struct any_event {
  [[nodiscard]] constexpr bool operator()(const event&) const { return true; }
};

/// The items of the events that satisfy `rule`, oldest first, repeats kept.
template <class Rule = any_event>
[[nodiscard]] std::vector<std::size_t> item_sequence(std::span<const event> events, Rule rule = {}) {
  std::vector<std::size_t> items;
  for (const event& e : events)
    if (rule(e)) items.push_back(e.item);
  return items;
}

/// The label (paper 3.1): the next `count` different items that the user engages with strongly, in order of
/// first engagement; fewer where `future` (the events from the cut on) has fewer. A repeat is left out, since
/// no list may name an item twice.
template <class Rule = rated_at_least>
[[nodiscard]] std::vector<std::size_t> next_strong_items(std::span<const event> future, std::size_t count,
                                                         Rule rule = {}) {
  std::vector<std::size_t> items;
  for (const event& e : future) {
    if (items.size() == count) break;
    if (rule(e) && std::find(items.begin(), items.end(), e.item) == items.end()) items.push_back(e.item);
  }
  return items;
}

}  // namespace recllm
