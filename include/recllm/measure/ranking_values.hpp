// The values that a ranking_report gathers at one K: one a user and measure, one count an item.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/attribute_diversity.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/popularity.hpp>
#include <recllm/measure/ranking.hpp>
#include <recllm/measure/ranking_settings.hpp>
#include <recllm/measure/serendipity.hpp>

namespace recllm::measure {

/// The measures of the first K places. Each vector holds one value a user, in the order of add(): what paired
/// tests and confidence intervals take; mean() makes a figure of it. Empty: not measured.
struct ranking_values {
  std::size_t k = 0;
  std::vector<double> recall;             ///< hits / relevant items, 0 to 1
  std::vector<double> precision;          ///< hits / K, 0 to 1
  std::vector<double> hit_rate;           ///< 1 for a hit, else 0
  std::vector<double> ndcg;               ///< binary, 0 to 1; see ranking_settings::ideal
  std::vector<double> average_precision;  ///< 0 to 1, its mean is MAP; see ranking_settings::map_over
  std::vector<double> reciprocal_rank;    ///< 1 / rank of the first hit, 0 for none; its mean is MRR
  std::vector<double> diversity;         ///< mean 1 - Jaccard of topics over pairs, 0 to 1; 0 below two items
  std::vector<double> novelty;           ///< mean -log2 share, bits; see least_share
  std::vector<double> popularity;        ///< mean share, 0 to 1
  std::vector<double> tail_share;        ///< of places with an item of the long tail, 0 to 1
  std::vector<double> unexpectedness;    ///< share of places with an item that is not expected, 0 to 1
  std::vector<double> serendipity;       ///< share of places with one that is relevant too, 0 to 1
  std::vector<std::vector<double>> own;  ///< of each of ranking_settings::own
  std::vector<double> exposure;          ///< of each item of the catalogue, in places
};

namespace detail {

/// Items with a look-up by mark.
struct marked_items {
  using key_type = std::size_t;
  std::span<const std::size_t> items;
  const std::vector<bool>& marks;
  [[nodiscard]] auto begin() const { return items.begin(); }
  [[nodiscard]] auto end() const { return items.end(); }
  [[nodiscard]] bool contains(std::size_t item) const { return marks[item]; }
};

/// Marks items of a catalogue for as long as it lives.
class marking {
 public:
  marking(std::vector<bool>& marks, std::span<const std::size_t> items) : marks_(marks), items_(items) {
    for (const std::size_t one : items_) marks_[one] = true;
  }
  ~marking() {
    for (const std::size_t one : items_) marks_[one] = false;
  }
  marking(const marking&) = delete;
  marking& operator=(const marking&) = delete;

 private:
  std::vector<bool>& marks_;
  std::span<const std::size_t> items_;
};

/// What is known of the items, in the form that the measures take.
struct item_facts {
  explicit item_facts(const ranking_settings& settings)
      : expected(settings.expected.begin(), settings.expected.end()) {
    std::unordered_map<std::string, int> number;
    for (const std::vector<std::string>& given : settings.topics) {
      topics.emplace_back();
      for (const std::string& topic : given)
        topics.back().push_back(number.try_emplace(topic, static_cast<int>(number.size())).first->second);
    }
    std::vector<std::pair<std::size_t, double>> counts;
    for (const double share : settings.shares)
      require(share >= 0.0 && share <= 1.0, "recllm: ranking_report: expected shares in [0, 1], got ", share);
    for (std::size_t item = 0; item < settings.shares.size(); ++item)
      if (settings.over == catalogue_items::all || settings.shares[item] > 0.0)
        counts.emplace_back(item, settings.shares[item]);
    tail = long_tail(std::move(counts), settings.tail);
  }

  std::vector<std::vector<int>> topics;  // numbered: they are compared often
  std::unordered_set<std::size_t> tail;
  std::unordered_set<std::size_t> expected;
};

/// Adds one user's values but for `own` to those at one K.
inline void gather(ranking_values& at, const ranking_settings& settings, const item_facts& facts,
                   std::span<const std::size_t> all, const marked_items& relevant) {
  const std::span<const std::size_t> shown = all.first(std::min(at.k, all.size()));
  const auto share = [&](std::size_t one) { return settings.shares[one]; };
  at.recall.push_back(recall_at(all, relevant, at.k));
  at.precision.push_back(precision_at(all, relevant, at.k));
  at.hit_rate.push_back(hit_at(all, relevant, at.k));
  at.ndcg.push_back(ndcg_at(all, relevant, at.k, settings.ideal));
  at.average_precision.push_back(average_precision(all, relevant, at.k, settings.map_over));
  at.reciprocal_rank.push_back(reciprocal_rank(all, relevant, at.k));
  if (!facts.topics.empty())
    at.diversity.push_back(attribute_diversity(
        shown, [&](std::size_t one) -> const auto& { return facts.topics[one]; }));
  if (!settings.shares.empty()) {
    at.novelty.push_back(mean_self_information(shown, share));
    at.popularity.push_back(mean_popularity(shown, share));
    at.tail_share.push_back(tail_share(shown, facts.tail));
  }
  if (!facts.expected.empty()) {
    at.unexpectedness.push_back(unexpectedness(shown, facts.expected));
    at.serendipity.push_back(serendipity(shown, relevant, facts.expected));
  }
  for (const std::size_t one : shown) at.exposure[one] += 1.0;
}

}  // namespace detail

}  // namespace recllm::measure
