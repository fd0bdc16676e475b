// Many users' ranked lists or scores -> every measure at every K in one pass, one value a user.
//
// The formulas are those of the other headers of measure/; equal scores: the smaller item first (top_k.hpp).
// Memory: one number a user, measure and K, one count an item and K. Figures with names: ranking_figures.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/auc.hpp>
#include <recllm/measure/popularity.hpp>
#include <recllm/measure/ranking_settings.hpp>
#include <recllm/measure/ranking_values.hpp>
#include <recllm/measure/top_k.hpp>

namespace recllm::measure {

namespace detail {

/// Row `i` of a row-major matrix of Eigen's or a block of one, or of a range of vectors.
template <class Rows>
auto row(const Rows& rows, std::size_t i) {
  if constexpr (requires { Rows::IsRowMajor; }) {
    static_assert(Rows::IsRowMajor, "recllm: rank_all: scores as a matrix are row-major, a row a user");
    return std::span(rows.data() + i * static_cast<std::size_t>(rows.outerStride()),
                     static_cast<std::size_t>(rows.cols()));
  } else {
    return std::span(std::ranges::begin(rows)[static_cast<std::ptrdiff_t>(i)]);
  }
}

template <class Rows>
std::size_t row_count(const Rows& rows) {
  if constexpr (requires { Rows::IsRowMajor; })
    return static_cast<std::size_t>(rows.rows());
  else
    return static_cast<std::size_t>(std::ranges::size(rows));
}

}  // namespace detail

/// Gathers the rankings of many users: add() for lists, rank() for scores, rank_all() for a model. Compare
/// reports of the same settings, and of lists that are equally long.
class ranking_report {
 public:
  /// Throws std::invalid_argument for settings out of their ranges.
  explicit ranking_report(ranking_settings settings);

  /// One user: the list, best first, what was relevant, and what the user had before. Throws
  /// std::invalid_argument for an item out of the catalogue, or if nothing is relevant: such a user has no
  /// recall and would only dilute the mean.
  void add(std::span<const std::size_t> ranked, std::span<const std::size_t> relevant,
           std::span<const std::size_t> history = {}) {
    require(!settings_.auc, "recllm: ranking_report: AUC is of scores: give each user's to rank()");
    check(ranked, relevant, history);
    gather(ranked, relevant, history);
  }

  /// One user: the score of every item, ranked as asked; the list is as long as the largest cutoff. Relevant
  /// items that are masked or not in the pool are missed. Throws as add() and top_k() do.
  template <std::ranges::contiguous_range Scores>
  void rank(const Scores& scores, const ranking_question& asked);

  /// Many users, ranking_settings::chunk at a time. `score(span of users)` gives a row of scores for each, as
  /// a range of vectors or a row-major matrix; `ask(user)` is the ranking_question. Throws as rank() does,
  /// and where the rows are not as many as the users.
  template <std::ranges::contiguous_range Users, class Score, class Ask>
  void rank_all(const Users& users, const Score& score, const Ask& ask);

  [[nodiscard]] const ranking_settings& settings() const { return settings_; }

  /// The number of users.
  [[nodiscard]] std::size_t users() const { return reciprocal_rank_.size(); }

  /// The measures at one of the cutoffs. Borrows. Throws std::invalid_argument for another K.
  [[nodiscard]] const ranking_values& at(std::size_t k) const {
    const auto found = std::ranges::find(values_, k, &ranking_values::k);
    require(found != values_.end(), "recllm: ranking_report: ", k,
            " is none of the cutoffs in ranking_settings");
    return *found;
  }

  /// How many of the users' first K places each item of ranking_settings::over has: what gini() and entropy()
  /// take.
  [[nodiscard]] std::vector<double> exposure_at(std::size_t k) const {
    std::vector<double> counts = at(k).exposure;
    if (settings_.over == catalogue_items::all) return counts;
    std::size_t kept = 0;
    for (std::size_t item = 0; item < counts.size(); ++item)
      if (settings_.shares[item] > 0.0) counts[kept++] = counts[item];
    counts.resize(kept);
    return counts;
  }

