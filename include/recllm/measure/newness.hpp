// How much of a list is new to the catalogue, and how much of it is growing fast.
//
//   new:      first seen at now - within or later
//   growth  = (interactions in (now - window, now] + s) / (those in the window before + s)
//   emerging: growth and recent interactions at or above thresholds
//
// Times are whole numbers in any unit, of events and settings alike. s >= 0 smooths: with s = 1 an item that
// went from 0 to 3 interactions grew 4 times, not infinitely.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>
#include <recllm/measure/serendipity.hpp>

namespace recllm::measure {

/// Settings of new_items_share().
struct newness_options {
  std::int64_t now = 0;     ///< the time of the recommendation
  std::int64_t within = 0;  ///< >= 0: how long an item is new
};

/// The share of places whose item is new, in [0, 1]; 0 for an empty list. `first_seen(item)`: the time when
/// the item appeared; one that appears after `now` is new. A repeated item counts at its first place only.
/// Throws std::invalid_argument for a negative `within`.
template <List L, class FirstSeen>
[[nodiscard]] double new_items_share(const L& list, const FirstSeen& first_seen,
                                     const newness_options& options) {
  require(options.within >= 0, "recllm: new_items_share: expected within >= 0, got ", options.within);
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::int64_t since = options.now < least + options.within ? least : options.now - options.within;
  return detail::share_of_places(list, [&](const auto& item) {
    return static_cast<std::int64_t>(std::invoke(first_seen, item)) >= since;
  });
}

/// Settings of item_growth.
struct growth_options {
  std::int64_t now = 0;          ///< events after it do not count
  std::int64_t window = 604800;  ///< > 0; a week where times are seconds
  double smoothing = 1.0;        ///< s, > 0 where an item may have no events
  double least_growth = 2.0;     ///< of an emerging item
  std::size_t least_recent = 5;  ///< interactions in the last window of an emerging item
};

/// Counts each item's interactions in the last two windows. Needs std::hash<Item>.
template <class Item>
class item_growth {
 public:
  /// Throws std::invalid_argument for settings out of range.
  explicit item_growth(const growth_options& options) : options_(options) {
    require(options.window > 0, "recllm: item_growth: expected a window > 0, got ", options.window);
    require(options.smoothing > 0.0 && std::isfinite(options.smoothing),
            "recllm: item_growth: expected smoothing > 0, got ", options.smoothing);
    require(options.least_growth > 0.0, "recllm: item_growth: expected least_growth > 0, got ",
            options.least_growth);
  }

  /// One interaction with the item; of no effect before the two windows or after `now`.
  void add(const Item& item, std::int64_t time) {
    if (time > options_.now) return;
    // Unsigned: the distance of any two times fits.
    const std::uint64_t age = static_cast<std::uint64_t>(options_.now) - static_cast<std::uint64_t>(time);
    const auto window = static_cast<std::uint64_t>(options_.window);
    if (age < window)
      ++counts_[item].recent;
    else if (age - window < window)
      ++counts_[item].before;
  }

  /// > 0; 1 for an item that was not added.
  [[nodiscard]] double operator()(const Item& item) const {
    const both counts = of(item);
    return (static_cast<double>(counts.recent) + options_.smoothing) /
           (static_cast<double>(counts.before) + options_.smoothing);
  }

  [[nodiscard]] bool emerging(const Item& item) const {
    return of(item).recent >= options_.least_recent && (*this)(item) >= options_.least_growth;
  }

 private:
  struct both {
    std::size_t recent = 0, before = 0;
  };
  [[nodiscard]] both of(const Item& item) const {
    const auto found = counts_.find(item);
    return found == counts_.end() ? both{} : found->second;
  }

  growth_options options_;
  std::unordered_map<Item, both> counts_;
};

/// The share of places whose item is emerging, in [0, 1]; 0 for an empty list. A repeated item counts at its
/// first place only.
template <List L, class Item>
[[nodiscard]] double emerging_share(const L& list, const item_growth<Item>& growth) {
  return detail::share_of_places(list, [&](const auto& item) { return growth.emerging(item); });
}

}  // namespace recllm::measure
