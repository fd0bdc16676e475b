// How evenly many lists spread over a catalogue: how often each item is shown, and the Gini index of that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <unordered_map>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// How often items stand in many lists. Needs std::hash<Item>.
template <class Item>
class exposure {
 public:
  template <Items R>
  void add(const R& items) {
    for (const auto& item : items) counts_[item] += 1.0;
  }

  /// The number of different items so far.
  [[nodiscard]] std::size_t distinct() const { return counts_.size(); }

  /// One count for each item of the catalogue, ascending, 0 for those never shown: what gini() and entropy()
  /// take. Throws std::invalid_argument where more items were shown than the catalogue has.
  [[nodiscard]] std::vector<double> counts(std::size_t catalogue_size) const {
    require(catalogue_size >= distinct(), "recllm: exposure: expected a catalogue of at least ", distinct(),
            " items, the different ones that were added, got ", catalogue_size);
    std::vector<double> all(catalogue_size, 0.0);
    std::size_t place = catalogue_size - counts_.size();
    for (const auto& [item, count] : counts_) all[place++] = count;
    std::ranges::sort(all);
    return all;
  }

 private:
  std::unordered_map<Item, double> counts_;
};

/// What one item with all the exposure is worth.
enum class gini_divisor {
  n,            ///< 1 - 1 / n: the population's index, as RecBole has it
  n_minus_one,  ///< 1
};

/// Settings of gini().
struct gini_options {
  gini_divisor divisor = gini_divisor::n;
  bool high_is_even = false;  ///< 1 minus the index, for those who want more to be better
};

/// The Gini index of how unequal `counts` are: 0 where all are equal, and where there is none or all are 0.
///
///   sum_i (2 i - n - 1) x_i / (n sum_i x_i),  x ascending, i = 1, ..., n
///
/// Throws std::invalid_argument for a negative or NaN count. Source: Gini 1912; for recommendations Fleder
/// and Hosanagar, Management Science 55 (2009).
template <Items Counts>
[[nodiscard]] double gini(const Counts& counts, const gini_options& options = {}) {
  std::vector<double> ascending;
  for (const auto& count : counts) {
    ascending.push_back(static_cast<double>(count));
    require(ascending.back() >= 0.0, "recllm: gini: expected counts >= 0, got ", ascending.back());
  }
  std::ranges::sort(ascending);
  const auto n = static_cast<double>(ascending.size());
  double total = 0.0, sum = 0.0, i = 0.0;
  for (const double count : ascending) {
    total += count;
    sum += (2.0 * ++i - n - 1.0) * count;
  }
  const double most = (options.divisor == gini_divisor::n ? n : n - 1.0) * total;
  const double index = most > 0.0 ? sum / most : 0.0;
  return options.high_is_even ? 1.0 - index : index;
}

}  // namespace recllm::measure