  /// The share of these items that have a place at all, 0 to 1.
  [[nodiscard]] double coverage_at(std::size_t k) const {
    const std::vector<double> counts = exposure_at(k);
    const auto shown = std::ranges::count_if(counts, [](double count) { return count > 0.0; });
    return counts.empty() ? 0.0 : static_cast<double>(shown) / static_cast<double>(counts.size());
  }

  /// Whether popularity_lift_at() has what it needs.
  [[nodiscard]] bool has_histories() const {
    return std::ranges::any_of(history_popularity_, [](double mean) { return mean > 0.0; });
  }

  /// popularity_lift() over the users with a history. Throws std::invalid_argument where there is none, or no
  /// shares.
  [[nodiscard]] double popularity_lift_at(std::size_t k) const {
    std::vector<double> lists, histories;
    for (std::size_t user = 0; user < history_popularity_.size(); ++user)
      if (history_popularity_[user] >= 0.0) {
        lists.push_back(at(k).popularity[user]);
        histories.push_back(history_popularity_[user]);
      }
    require(!lists.empty(),
            "recllm: ranking_report: popularity lift needs ranking_settings::shares and users "
            "with a history");
    return popularity_lift(lists, histories);
  }

  /// 1 / rank of the first relevant item in the whole list, 0 if there is none; one value a user.
  [[nodiscard]] std::span<const double> reciprocal_rank() const { return reciprocal_rank_; }

  /// The area under the ROC curve, one value a user; empty unless ranking_settings::auc.
  [[nodiscard]] std::span<const double> auc() const { return auc_; }

  /// The number of relevant candidates, one a user, as weights: GAUC is the weighted_mean() of auc() by them.
  [[nodiscard]] std::span<const double> auc_weights() const { return auc_weights_; }

 private:
  using items = std::span<const std::size_t>;

  void check_items(items some) const {
    for (const std::size_t one : some)
      require(one < settings_.catalogue, "recllm: ranking_report: item ", one, " is not in the catalogue of ",
              settings_.catalogue, " items, numbered from 0");
  }

  void check(items ranked, items relevant, items history) const {
    require(!relevant.empty(), "recllm: ranking_report: user number ", users(),
            " has no relevant item; leave such users out");
    for (const items some : {ranked, relevant, history}) check_items(some);
  }

  void gather(items ranked, items relevant, items history) {
    const detail::marking marked(relevant_, relevant);
    const detail::marked_items wanted{relevant, relevant_};
    std::vector<double> own;  // first: where one throws, nothing was added
    for (const ranking_values& at : values_)
      for (const ranking_measure& one : settings_.own)
        own.push_back(one.of({users(), ranked.first(std::min(at.k, ranked.size())), relevant, history}));
    auto next = own.begin();
    for (ranking_values& at : values_) {
      detail::gather(at, settings_, facts_, ranked, wanted);
      for (std::vector<double>& values : at.own) values.push_back(*next++);
    }
    reciprocal_rank_.push_back(measure::reciprocal_rank(ranked, wanted));
    if (!settings_.shares.empty())
      history_popularity_.push_back(history.empty() ? -1.0 : mean_popularity(history, [&](std::size_t one) {
        return settings_.shares[one];
      }));
  }

  template <class Scores, class Candidates>
  std::pair<double, double> area(const Scores& scores, const Candidates& candidates, items relevant);

