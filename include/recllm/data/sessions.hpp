// Sessions: stretches of a history without a long pause.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <range/v3/view/chunk_by.hpp>

#include <recllm/core/check.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

/// A history cut where more than `gap_seconds` pass from one event to the next, oldest session first; none
/// for an empty history. Events must be in time order, as a dataset's are. Borrows from `history`. Throws
/// std::invalid_argument for a negative gap.
[[nodiscard]] inline std::vector<std::span<const event>> sessions_of(std::span<const event> history,
                                                                     std::int64_t gap_seconds = 1800) {
  require(gap_seconds >= 0, "recllm: sessions_of: the gap is ", gap_seconds,
          " seconds; expected 0 seconds or more");
  const auto follows = [gap = static_cast<std::uint64_t>(gap_seconds)](const event& a, const event& b) {
    // Unsigned: a pause may be longer than std::int64_t can tell.
    return static_cast<std::uint64_t>(b.time) - static_cast<std::uint64_t>(a.time) <= gap;
  };
  std::vector<std::span<const event>> sessions;
  for (const auto session : history | ranges::views::chunk_by(follows))
    sessions.emplace_back(session.begin(), session.end());
  return sessions;
}

/// The same data with a user for each session: ids are "<id>/1", "<id>/2", ..., attributes those of the user.
/// Users without events go.
[[nodiscard]] inline dataset cut_sessions(const dataset& data, std::int64_t gap_seconds = 1800) {
  dataset cut{{}, data.items, {}};
  for (std::size_t u = 0; u < data.users.size(); ++u) {
    std::size_t number = 0;
    for (const std::span<const event> session : sessions_of(data.histories[u], gap_seconds)) {
      std::vector<event>& events = cut.histories.emplace_back(session.begin(), session.end());
      for (event& e : events) e.user = cut.users.size();
      cut.users.push_back({data.users[u].id + "/" + std::to_string(++number), data.users[u].attributes});
    }
  }
  return cut;
}

}  // namespace recllm
