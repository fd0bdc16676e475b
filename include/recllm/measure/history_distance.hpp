// How far a list leads from what the user had before: the filter bubble's measure.
//
//   mean:    1 / (n m) sum_i sum_j d(list_i, history_j)
//   nearest: 1 / n sum_i min_j d(list_i, history_j)
//
// Sources: mean, 1 minus the "unserendipity" of Zhang et al., "Auralist", WSDM 2012; nearest, the surprise of
// Kaminskas and Bridge, "Measuring Surprise in Recommender Systems", REDD workshop at RecSys 2014.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// To which items of the history an item's distance is taken.
enum class history_linkage {
  mean,     ///< the mean over all of them
  nearest,  ///< the closest: 0 for an item like any of them
};

/// In the unit of `distance(item, past)`; 0 where either list is empty. O(n m) distances.
template <Items L, Items History, class Distance>
[[nodiscard]] constexpr double list_history_distance(const L& list, const History& history,
                                                     const Distance& distance,
                                                     history_linkage linkage = history_linkage::mean) {
  double sum = 0.0;
  std::size_t items = 0;
  for (const auto& item : list) {
    double total = 0.0, least = std::numeric_limits<double>::infinity();
    std::size_t pairs = 0;
    for (const auto& past : history) {
      const auto d = static_cast<double>(distance(item, past));
      total += d;
      least = std::min(least, d);
      ++pairs;
    }
    if (pairs == 0) return 0.0;
    sum += linkage == history_linkage::mean ? total / static_cast<double>(pairs) : least;
    ++items;
  }
  return items > 0 ? sum / static_cast<double>(items) : 0.0;
}

}  // namespace recllm::measure