  ranking_settings settings_;
  detail::item_facts facts_;
  std::vector<ranking_values> values_;
  std::vector<double> reciprocal_rank_, history_popularity_, auc_, auc_weights_;
  std::vector<bool> relevant_, masked_;  // of the user at hand; all false between users
};

inline ranking_report::ranking_report(ranking_settings settings)
    : settings_(std::move(settings)), facts_(settings_) {
  const std::size_t n = settings_.catalogue;
  require(n > 0, "recllm: ranking_report: set ranking_settings::catalogue to the number of items");
  require(!settings_.cutoffs.empty() && std::ranges::find(settings_.cutoffs, 0U) == settings_.cutoffs.end(),
          "recllm: ranking_report: expected one or more cutoffs, each > 0");
  require(settings_.topics.empty() || settings_.topics.size() == n,
          "recllm: ranking_report: expected topics of ", n, " items or none, got ", settings_.topics.size());
  require(settings_.shares.empty() || settings_.shares.size() == n,
          "recllm: ranking_report: expected shares of ", n, " items or none, got ", settings_.shares.size());
  require(settings_.over == catalogue_items::all || !settings_.shares.empty(),
          "recllm: ranking_report: the trained items are those with a share; set ranking_settings::shares");
  require(settings_.chunk > 0, "recllm: ranking_report: expected a chunk of at least one user, got 0");
  check_items(settings_.expected);
  for (const std::size_t k : settings_.cutoffs) {
    values_.emplace_back().k = k;
    values_.back().own.resize(settings_.own.size());
    values_.back().exposure.resize(n);
  }
  relevant_.resize(n);
  masked_.resize(n);
}

template <std::ranges::contiguous_range Scores>
void ranking_report::rank(const Scores& scores, const ranking_question& asked) {
  require(std::ranges::size(scores) == settings_.catalogue,
          "recllm: ranking_report: expected a score for each of ", settings_.catalogue, " items, got ",
          std::ranges::size(scores));
  check(asked.pool.value_or(items{}), asked.relevant, asked.history);
  std::vector<std::size_t> ranked;
  std::pair<double, double> area_and_weight;
  {
    const detail::marking marked(masked_, asked.mask_history ? asked.history : items{});
    const auto masked = [&](std::size_t item) { return masked_[item]; };
    const std::size_t depth = std::ranges::max(settings_.cutoffs);
    ranked = asked.pool ? top_k_of(*asked.pool, scores, depth, masked) : top_k(scores, depth, masked);
    if (settings_.auc)
      area_and_weight = asked.pool ? area(scores, detail::distinct_items(*asked.pool), asked.relevant)
                                   : area(scores, detail::every_item{settings_.catalogue}, asked.relevant);
  }
  gather(ranked, asked.relevant, asked.history);
  if (!settings_.auc) return;
  auc_.push_back(area_and_weight.first);
  auc_weights_.push_back(area_and_weight.second);
}

template <std::ranges::contiguous_range Users, class Score, class Ask>
void ranking_report::rank_all(const Users& users, const Score& score, const Ask& ask) {
  const auto all = std::span(users);
  for (std::size_t first = 0; first < all.size(); first += settings_.chunk) {
    const auto some = all.subspan(first, std::min(settings_.chunk, all.size() - first));
    const auto& rows = score(some);
    require(detail::row_count(rows) == some.size(),
            "recllm: ranking_report: expected a row of scores for each of ", some.size(), " users, got ",
            detail::row_count(rows));
    for (std::size_t i = 0; i < some.size(); ++i) rank(detail::row(rows, i), ask(some[i]));
  }
}

// The AUC over the candidates that are not masked, and the number of relevant ones among them.
template <class Scores, class Candidates>
std::pair<double, double> ranking_report::area(const Scores& scores, const Candidates& candidates,
                                               items relevant) {
  const detail::marking marked(relevant_, relevant);
  std::vector<double> hits;
  std::size_t others = 0;
  for (const std::size_t one : candidates) {
    if (masked_[one]) continue;
    if (relevant_[one])
      hits.push_back(static_cast<double>(scores[one]));
    else
      ++others;
  }
  require(!hits.empty() && others > 0, "recllm: ranking_report: user number ", users(), " has ", hits.size(),
          " relevant candidates and ", others,
          " others; AUC needs one of each: leave such users out, or AUC");
  const auto weight = static_cast<double>(hits.size());
  auc_counter counter(std::move(hits));
  for (const std::size_t one : candidates)
    if (!masked_[one] && !relevant_[one]) counter.add(static_cast<double>(scores[one]));
  return {counter.value(), weight};
}

}  // namespace recllm::measure
