// What a ranking_report measures, and the choices in which libraries differ.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <recllm/measure/diversity.hpp>
#include <recllm/measure/exposure.hpp>
#include <recllm/measure/popularity.hpp>
#include <recllm/measure/ranking.hpp>

namespace recllm::measure {

/// What an item's share is of.
enum class population {
  interactions,  ///< those with the item over all: novelty is self-information
  users,         ///< those who had it over all: novelty is mean inverse user frequency
};

/// The items that coverage, the Gini index, entropy's evenness and the long tail are over.
enum class catalogue_items {
  all,      ///< the whole catalogue
  trained,  ///< those of a share above 0
};

/// One user, as a measure sees it. Borrows.
struct ranked_user {
  std::size_t number = 0;                  ///< in the order of add(), from 0
  std::span<const std::size_t> shown;      ///< the first K places, best first
  std::span<const std::size_t> relevant;   ///< not empty
  std::span<const std::size_t> history{};  ///< may be empty
};

/// A measure of one's own: a name and a function of one user.
struct ranking_measure {
  std::string name;
  std::function<double(const ranked_user&)> of;
};

/// What one user is asked about. Borrows.
struct ranking_question {
  std::span<const std::size_t> relevant;               ///< not empty; what the list should hold
  std::span<const std::size_t> history{};              ///< what the user had before
  std::optional<std::span<const std::size_t>> pool{};  ///< candidates; none: the whole catalogue is ranked
  bool mask_history = true;                            ///< items of the history are not ranked again
};

/// What a ranking_report measures.
struct ranking_settings {
  std::size_t catalogue = 0;                ///< number of items, > 0
  std::vector<std::size_t> cutoffs{5, 10};  ///< the K of Recall@K, ..., each > 0; or whole_list
  std::vector<std::vector<std::string>>
      topics{};                  ///< of each item (topics_of); empty: diversity is not measured
  std::vector<double> shares{};  ///< of the training data, 0 to 1, an item (popularity::scores); empty:
                                 ///< novelty and popularity bias are not measured
  std::vector<std::size_t> expected{};  ///< items that a plain recommender shows; empty: serendipity is not
                                        ///< measured
  std::vector<ranking_measure> own{};   ///< measured at each K

  population shares_of = population::interactions;
  catalogue_items over = catalogue_items::all;
  ndcg_ideal ideal = ndcg_ideal::attainable;
  precision_divisor map_over = precision_divisor::attainable;
  gini_options gini{};
  entropy_options entropy{};
  tail_options tail{};
  bool auc = false;  ///< of every user; each needs a relevant candidate and one that is not

  std::size_t chunk = 256;  ///< > 0; the users whose scores rank_all() holds at once
};

}  // namespace recllm::measure
