// The models any recommender must beat: popularity, a first-order Markov chain, neighbours in sequences.
//
// Each learns from item sequences, oldest item first, by fit(), and then scores the whole catalogue for a
// history: higher is better. top_k() makes a list of the scores. All count and draw nothing: no seed.
//
// MovieLens-100k, leave-one-out in (time, file row) order, all 1,682 items ranked, the history masked, ties
// to the smaller item number, Recall@10 / NDCG@10 on the test. Fitted on every sequence without its last two
// items (validation and test target); the history is all before the test target, the validation item
// included.
//
//                 all interactions (943 users)   ratings >= 4 (users with at least five of them: 938)
//   popularity           .0859 / .0449                       .0810 / .0406
//   markov_chain         .1442 / .0766                       .1333 / .0712
//   sequence_knn         .2142 / .1128                       .1812 / .1002
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

namespace detail {

/// Throws unless every item is one of the catalogue.
inline void check_items(std::span<const std::size_t> sequence, std::size_t catalogue, const char* who) {
  for (const std::size_t one : sequence)
    require(one < catalogue, "recllm: ", who, ": item ", one, " is not in the catalogue of ", catalogue,
            " items, numbered from 0");
}

}  // namespace detail

/// Score of item j = its share of all training interactions, whatever the history.
class popularity {
 public:
  /// `items` is the size of the catalogue.
  explicit popularity(std::size_t items) : counts_(items, 0.0) {}

  /// Counts the items of the sequences, in place of what was counted before. Throws std::invalid_argument,
  /// here and in scores(), for an item out of the catalogue.
  void fit(std::span<const std::vector<std::size_t>> sequences) {
    for (const std::vector<std::size_t>& sequence : sequences)
      detail::check_items(sequence, counts_.size(), "popularity::fit");
    std::fill(counts_.begin(), counts_.end(), 0.0);
    total_ = 0;
    for (const std::vector<std::size_t>& sequence : sequences) {
      for (const std::size_t one : sequence) ++counts_[one];
      total_ += static_cast<double>(sequence.size());
    }
  }

  /// One score an item, 0 to 1; they sum to 1 (all 0 before any interaction).
  [[nodiscard]] std::vector<double> scores(std::span<const std::size_t> history = {}) const {
    detail::check_items(history, counts_.size(), "popularity::scores");
    std::vector<double> shares = counts_;
    for (double& share : shares) share /= std::max(total_, 1.0);
    return shares;
  }

  /// How often each item was in the training sequences.
  [[nodiscard]] std::span<const double> counts() const { return counts_; }

 private:
  std::vector<double> counts_;
  double total_ = 0;
};

/// First-order Markov chain: score of j = how often j came right after the history's last item, ties by
/// popularity.
class markov_chain {
 public:
  /// `items` is the size of the catalogue.
  explicit markov_chain(std::size_t items) : popularity_(items), next_(items) {}

  /// Counts items and transitions, in place of what was counted before; errors as popularity::fit.
  void fit(std::span<const std::vector<std::size_t>> sequences) {
    popularity_.fit(sequences);
    next_.assign(next_.size(), {});
    for (const std::vector<std::size_t>& sequence : sequences)
      for (std::size_t i = 1; i < sequence.size(); ++i) ++next_[sequence[i - 1]][sequence[i]];
  }

  /// Transition counts plus half the popularity share, which is below 1 and so only breaks ties. An empty
  /// history leaves the popularity.
  [[nodiscard]] std::vector<double> scores(std::span<const std::size_t> history) const {
    std::vector<double> values = popularity_.scores(history);
    for (double& value : values) value *= 0.5;
    if (!history.empty())
      for (const auto& [item, count] : next_[history.back()]) values[item] += count;
    return values;
  }

  /// How often `next` came right after `item`. Throws std::invalid_argument for an item out of the catalogue.
  [[nodiscard]] double count(std::size_t item, std::size_t next) const {
    detail::check_items(std::array{item, next}, next_.size(), "markov_chain::count");
    const auto found = next_[item].find(next);
    return found == next_[item].end() ? 0.0 : found->second;
  }

