// How little known the items of a list are: their self-information, -log2 of their share of all interactions.
//
// Source: Zhou et al., PNAS 107 (2010), "surprisal"; Castells, Hurley and Vargas, Recommender Systems
// Handbook.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <unordered_map>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// The share that items less popular than it, and items never seen, are taken to have: at most 19.9 bits an
/// item.
inline constexpr double least_share = 1e-6;

/// -log2(max(share, floor)), bits: 0 for an item that every interaction is with. `share` in [0, 1]; `floor`
/// in (0, 1] bounds what unseen items (share 0) are worth. Throws std::invalid_argument outside these ranges.
[[nodiscard]] inline double self_information(double share, double floor = least_share) {
  require(share >= 0.0 && share <= 1.0, "recllm: self_information: expected a share in [0, 1], got ", share,
          "; divide an item's interactions by those of all items");
  require(floor > 0.0 && floor <= 1.0, "recllm: self_information: expected a floor in (0, 1], got ", floor);
  return std::max(0.0, -std::log2(std::max(share, floor)));  // not -0
}

/// The mean self-information of a list, bits; 0 if it is empty. `share_of(item)` is the item's share of all
/// interactions, 0 if it was never seen.
template <Items R, class ShareOf>
[[nodiscard]] double mean_self_information(const R& items, const ShareOf& share_of,
                                           double floor = least_share) {
  double sum = 0.0, count = 0.0;
  for (const auto& item : items) {
    sum += self_information(static_cast<double>(std::invoke(share_of, item)), floor);
    count += 1.0;
  }
  return count > 0.0 ? sum / count : 0.0;
}

/// Each item's share of all interactions, counted. Needs std::hash<Item>.
template <class Item>
class interaction_shares {
 public:
  void add(const Item& item, std::size_t interactions = 1) {
    counts_[item] += interactions;
    total_ += interactions;
  }

  /// In [0, 1]; 0 for an item without interactions.
  [[nodiscard]] double operator()(const Item& item) const {
    const auto found = counts_.find(item);
    return found == counts_.end() || total_ == 0
               ? 0.0
               : static_cast<double>(found->second) / static_cast<double>(total_);
  }

 private:
  std::unordered_map<Item, std::size_t> counts_;
  std::size_t total_ = 0;
};

}  // namespace recllm::measure
