// The shop of the Amazon example: sequences of purchases, what is known of the items, and the two models'
// tasks made of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/baselines.hpp>
#include <recllm/data.hpp>
#include <recllm/metrics.hpp>
#include <recllm/sft.hpp>
#include <recllm/text/tf_idf.hpp>
#include <recllm/torch/item_policy.hpp>
#include <recllm/torch/list_network.hpp>

namespace shop {

using namespace recllm;
namespace lm = recllm::torch_bridge;

using sequence = std::vector<std::size_t>;

/// A user's question: what was bought, oldest first, and what was bought next.
struct shopper {
  sequence history;
  sequence next_items;
};

/// The questions of a split.
inline std::vector<shopper> shoppers_of(const dataset& data, std::span<const held_out> questions) {
  std::vector<shopper> all;
  for (const held_out& question : questions)
    all.push_back({item_sequence(history_of(data, question)), {future_of(data, question).front().item}});
  return all;
}

/// A list without what the shopper has.
inline sequence without_history(sequence list, const shopper& asking) {
  std::erase_if(list, [&](std::size_t item) {
    return std::ranges::find(asking.history, item) != asking.history.end();
  });
  return list;
}

using ranker = lm::item_policy<shopper>;

/// The words of an item: its title, and keywords where a file has them (Sports has no titles).
inline std::vector<std::string> texts_of(std::span<const item> items) {
  std::vector<std::string> all;
  for (const item& one : items) {
    all.push_back(one.title);
    for (const auto& [name, value] : one.attributes)
      if (name == "keywords") all.back() += " " + value;
  }
  return all;
}

/// The items' attributes as numbers: categories of all levels, and the brand; and how alike their texts are.
/// Throws std::invalid_argument where no item has a category.
struct item_facts {
  explicit item_facts(const dataset& data) : texts(texts_of(data.items)) {
    std::map<std::string, std::size_t> numbers;
    const auto number = [&](const std::string& name) {
      return numbers.try_emplace(name, numbers.size()).first->second;
    };
    require(std::ranges::any_of(data.items, [](const item& one) { return !one.topics.empty(); }),
            "no item has a category; is items.tsv beside the sequences?");
    for (const item& one : data.items) {
      std::vector<std::size_t>& of = attributes.emplace_back();
      for (const std::string& topic : one.topics) of.push_back(number("category " + topic));
      category.push_back(of.empty() ? number("no category") : of.back());
      brand.push_back(none);
      for (const auto& [name, value] : one.attributes)
        if (name == "brand") of.push_back(brand.back() = number("brand " + value));
      if (of.empty()) of.push_back(category.back());
    }
  }

