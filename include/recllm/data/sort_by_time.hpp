// Stable sort of events by time, many short histories one after another.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace recllm::detail {

/// Sorts events by `.time`, equal times in the order in which they are; keeps its memory from one history to
/// the next. Time and place are packed into one word, so that 8 bytes an event are sorted, not 40.
template <class Event>
class time_sorter {
 public:
  void operator()(std::vector<Event>& events) {
    const auto earlier = [](const Event& a, const Event& b) { return a.time < b.time; };
    if (std::is_sorted(events.begin(), events.end(), earlier)) return;
    const auto [first, last] = std::minmax_element(events.begin(), events.end(), earlier);
    const auto start = static_cast<std::uint64_t>(first->time);
    const auto length = static_cast<std::uint64_t>(last->time) - start;
    const int places = static_cast<int>(std::bit_width(events.size()));
    if (static_cast<int>(std::bit_width(length)) + places > 64) {
      std::stable_sort(events.begin(), events.end(), earlier);
      return;
    }
    keys_.clear();
    for (std::size_t i = 0; i < events.size(); ++i)
      keys_.push_back((static_cast<std::uint64_t>(events[i].time) - start) << places | i);
    std::sort(keys_.begin(), keys_.end());
    unsorted_.assign(events.begin(), events.end());
    const std::uint64_t place = (std::uint64_t{1} << places) - 1;
    for (std::size_t i = 0; i < events.size(); ++i) events[i] = unsorted_[keys_[i] & place];
  }

 private:
  std::vector<std::uint64_t> keys_;
  std::vector<Event> unsorted_;
};

}  // namespace recllm::detail