 private:
  popularity popularity_;
  std::vector<std::unordered_map<std::size_t, double>> next_;
};

/// What sequence_knn takes for near. The defaults are those of the table above.
struct knn_settings {
  std::size_t window = 10;      ///< items further apart in a sequence than this are no neighbours
  double distance_decay = 0.8;  ///< weight of a neighbour d steps on: distance_decay^(d - 1)
  double backward = 0.7;        ///< share of that weight for a neighbour that came before
  std::size_t last_items = 10;  ///< how much of the history is looked at
  double recency_decay = 0.7;   ///< weight of the k-th last item: recency_decay^k, k = 0 for the last
  double damping = 0.25;        ///< exponent of the counts that similarities are divided by
  double smoothing = 0.1;       ///< > 0, added to each count, so that no divisor is 0
};

namespace detail {

/// Of each item, the others by number with what they weigh.
using pair_weights = std::vector<std::unordered_map<std::size_t, double>>;

/// W[a, b] += distance_decay^(d-1), W[b, a] += backward * distance_decay^(d-1) for b that comes d <= window
/// steps after a, over all sequences.
template <class Settings>
pair_weights near_pairs(std::span<const std::vector<std::size_t>> sequences, std::size_t items,
                        const Settings& settings) {
  pair_weights all(items);
  for (const std::vector<std::size_t>& sequence : sequences)
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      double weight = 1;
      for (std::size_t d = 1; d <= settings.window && i + d < sequence.size(); ++d) {
        all[sequence[i]][sequence[i + d]] += weight;
        all[sequence[i + d]][sequence[i]] += settings.backward * weight;
        weight *= settings.distance_decay;
      }
    }
  return all;
}

}  // namespace detail

/// Nearest neighbours of sequences, by damped co-occurrence within a window:
///
///   G[a, b] += 0.8^(d-1), G[b, a] += 0.7 * 0.8^(d-1)   for b that comes d <= 10 steps after a
///   score(j) = sum_{k=0..9} 0.7^k G[h_k, j] / (n[h_k] n[j])^0.25
///
/// over all training sequences; h_0 is the history's last item, h_1 the one before; n = count + smoothing. A
/// smoothing of 1e-9 in place of 0.1 moves the first NDCG of the table to .1124 and no other figure.
class sequence_knn {
 public:
  /// `items` is the size of the catalogue.
  explicit sequence_knn(std::size_t items, knn_settings settings = {})
      : settings_(settings), popularity_(items), near_(items), damping_(items, 1.0) {
    require(settings.smoothing > 0, "recllm: sequence_knn: smoothing is ", settings.smoothing,
            "; expected > 0");
  }

  /// Gathers G, in place of what was gathered before; errors as popularity::fit.
  void fit(std::span<const std::vector<std::size_t>> sequences) {
    popularity_.fit(sequences);
    near_ = detail::near_pairs(sequences, near_.size(), settings_);
    for (std::size_t j = 0; j < damping_.size(); ++j)
      damping_[j] = std::pow(popularity_.counts()[j] + settings_.smoothing, -settings_.damping);
  }

  /// One score an item, >= 0. An empty history is scored by popularity.
  [[nodiscard]] std::vector<double> scores(std::span<const std::size_t> history) const {
    std::vector<double> values = popularity_.scores(history);
    if (history.empty()) return values;
    std::fill(values.begin(), values.end(), 0.0);
    double weight = 1;
    for (std::size_t k = 0; k < std::min(history.size(), settings_.last_items); ++k) {
      const std::size_t seen = history[history.size() - 1 - k];
      for (const auto& [item, similarity] : near_[seen])
        values[item] += weight * similarity * damping_[seen] * damping_[item];
      weight *= settings_.recency_decay;
    }
    return values;
  }

 private:
  knn_settings settings_;
  popularity popularity_;
  detail::pair_weights near_;
  std::vector<double> damping_;  // (count + smoothing)^-damping
};