  static constexpr auto none = static_cast<std::size_t>(-1);
  std::vector<std::vector<std::size_t>> attributes;
  std::vector<std::size_t> category;  ///< of each item: the last of its path
  std::vector<std::size_t> brand;     ///< or none
  tf_idf texts;
};

/// What is counted in training sequences.
struct counted_models {
  counted_models(std::size_t items, std::span<const sequence> sequences, double backward)
      : popular(items), chain(items), neighbours(items, {.backward = backward}), transitions(items) {
    popular.fit(sequences);
    chain.fit(sequences);
    neighbours.fit(sequences);
    transitions.fit(sequences);
  }
  popularity popular;
  markov_chain chain;
  sequence_knn neighbours;
  transition_prior transitions;
};

/// Sequences without the last `count` things that each user bought.
inline std::vector<sequence> without_last(std::vector<sequence> all, std::size_t count = 1) {
  for (sequence& one : all) one.resize(one.size() - std::min(one.size(), count));
  return all;
}

/// What each user bought last, asked of the shorter sequences; users without anything before are left out.
inline std::vector<shopper> practice_of(std::span<const sequence> sequences,
                                        std::span<const sequence> shorter) {
  std::vector<shopper> all;
  for (std::size_t user = 0; user < sequences.size(); ++user)
    if (const auto before = shorter[user].size(); before > 0)
      all.push_back({shorter[user],
                     {sequences[user].begin() + static_cast<std::ptrdiff_t>(before), sequences[user].end()}});
  return all;
}

/// Every sequence of two items or more as a lesson: the first item is given, each other one is predicted.
inline std::vector<example<shopper, lm::item_answer>> lessons_of(std::span<const sequence> sequences) {
  std::vector<example<shopper, lm::item_answer>> all;
  for (const sequence& one : sequences)
    if (one.size() > 1) all.push_back({{{one.front()}, {}}, {{}, {one.begin() + 1, one.end()}}});
  return all;
}

/// A transformer of width 64; with reasons, it names an item's category and brand before the item, or the
/// category again where the item has no brand.
inline ranker untrained_ranker(const item_facts& facts, bool reasons, random_stream rng) {
  std::vector<std::vector<std::size_t>> named;
  if (reasons)
    for (std::size_t i = 0; i < facts.category.size(); ++i)
      named.push_back(
          {facts.category[i], facts.brand[i] == item_facts::none ? facts.category[i] : facts.brand[i]});
  return ranker(lm::item_transformer({.items = facts.category.size(), .attributes = facts.attributes}, rng),
                {.reasons = std::move(named), .input_dropout = 0.3, .dropout = 0.2});
}

/// `each(shopper, log-probs of all items)`, for some shoppers at a time.
template <class Each>
void for_log_probs(const ranker& model, std::span<const shopper> shoppers, Each&& each) {
  for (std::size_t first = 0; first < shoppers.size(); first += 256) {
    const auto chunk = shoppers.subspan(first, std::min<std::size_t>(256, shoppers.size() - first));
    const token_matrix<float> log_probs = model.next_item_log_probs(chunk);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const auto row = log_probs.row(static_cast<Eigen::Index>(i));
      each(chunk[i], std::span<const float>(row.data(), static_cast<std::size_t>(row.size())));
    }
  }
}

/// What the list writer chooses from: the items that a ranker puts first for a shopper, with what is known of
/// each.
struct slate {
  sequence candidates;
  token_matrix<float> known;  ///< n x features; of tens of thousands of slates, so no doubles
  sequence next_items, history;
  std::vector<std::size_t> category, brand;  ///< of the candidates
};

constexpr std::size_t candidates = 200;
constexpr Eigen::Index features = 15;  // known before a list is begun

/// The candidates of each shopper, by log-prob + prior_weight * evidence. Features: those two, the
/// neighbours' evidence, popularity, whether it is of the last item's category and brand, the shares of the
/// history of its category and brand, whether there is evidence, whether the shopper has it; how often it
/// came right after the last item and the one before; how alike its text is to the last item's, the most
/// alike one's and all of the last ten on average; and, told as the list is written, how many items of its
/// category and brand are placed.
inline std::vector<slate> slates_of(const ranker& model, const item_facts& facts,
                                    const counted_models& counts, double prior_weight,
                                    std::span<const shopper> shoppers) {
  std::vector<slate> all;
  for_log_probs(model, shoppers, [&](const shopper& asking, std::span<const float> log_probs) {
    const sequence& history = asking.history;
    slate& one = all.emplace_back();
    one.history = history;
    one.next_items = asking.next_items;
    std::vector<double> scores(log_probs.begin(), log_probs.end()), evidence(scores.size(), 0.0);
    for (const auto& [item, value] : counts.transitions.evidence(history)) {
      evidence[item] = static_cast<double>(value);
      scores[item] += prior_weight * evidence[item];
    }
    const std::vector<double> near = counts.neighbours.scores(history);
    const auto recent = std::span(history).last(std::min<std::size_t>(history.size(), 10));
    one.candidates = top_k(scores, candidates);
    one.known.resize(static_cast<Eigen::Index>(one.candidates.size()), features);
    for (std::size_t c = 0; c < one.candidates.size(); ++c) {
      const std::size_t item = one.candidates[c];
      one.category.push_back(facts.category[item]);
      one.brand.push_back(facts.brand[item]);
      const bool branded = facts.brand[item] != item_facts::none;
      double of_category = 0, of_brand = 0;
      for (const std::size_t bought : history) {
        of_category += facts.category[bought] == facts.category[item] ? 1 : 0;
        of_brand += branded && facts.brand[bought] == facts.brand[item] ? 1 : 0;
      }
      const auto length = static_cast<double>(history.size());
      const bool had = std::ranges::find(history, item) != history.end();
      double like_last = 0, most_like = 0, like = 0;
      for (const std::size_t bought : recent) {
        like_last = facts.texts.cosine(bought, item);
        most_like = std::max(most_like, like_last);
        like += like_last / static_cast<double>(recent.size());
      }
      const auto after = [&](std::size_t back) {
        return history.size() < back ? 0.0
                                     : std::log1p(counts.chain.count(history[history.size() - back], item));
      };
      Eigen::Array<double, 1, features> of_item;
      of_item << static_cast<double>(log_probs[item]) + 6.0, evidence[item], std::log1p(near[item] / 0.05),
          std::log1p(counts.popular.counts()[item]) / 2.0 - 1.0,
          facts.category[history.back()] == facts.category[item] ? 1.0 : 0.0,
          branded && facts.brand[history.back()] == facts.brand[item] ? 1.0 : 0.0, of_category / length,
          of_brand / length, evidence[item] > 0.0 ? 1.0 : 0.0, had ? 1.0 : 0.0, after(1), after(2), like_last,
          most_like, like;
      one.known.row(static_cast<Eigen::Index>(c)) = of_item.cast<float>();
    }
  });
  return all;
}

