// The area under the ROC curve: how often a relevant item is scored above one that is not.
//
//   AUC = (pairs in which the relevant item's score is higher + 1/2 pairs of equal scores) / all pairs
//
// Of one user's items; or of all users' scores pooled, as RecBole's AUC. The mean of users' figures weighted
// by their relevant items is GAUC: Zhou et al., arXiv 1706.06978 (weighted there by impressions), RecBole's
// GAUC. Source: Hanley and McNeil, Radiology 143 (1982). O((n + m) log n) for n relevant items and m others.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/list.hpp>

namespace recllm::measure {

/// The AUC of given relevant scores against others that come one by one.
class auc_counter {
 public:
  /// Throws std::invalid_argument where there is no score or one is NaN.
  explicit auc_counter(std::vector<double> relevant) : relevant_(std::move(relevant)) {
    require(!relevant_.empty(), "recllm: auc: expected at least one relevant score, got none");
    for (const double score : relevant_)
      require(!std::isnan(score), "recllm: auc: a relevant score is not a number");
    std::ranges::sort(relevant_);
  }

  /// The score of an item that is not relevant. Throws std::invalid_argument for NaN.
  void add(double other) {
    require(!std::isnan(other), "recllm: auc: a score is not a number");
    if (relevant_.size() <= 32) {  // without branches this is faster than a search
      std::size_t halves = 0;
      for (const double score : relevant_)
        halves += static_cast<std::size_t>(score > other) + static_cast<std::size_t>(score >= other);
      halves_ += static_cast<double>(halves);
    } else {
      const auto [equal, above] = std::equal_range(relevant_.begin(), relevant_.end(), other);
      halves_ += 2.0 * static_cast<double>(relevant_.end() - above) + static_cast<double>(above - equal);
    }
    others_ += 1.0;
  }

  /// In [0, 1]; 0.5 is chance. Throws std::invalid_argument before the first add().
  [[nodiscard]] double value() const {
    require(others_ > 0.0, "recllm: auc: expected at least one score that is not relevant, got none");
    return halves_ / (2.0 * static_cast<double>(relevant_.size()) * others_);
  }

 private:
  std::vector<double> relevant_;  // ascending
  double halves_ = 0.0;           // twice the pairs won: whole numbers, exact to 2^53
  double others_ = 0.0;
};

/// The AUC of the scores of relevant items against those of `others`, in [0, 1]. Throws std::invalid_argument
/// where either is empty, or a score is NaN.
template <Items Relevant, Items Others>
[[nodiscard]] double auc(const Relevant& relevant, const Others& others) {
  auc_counter counter(std::vector<double>(std::ranges::begin(relevant), std::ranges::end(relevant)));
  for (const auto& score : others) counter.add(static_cast<double>(score));
  return counter.value();
}

}  // namespace recllm::measure
