// How different the items of a list are from each other, and how much of a catalogue many lists reach.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <ranges>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// 1 - |a and b| / |a or b| of two sets, in [0, 1]; repeats count once; two empty sets are alike: 0.
/// Source: Jaccard, Bulletin de la Societe Vaudoise des Sciences Naturelles 37 (1901).
template <Items A, Items B>
[[nodiscard]] constexpr double jaccard_distance(const A& a, const B& b) {
  std::size_t shared = 0;
  for (auto here = std::ranges::begin(a); here != std::ranges::end(a); ++here) {
    bool is_new = holds(b, *here);
    for (auto earlier = std::ranges::begin(a); is_new && earlier != here; ++earlier)
      is_new = !same_item(*earlier, *here);
    shared += is_new ? 1 : 0;
  }
  const std::size_t together = count_distinct(a) + count_distinct(b) - shared;
  return together > 0 ? 1.0 - static_cast<double>(shared) / static_cast<double>(together) : 0.0;
}

/// The mean of `distance(item, other)` over all pairs of places of the list; 0 for fewer than two items.
/// `distance` is symmetric. Source: Zhang and Hurley, RecSys 2008; 2 / (n (n - 1)) sum_{i<j} d(i, j).
template <List L, class Distance>
[[nodiscard]] constexpr double intra_list_diversity(const L& list, const Distance& distance) {
  double sum = 0.0;
  std::size_t pairs = 0;
  for (auto one = std::ranges::begin(list); one != std::ranges::end(list); ++one)
    for (auto other = std::ranges::next(one); other != std::ranges::end(list); ++other, ++pairs)
      sum += static_cast<double>(distance(*one, *other));
  return pairs > 0 ? sum / static_cast<double>(pairs) : 0.0;
}

/// Which items many lists contain: catalogue coverage. Needs std::hash<Item>.
template <class Item>
class coverage {
 public:
  template <Items R>
  void add(const R& items) {
    seen_.insert(std::ranges::begin(items), std::ranges::end(items));
  }

  /// The number of different items so far.
  [[nodiscard]] std::size_t distinct() const { return seen_.size(); }

  /// Their share of a catalogue, in [0, 1]. Throws std::invalid_argument where that is empty or smaller than
  /// what was seen.
  [[nodiscard]] double share(std::size_t catalogue_size) const {
    require(catalogue_size > 0 && catalogue_size >= distinct(),
            "recllm: coverage: expected a catalogue of at least ", std::max(distinct(), std::size_t{1}),
            " items, the different ones that were added, got ", catalogue_size);
    return static_cast<double>(distinct()) / static_cast<double>(catalogue_size);
  }

 private:
  std::unordered_set<Item> seen_;
};

/// What an entropy is divided by.
enum class entropy_scale {
  none,         ///< nothing: Shannon's entropy
  evenness,     ///< its largest value, that of as many equal counts, those of 0 among them: in [0, 1]; Pielou
                ///< 1966
  per_reached,  ///< the number of counts that are not 0, as RecBole's ShannonEntropy is
};

/// Settings of entropy().
struct entropy_options {
  double base = std::numbers::e;  ///< of the logarithm, > 1: e gives nats, 2 bits
  entropy_scale scale = entropy_scale::none;
};

/// Shannon's entropy of the distribution proportional to `counts`, by default in nats and unscaled: between 0
/// and ln of how many are not 0; 0 for none or one. Throws std::invalid_argument for a negative or NaN count,
/// or a base that is not above 1.
template <Items Counts>
[[nodiscard]] double entropy(const Counts& counts, const entropy_options& options = {}) {
  require(options.base > 1.0, "recllm: entropy: expected a base > 1, got ", options.base);
  double total = 0.0, places = 0.0, reached = 0.0;
  for (const auto& count : counts) {
    const auto value = static_cast<double>(count);
    require(value >= 0.0, "recllm: entropy: expected counts >= 0, got ", value);
    total += value;
    places += 1.0;
    reached += value > 0.0 ? 1.0 : 0.0;
  }
  if (reached < 2.0) return 0.0;
  double sum = 0.0;
  for (const auto& count : counts)
    if (const double p = static_cast<double>(count) / total; p > 0.0) sum -= p * std::log(p);
  if (options.scale == entropy_scale::evenness) return sum / std::log(places);
  const double value = sum / std::log(options.base);
  return options.scale == entropy_scale::per_reached ? value / reached : value;
}

/// The entropy of how often each topic stands in the list: `topics_of(item)` is a range of topics, each of
/// which counts once an item. An evenness is over the topics that the list has. 0 for fewer than two topics.
template <Items L, class TopicsOf>
[[nodiscard]] double topic_entropy(const L& list, const TopicsOf& topics_of,
                                   const entropy_options& options = {}) {
  using topics = std::remove_cvref_t<decltype(topics_of(*std::ranges::begin(list)))>;
  std::vector<std::ranges::range_value_t<topics>> known;
  std::vector<double> counts;
  for (const auto& item : list) {
    const auto& found = topics_of(item);
    for (auto here = std::ranges::begin(found); here != std::ranges::end(found); ++here) {
      if (std::find(std::ranges::begin(found), here, *here) != here) continue;  // once an item
      const auto place = static_cast<std::size_t>(std::ranges::find(known, *here) - known.begin());
      if (place == known.size()) {
        known.push_back(*here);
        counts.push_back(0.0);
      }
      counts[place] += 1.0;
    }
  }
  return entropy(counts, options);
}

}  // namespace recllm::measure
