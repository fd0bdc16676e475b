// What the rivals of the filter-bubble example work on: for each user the films that the language model would
// name first, with their log-probs; and the three ways to make a list of ten of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <recllm/list_policy.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/top_k.hpp>
#include <recllm/rerank.hpp>

namespace filter_bubble {

using namespace recllm;

constexpr std::size_t list_length = 10;

/// A user's question: the hundred likeliest films not seen yet, and what the user went on to like.
struct slate {
  std::vector<std::size_t> candidates;  ///< likeliest first
  std::vector<double> log_probs;        ///< of each as the first film of the list, nats
  std::vector<std::size_t> next_items;
};

using film_list = std::vector<std::size_t>;

/// What diversity and novelty go by.
class film_facts {
 public:
  film_facts(std::span<const std::vector<std::string>> topics, std::span<const double> shares)
      : count_(topics.size()), alike_(count_ * count_) {
    for (std::size_t i = 0; i < count_; ++i) {
      novelty_.push_back(measure::self_information(shares[i]));
      for (std::size_t j = 0; j < count_; ++j)
        alike_[i * count_ + j] = 1.0f - static_cast<float>(measure::jaccard_distance(topics[i], topics[j]));
    }
  }

  /// The likeness of two films' genres, 0 to 1 (Jaccard).
  [[nodiscard]] double alike(std::size_t one, std::size_t other) const {
    return static_cast<double>(alike_[one * count_ + other]);
  }

  /// The self-information of a film, bits: how seldom it is watched.
  [[nodiscard]] double novelty(std::size_t film) const { return novelty_[film]; }

  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_;
  std::vector<float> alike_;
  std::vector<double> novelty_;
};

/// Every slate's list by maximal marginal relevance.
inline std::vector<film_list> re_ranked(std::span<const slate> all, const film_facts& films, double lambda) {
  std::vector<film_list> lists;
  for (const slate& asked : all) {
    const auto alike = [&](std::size_t i, std::size_t j) {
      return films.alike(asked.candidates[i], asked.candidates[j]);
    };
    film_list& list = lists.emplace_back();
    for (const std::size_t place :
         maximal_marginal_relevance(asked.log_probs, alike, {.lambda = lambda, .length = list_length}))
      list.push_back(asked.candidates[place]);
  }
  return lists;
}

/// Every slate's list by log-prob + shift * novelty.
inline std::vector<film_list> shifted(std::span<const slate> all, const film_facts& films, double shift) {
  std::vector<film_list> lists;
  std::vector<double> scores(films.count());
  for (const slate& asked : all) {
    for (std::size_t i = 0; i < asked.candidates.size(); ++i)
      scores[asked.candidates[i]] = asked.log_probs[i] + shift * films.novelty(asked.candidates[i]);
    lists.push_back(top_k_of(asked.candidates, scores, list_length));
  }
  return lists;
}

/// The policy that writes the list pick by pick. It begins as the language model's own ranking. Six features
/// of a film: its log-prob, its likeness to those placed (the largest, and the sum), its novelty, and place
/// times log-prob and novelty, so that what late places cost less can be spent there. Divisors bring them to
/// one scale.
inline list_policy<slate> list_writer(const film_facts& films) {
  return list_policy<slate>(
      {.features =
           [&films](const slate& asked, std::span<const std::size_t> placed, token_matrix<double>& phi) {
             const auto place = static_cast<double>(placed.size());
             for (Eigen::Index i = 0; i < phi.rows(); ++i) {
               const std::size_t film = asked.candidates[static_cast<std::size_t>(i)];
               if (placed.empty()) {
                 phi(i, 0) = asked.log_probs[static_cast<std::size_t>(i)] - asked.log_probs.front();
                 phi(i, 3) = films.novelty(film) / 3.0 - 3.0;
               } else {
                 const double alike = films.alike(film, asked.candidates[placed.back()]);
                 phi(i, 1) = std::max(phi(i, 1), alike);
                 phi(i, 2) += alike / 3.0;
                 phi(i, 4) = place / 10.0 * phi(i, 0);
                 phi(i, 5) = place / 5.0 * phi(i, 3);
               }
             }
           },
       .weights = {1, 0, 0, 0, 0, 0},
       .length = list_length});
}

}  // namespace filter_bubble
