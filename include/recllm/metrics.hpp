// Front door of evaluation: scores -> ranked lists -> Recall, NDCG, MRR, coverage, diversity, novelty.
//
// The formulas are those of measure/. Full ranking is top_k() over the catalogue without the user's history;
// candidate ranking is top_k_of() a given pool.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/ranking.hpp>
#include <recllm/measure/statistics.hpp>

namespace recllm {

/// A set of items as a predicate, for top_k(): an item that the user had before is not recommended again.
class excluding {
 public:
  /// `catalogue` is the number of items. Throws std::invalid_argument for an item out of it.
  excluding(std::span<const std::size_t> items, std::size_t catalogue) : member_(catalogue, false) {
    for (const std::size_t one : items) {
      require(one < catalogue, "recllm: excluding: item ", one, " is not in the catalogue of ", catalogue,
              " items, numbered from 0");
      member_[one] = true;
    }
  }
  [[nodiscard]] bool operator()(std::size_t item) const { return item < member_.size() && member_[item]; }

 private:
  std::vector<bool> member_;
};

/// The default of top_k(): every item may be recommended.
struct excluding_none {
  [[nodiscard]] constexpr bool operator()(std::size_t) const { return false; }
};

namespace detail {

/// The first k of `items` by score, higher first, ties by smaller number.
template <class Scores>
std::vector<std::size_t> best_first(const Scores& scores, std::size_t k, std::vector<std::size_t> items,
                                    const char* who) {
  for (const std::size_t one : items)
    require(!std::isnan(scores[one]), "recllm: ", who, ": the score of item ", one, " is not a number");
  const auto end = items.begin() + static_cast<std::ptrdiff_t>(std::min(k, items.size()));
  std::partial_sort(items.begin(), end, items.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  items.erase(end, items.end());
  return items;
}

}  // namespace detail

/// Full ranking: the k items of highest score for which `excluded(item)` does not hold, best first, ties by
/// smaller item number. Fewer where fewer are left. `scores` is a vector or span of one score an item;
/// infinities are allowed, NaN throws std::invalid_argument.
template <std::ranges::contiguous_range Scores, class Excluded = excluding_none>
[[nodiscard]] std::vector<std::size_t> top_k(const Scores& scores, std::size_t k,
                                             const Excluded& excluded = {}) {
  std::vector<std::size_t> items;
  for (std::size_t one = 0; one < std::ranges::size(scores); ++one)
    if (!excluded(one)) items.push_back(one);
  return detail::best_first(scores, k, std::move(items), "top_k");
}

/// Candidate ranking: the same for the items of `pool` only; a repeat in the pool counts once. Throws
/// std::invalid_argument for an item without a score.
template <std::ranges::contiguous_range Scores>
[[nodiscard]] std::vector<std::size_t> top_k_of(std::span<const std::size_t> pool, const Scores& scores,
                                                std::size_t k) {
  for (const std::size_t one : pool)
    require(one < std::ranges::size(scores), "recllm: top_k_of: item ", one,
            " of the pool has no score; there are ", std::ranges::size(scores), ", numbered from 0");
  std::vector<std::size_t> items(pool.begin(), pool.end());
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return detail::best_first(scores, k, std::move(items), "top_k_of");
}

/// What a ranking_report measures.
struct ranking_settings {
  std::size_t catalogue = 0;                ///< number of items, > 0
  std::vector<std::size_t> cutoffs{5, 10};  ///< the K of Recall@K, ..., each > 0
  std::vector<std::vector<std::string>>
      topics{};  ///< of each item (topics_of); empty: diversity is not measured
  std::vector<double>
      shares{};  ///< of all training interactions, 0 to 1, an item (popularity::scores); empty: no novelty
};

/// The measures of the first K places. Each vector holds one value a user, in the order of add(): what paired
/// tests and confidence intervals take; measure::mean() makes a figure of it.
struct ranking_values {
  std::size_t k = 0;
  std::vector<double> recall;     ///< hits / relevant items, 0 to 1
  std::vector<double> ndcg;       ///< binary, ideal over min(K, relevant items), 0 to 1
  std::vector<double> diversity;  ///< mean 1 - Jaccard of topics over pairs, 0 to 1; 0 for fewer than 2 items
  std::vector<double>
      novelty;  ///< mean -log2 share, bits; an unseen item counts as share measure::least_share
  measure::coverage<std::size_t> covered{};  ///< the items of all users' first K places
};

/// Gathers the ranked lists of many users. Compare models with lists of the same length: the reciprocal rank
/// looks at the whole list.
class ranking_report {
 public:
  /// Throws std::invalid_argument for settings out of their ranges.
  explicit ranking_report(ranking_settings settings) : settings_(std::move(settings)) {
    const std::size_t items = settings_.catalogue;
    require(items > 0, "recllm: ranking_report: set ranking_settings::catalogue to the number of items");
    require(!settings_.cutoffs.empty() && std::ranges::find(settings_.cutoffs, 0U) == settings_.cutoffs.end(),
            "recllm: ranking_report: expected one or more cutoffs, each > 0");
    require(settings_.topics.empty() || settings_.topics.size() == items,
            "recllm: ranking_report: expected topics of ", items, " items or none, got ",
            settings_.topics.size());
    require(settings_.shares.empty() || settings_.shares.size() == items,
            "recllm: ranking_report: expected shares of ", items, " items or none, got ",
            settings_.shares.size());
    for (const std::size_t k : settings_.cutoffs) values_.push_back({k, {}, {}, {}, {}});
  }

