// How many of the topics there are a list reaches.
//
//   topic coverage = |topics of the list's items, of the universe| / |universe|
//
// Subtopic recall: Zhai, Cohen and Lafferty, SIGIR 2003. Of many lists: a coverage<Topic> of all their items'
// topics.
#pragma once

#include <cstddef>
#include <functional>

#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// In [0, 1]; 0 for an empty list or universe. `topics_of(item)` is a range of topics; those that are not in
/// `universe` do not count, repeats in it count once.
template <Items L, class TopicsOf, Items Universe>
[[nodiscard]] double topic_coverage(const L& list, const TopicsOf& topics_of, const Universe& universe) {
  const auto reached = [&](const auto& topic) {
    for (const auto& item : list)
      if (const auto& of_item = std::invoke(topics_of, item); holds(of_item, topic)) return true;
    return false;
  };
  double found = 0.0, all = 0.0;
  for (auto here = std::ranges::begin(universe); here != std::ranges::end(universe); ++here) {
    bool is_new = true;
    for (auto earlier = std::ranges::begin(universe); is_new && earlier != here; ++earlier)
      is_new = !same_item(*earlier, *here);
    if (!is_new) continue;
    all += 1.0;
    found += reached(*here) ? 1.0 : 0.0;
  }
  return all > 0.0 ? found / all : 0.0;
}

}  // namespace recllm::measure