/// What transition_prior counts and how much.
struct transition_settings {
  std::size_t window = 10;       ///< items further apart in a sequence than this are no transition
  double distance_decay = 0.85;  ///< weight of a step to the d-th next item: distance_decay^(d - 1)
  double backward = 0.3;         ///< share of that weight for the step back
  double from_damping = 0.85;    ///< exponent of the sum over an item's steps away from it, divided by
  double to_damping = 0.15;      ///< exponent of the sum over an item's steps to it, divided by
  std::size_t last_items = 6;    ///< how much of the history is looked at
  double recency_decay = 0.6;    ///< weight of the k-th last item: recency_decay^k, k = 0 for the last
  double least = 5e-5;           ///< smaller sums K are taken for 0
  double scale = 1e-3;           ///< > 0, of the logarithm
};

/// How often items follow each other within a window, as evidence for what comes next: a model of its own,
/// and what is added to the logits of one that was trained on less than it takes to know rare pairs.
///
///   M[a, b] += 0.85^(d-1), M[b, a] += 0.3 * 0.85^(d-1)   for b that comes d <= 10 steps after a
///   K(j) = sum_{k=0..5} 0.6^k M[h_k, j] / (row sum of h_k)^0.85 / (column sum of j)^0.15
///   evidence of j = ln(1 + K(j) / 0.001)
///
/// over all training sequences; h_0 is the history's last item. Items of the history have no evidence: what
/// is counted between two visits says nothing about a third.
class transition_prior {
 public:
  /// `items` is the size of the catalogue.
  explicit transition_prior(std::size_t items, transition_settings settings = {})
      : settings_(settings), popularity_(items), steps_(items) {
    require(settings.scale > 0, "recllm: transition_prior: scale is ", settings.scale, "; expected > 0");
  }

  /// Gathers M, in place of what was gathered before; errors as popularity::fit.
  void fit(std::span<const std::vector<std::size_t>> sequences) {
    popularity_.fit(sequences);
    const detail::pair_weights sums = detail::near_pairs(sequences, steps_.size(), settings_);
    std::vector<double> from(sums.size(), 0.0), to(sums.size(), 0.0);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      steps_[i].assign(sums[i].begin(), sums[i].end());
      std::sort(steps_[i].begin(), steps_[i].end());
      for (const auto& [item, weight] : steps_[i]) {
        from[i] += weight;
        to[item] += weight;
      }
    }
    for (std::size_t i = 0; i < steps_.size(); ++i)
      for (auto& [item, weight] : steps_[i])
        weight /= std::pow(from[i], settings_.from_damping) * std::pow(to[item], settings_.to_damping);
  }

  /// Items with evidence, > 0, each once, by number. An empty history has none.
  [[nodiscard]] std::vector<std::pair<std::size_t, float>> evidence(
      std::span<const std::size_t> history) const {
    detail::check_items(history, steps_.size(), "transition_prior::evidence");
    std::vector<std::pair<std::size_t, double>> sums;
    double weight = 1;
    for (std::size_t k = 0; k < std::min(history.size(), settings_.last_items); ++k) {
      for (const auto& [item, share] : steps_[history[history.size() - 1 - k]])
        sums.emplace_back(item, weight * share);
      weight *= settings_.recency_decay;
    }
    std::stable_sort(sums.begin(), sums.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::pair<std::size_t, float>> all;
    for (std::size_t i = 0; i < sums.size();) {
      const std::size_t item = sums[i].first;
      double sum = 0;
      for (; i < sums.size() && sums[i].first == item; ++i) sum += sums[i].second;
      if (sum >= settings_.least && std::find(history.begin(), history.end(), item) == history.end())
        all.emplace_back(item, static_cast<float>(std::log1p(sum / settings_.scale)));
    }
    return all;
  }

  /// One score an item: the evidence, ties by popularity.
  [[nodiscard]] std::vector<double> scores(std::span<const std::size_t> history) const {
    std::vector<double> values = popularity_.scores(history);
    for (double& value : values) value *= 1e-6;
    for (const auto& [item, value] : evidence(history)) values[item] += static_cast<double>(value);
    return values;
  }

 private:
  transition_settings settings_;
  popularity popularity_;
  std::vector<std::vector<std::pair<std::size_t, double>>> steps_;  // of each item: M, damped
};

}  // namespace recllm