using list_writer = lm::list_network<slate>;

/// Weights to begin with: the ranker's own order, but for what the shopper has, which no one bought twice.
inline std::vector<double> first_weights(double log_prob, double evidence, double had = -8) {
  std::vector<double> weights(features + 2, 0.0);
  weights[0] = log_prob;
  weights[1] = evidence;
  weights[9] = had;
  return weights;
}

/// The policy that writes lists of the candidates.
inline list_writer untaught_writer(std::vector<double> weights, std::size_t length, std::uint64_t seed) {
  return list_writer(
      {.features =
           [](const slate& asked, std::span<const std::size_t> placed, token_matrix<double>& phi) {
             if (placed.empty()) {
               phi.leftCols(features) = asked.known.cast<double>();
               return;
             }
             const std::size_t last = placed.back();
             for (std::size_t c = 0; c < asked.candidates.size(); ++c) {
               const auto row = static_cast<Eigen::Index>(c);
               if (asked.category[c] == asked.category[last]) phi(row, features) += 0.2;
               if (asked.brand[c] == asked.brand[last] && asked.brand[c] != item_facts::none)
                 phi(row, features + 1) += 0.2;
             }
           },
       .weights = std::move(weights),
       .length = length,
       .seed = seed});
}

/// The same for lists of another length.
inline list_writer with_length(const list_writer& writer, std::size_t length) {
  list_writer other = untaught_writer(first_weights(0, 0), length, 0);
  other.blend(writer, 1);
  return other;
}

/// The slates with the next item among the candidates, as lessons for the first place.
inline std::vector<example<slate, sequence>> list_lessons_of(std::span<const slate> slates) {
  std::vector<example<slate, sequence>> all;
  for (const slate& one : slates)
    if (std::ranges::find(one.candidates, one.next_items.front()) != one.candidates.end())
      all.push_back({one, {one.next_items.front()}});
  return all;
}

/// How a list writer of length 1 is taught by them.
inline fit_options list_lesson_settings(std::size_t lessons, std::uint64_t seed) {
  return {.steps = 300,
          .batch_size = std::min<std::size_t>(512, lessons),
          .learning_rate = 0.01,
          .schedule = schedule::linear,
          .seed = seed};
}

/// A list for each slate, best items first; for some slates at a time.
inline std::vector<sequence> written_by(const list_writer& writer, std::span<const slate> slates) {
  std::vector<sequence> lists;
  for (std::size_t first = 0; first < slates.size(); first += 256)
    std::ranges::move(
        writer.greedy(slates.subspan(first, std::min<std::size_t>(256, slates.size() - first))).completions,
        std::back_inserter(lists));
  return lists;
}

}  // namespace shop
