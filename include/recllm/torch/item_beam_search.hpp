// Items of a catalogue ranked by a language model that says them, by beam search through their trie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/text/item_trie.hpp>
#include <recllm/torch/beam_search.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>

namespace recllm::torch_bridge {

/// How items are searched; see beam_options.
struct item_beam_options {
  std::size_t num_beams = 20;  ///< and items in a ranking, at most
  std::size_t num_beam_groups = 1;
  double diversity_penalty = 0.0;
  double length_penalty = 0.0;
  bool renormalised = true;
  /// Said after an item; negative = an item ends with its last token, for items of which none begins another.
  std::int64_t end_token = -1;
  /// Whether an item may be named for a prompt, a pure function: what the user has not seen; none = every
  /// item.
  std::function<bool(std::size_t prompt, std::size_t item)> open{};
};

/// An item that was found.
struct ranked_item {
  std::size_t item;
  double log_prob;  ///< of its tokens and of the end token where there is one, nats, without penalties
};

namespace detail {

/// The items of a trie as completions.
class item_walks {
 public:
  item_walks(const item_trie& trie, const item_beam_options& options) : trie_(&trie), options_(&options) {
    for (std::size_t place = 0; place < trie.size(); ++place) {
      const item_trie::node& here = trie.at(place);
      if (here.item == item_trie::none) continue;
      require(options.end_token >= 0 || here.tokens.empty(), "recllm: rank_items: item ", here.item,
              " begins another; name an end_token");
      require(trie.next(place, options.end_token) == item_trie::none, "recllm: rank_items: after item ",
              here.item, " end_token ", options.end_token, " could also be another item's");
    }
  }

  /// Whether there is an item that may be named.
  [[nodiscard]] bool any_open(std::size_t prompt, std::size_t place = 0) const {
    return std::ranges::any_of(trie_->items_below(place),
                               [&](std::size_t item) { return is_open(prompt, item); });
  }

  [[nodiscard]] token_ids allowed(std::size_t prompt, std::span<const std::int64_t> so_far) const {
    const item_trie::node& here = trie_->at(reached(so_far));
    token_ids tokens;
    for (std::size_t i = 0; i < here.tokens.size(); ++i)
      if (any_open(prompt, here.children[i])) tokens.push_back(here.tokens[i]);
    if (here.item != item_trie::none && is_open(prompt, here.item)) tokens.push_back(options_->end_token);
    return tokens;
  }

  /// The item that a completion is; none where it is not whole.
  [[nodiscard]] std::size_t item(std::span<const std::int64_t> said) const {
    if (options_->end_token < 0) return trie_->at(reached(said)).item;
    return said.back() == options_->end_token ? trie_->find(said.first(said.size() - 1)) : item_trie::none;
  }

  /// Tokens of the longest completion.
  [[nodiscard]] std::int64_t longest() const {
    std::vector<std::int64_t> depth(trie_->size(), 0);  // a child comes after its parent
    for (std::size_t place = 0; place < trie_->size(); ++place)
      for (const std::size_t child : trie_->at(place).children) depth[child] = depth[place] + 1;
    return std::ranges::max(depth) + (options_->end_token < 0 ? 0 : 1);
  }

 private:
  [[nodiscard]] bool is_open(std::size_t prompt, std::size_t item) const {
    return !options_->open || options_->open(prompt, item);
  }
  [[nodiscard]] std::size_t reached(std::span<const std::int64_t> said) const {
    return std::accumulate(said.begin(), said.end(), std::size_t{0},
                           [&](std::size_t place, std::int64_t token) { return trie_->next(place, token); });
  }

  const item_trie* trie_;
  const item_beam_options* options_;
};

}  // namespace detail

/// For each context the items that are likeliest said next, best score first, without repeats; fewer than
/// num_beams where fewer are open or groups find the same. With as many beams as items, all are ranked by
/// their exact log-probs. Throws std::invalid_argument where a text could be two items.
[[nodiscard]] inline std::vector<std::vector<ranked_item>> rank_items(const qwen& model,
                                                                      std::span<const token_ids> contexts,
                                                                      const item_trie& trie,
                                                                      const item_beam_options& options) {
  const detail::item_walks walks(trie, options);
  std::vector<std::size_t> asked;  // the contexts for which there is an item
  std::vector<token_ids> prompts;
  for (std::size_t p = 0; p < contexts.size(); ++p)
    if (walks.any_open(p)) {
      asked.push_back(p);
      prompts.push_back(contexts[p]);
    }
  std::vector<std::vector<ranked_item>> rankings(contexts.size());
  const auto found = detail::search_beams(
      model, prompts,
      {.num_beams = options.num_beams,
       .num_beam_groups = options.num_beam_groups,
       .diversity_penalty = options.diversity_penalty,
       .length_penalty = options.length_penalty,
       .max_new_tokens = std::max<std::int64_t>(walks.longest(), 1),
       .early_stopping = stop_early::never,
       .renormalised = options.renormalised},
      [&](std::size_t p, std::span<const std::int64_t> so_far) { return walks.allowed(asked[p], so_far); },
      [&](std::size_t, const token_ids& said) { return walks.item(said) != item_trie::none; });
  for (std::size_t p = 0; p < asked.size(); ++p)
    for (const beam_completion& one : found[p]) {
      const std::size_t item = walks.item(one.tokens);
      std::vector<ranked_item>& ranking = rankings[asked[p]];
      if (std::ranges::find(ranking, item, &ranked_item::item) == ranking.end())
        ranking.push_back({item, std::accumulate(one.log_probs.begin(), one.log_probs.end(), 0.0)});
    }
  return rankings;
}

}  // namespace recllm::torch_bridge