  /// One user: the list, best first, and what was relevant. Throws std::invalid_argument for an item out of
  /// the catalogue, or if nothing is relevant: such a user has no recall and would only dilute the mean.
  void add(std::span<const std::size_t> ranked, std::span<const std::size_t> relevant) {
    require(!relevant.empty(), "recllm: ranking_report: user number ", users(),
            " has no relevant item; leave such users out");
    for (const std::span<const std::size_t> items : {ranked, relevant})
      for (const std::size_t one : items)
        require(one < settings_.catalogue, "recllm: ranking_report: item ", one,
                " is not in the catalogue of ", settings_.catalogue, " items, numbered from 0");
    for (ranking_values& at : values_) {
      const std::span<const std::size_t> shown = ranked.first(std::min(at.k, ranked.size()));
      at.recall.push_back(measure::recall_at(ranked, relevant, at.k));
      at.ndcg.push_back(measure::ndcg_at(ranked, relevant, at.k));
      at.covered.add(shown);
      if (!settings_.topics.empty())
        at.diversity.push_back(measure::intra_list_diversity(shown, [&](std::size_t a, std::size_t b) {
          return measure::jaccard_distance(settings_.topics[a], settings_.topics[b]);
        }));
      if (!settings_.shares.empty())
        at.novelty.push_back(
            measure::mean_self_information(shown, [&](std::size_t one) { return settings_.shares[one]; }));
    }
    reciprocal_rank_.push_back(measure::reciprocal_rank(ranked, relevant));
  }

  /// The number of add()s.
  [[nodiscard]] std::size_t users() const { return reciprocal_rank_.size(); }

  /// The measures at one of the cutoffs. Borrows. Throws std::invalid_argument for another K.
  [[nodiscard]] const ranking_values& at(std::size_t k) const {
    const auto found = std::ranges::find(values_, k, &ranking_values::k);
    require(found != values_.end(), "recllm: ranking_report: ", k,
            " is none of the cutoffs in ranking_settings");
    return *found;
  }

  /// Share of the catalogue in the users' first K places, 0 to 1.
  [[nodiscard]] double coverage_at(std::size_t k) const { return at(k).covered.share(settings_.catalogue); }

  /// 1 / rank of the first relevant item in the whole list, 0 if there is none; one value a user. Its mean is
  /// MRR.
  [[nodiscard]] std::span<const double> reciprocal_rank() const { return reciprocal_rank_; }

 private:
  ranking_settings settings_;
  std::vector<ranking_values> values_;
  std::vector<double> reciprocal_rank_;
};

}  // namespace recllm
