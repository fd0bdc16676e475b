// The token sequences of a catalogue's or a pool's items as a trie: what may be said next so that nothing but
// items can be named (constrained decoding; as in generative retrieval: De Cao et al., arXiv 2010.00904).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// Items by their token sequences. Built once, then read by any number of threads.
class item_trie {
 public:
  /// "No item" where one is asked for.
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  /// A place in the trie: its children are the tokens that may follow.
  struct node {
    std::vector<std::int64_t> tokens{};   ///< that may follow, ascending
    std::vector<std::size_t> children{};  ///< the node after each of them
    std::size_t item = none;              ///< the item that ends here
  };

  /// items[i] is the token sequence of item i. Throws std::invalid_argument that names the item where one is
  /// empty, negative, or said by the same tokens as another. One may begin another.
  explicit item_trie(std::span<const std::vector<std::int64_t>> items) : nodes_(1) {
    std::vector<std::size_t> order(items.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return items[a] < items[b]; });
    for (const std::size_t i : order) {  // sorted, so a new token is always the last of its node
      require(!items[i].empty(), "recllm: item_trie: item ", i, " has no tokens");
      std::size_t at = 0;
      for (const std::int64_t token : items[i]) {
        require(token >= 0, "recllm: item_trie: item ", i, " has the token ", token, ", expected 0 or more");
        if (nodes_[at].tokens.empty() || nodes_[at].tokens.back() != token) {
          nodes_[at].tokens.push_back(token);
          nodes_[at].children.push_back(nodes_.size());
          nodes_.emplace_back();
        }
        at = nodes_[at].children.back();
      }
      require(nodes_[at].item == none, "recllm: item_trie: items ", nodes_[at].item, " and ", i,
              " are the same tokens");
      nodes_[at].item = i;
      items_of_.push_back(i);
    }
    count_items();
  }

  /// How many nodes there are; the root is node 0.
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const node& at(std::size_t place) const { return nodes_[place]; }

  /// The node after `token`; `none` where it may not follow.
  [[nodiscard]] std::size_t next(std::size_t place, std::int64_t token) const {
    const node& here = nodes_[place];
    const auto found = std::ranges::lower_bound(here.tokens, token);
    return found == here.tokens.end() || *found != token
               ? none
               : here.children[static_cast<std::size_t>(found - here.tokens.begin())];
  }

  /// The items that begin with what leads to a node.
  [[nodiscard]] std::span<const std::size_t> items_below(std::size_t place) const {
    return std::span(items_of_).subspan(first_[place], last_[place] - first_[place]);
  }

  /// The item that the tokens are, `none` where they are no item's.
  [[nodiscard]] std::size_t find(std::span<const std::int64_t> tokens) const {
    std::size_t place = 0;
    for (const std::int64_t token : tokens)
      if ((place = next(place, token)) == none) return none;
    return nodes_[place].item;
  }

 private:
  /// The items below each node are a range of the sorted items.
  void count_items() {
    first_.resize(nodes_.size());
    last_.resize(nodes_.size());
    std::size_t seen = 0;
    // Depth first in the order of the sequences; without recursion, since a title may have any length.
    std::vector<std::pair<std::size_t, std::size_t>> open{{0, 0}};
    first_[0] = 0;
    while (!open.empty()) {
      const auto [place, child] = open.back();
      const node& here = nodes_[place];
      if (child == 0) {
        first_[place] = seen;
        if (here.item != none) ++seen;
      }
      if (child < here.children.size()) {
        ++open.back().second;
        open.emplace_back(here.children[child], 0);
      } else {
        last_[place] = seen;
        open.pop_back();
      }
    }
  }

  std::vector<node> nodes_;
  std::vector<std::size_t> items_of_;      // sorted by their tokens
  std::vector<std::size_t> first_, last_;  // of each node, in items_of_
};

/// How a list of items is said: item separator item ... separator item end.
struct item_list_grammar {
  std::int64_t separator =
      -1;                   ///< between two items; negative = none, for items of which none begins another
  std::int64_t end = 0;     ///< after the last item
  std::size_t length = 10;  ///< items in a list; fewer where no more may be named
};

/// A list of distinct items in the saying: which tokens may follow, and which items were named. Every way
/// through allowed() is a whole list.
class item_list_walk {
 public:
  /// Borrows the trie. `open(item)` says whether an item may be named: one of the pool, one that the user has
  /// not seen; none = every item. Throws std::invalid_argument where a list could be read in two ways:
  /// without a separator one item begins another, or an item goes on with the separator or the end.
  item_list_walk(const item_trie& trie, item_list_grammar grammar, std::function<bool(std::size_t)> open = {})
      : trie_(&trie), grammar_(grammar), open_(std::move(open)) {
    require(grammar_.end >= 0 && grammar_.end != grammar_.separator,
            "recllm: item_list_walk: end = ", grammar_.end, ", expected a token that is not the separator");
    for (std::size_t place = 0; place < trie.size(); ++place) {
      const item_trie::node& here = trie.at(place);
      if (here.item == item_trie::none) continue;
      require(grammar_.separator >= 0 || here.tokens.empty(), "recllm: item_list_walk: item ", here.item,
              " begins another; name a separator");
      for (const std::int64_t token : {grammar_.separator, grammar_.end})
        require(trie.next(place, token) == item_trie::none, "recllm: item_list_walk: after item ", here.item,
                " token ", token, " could also be another item's");
    }
  }

  /// The tokens that may follow, ascending; empty once the end was said.
  [[nodiscard]] std::vector<std::int64_t> allowed() const {
    std::vector<std::int64_t> tokens;
    if (ended_) return tokens;
    const item_trie::node& here = trie_->at(place_);
    if (place_ != 0 || said_.size() < grammar_.length)
      for (std::size_t i = 0; i < here.tokens.size(); ++i)
        if (any_open(here.children[i])) tokens.push_back(here.tokens[i]);
    if (place_ == 0 && tokens.empty()) tokens.push_back(grammar_.end);
    if (here.item != item_trie::none && is_open(here.item)) {
      const bool more = said_.size() + 1 < grammar_.length && any_open_but(here.item);
      tokens.push_back(more ? grammar_.separator : grammar_.end);
      std::ranges::sort(tokens);
    }
    return tokens;
  }

  /// Goes on by a token. Throws std::invalid_argument where allowed() does not hold it.
  void say(std::int64_t token) {
    require(std::ranges::binary_search(allowed(), token), "recllm: item_list_walk: token ", token,
            " may not follow");
    const std::size_t child = trie_->next(place_, token);
    if (child != item_trie::none) {
      place_ = child;
      if (grammar_.separator < 0 && trie_->at(place_).item != item_trie::none) name_item();
    } else {
      if (place_ != 0) name_item();
      ended_ = token == grammar_.end;
    }
  }

  /// The items named so far, in their order.
  [[nodiscard]] const std::vector<std::size_t>& items() const { return said_; }

  /// Whether the end was said.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void name_item() {
    said_.push_back(trie_->at(place_).item);
    place_ = 0;
  }
  [[nodiscard]] bool is_open(std::size_t item) const {
    return std::ranges::find(said_, item) == said_.end() && (!open_ || open_(item));
  }
  [[nodiscard]] bool any_open(std::size_t place) const {
    return std::ranges::any_of(trie_->items_below(place), [&](std::size_t item) { return is_open(item); });
  }
  [[nodiscard]] bool any_open_but(std::size_t item) const {
    return std::ranges::any_of(trie_->items_below(0),
                               [&](std::size_t other) { return other != item && is_open(other); });
  }

  const item_trie* trie_;
  item_list_grammar grammar_;
  std::function<bool(std::size_t)> open_;
  std::vector<std::size_t> said_;
  std::size_t place_ = 0;
  bool ended_ = false;
};

/// What may follow `so_far` in a list: for a language model's constraint, which is a pure function. Throws
/// std::invalid_argument where `so_far` itself is no beginning of a list.
[[nodiscard]] inline std::vector<std::int64_t> allowed_in_list(item_list_walk from_the_start,
                                                               std::span<const std::int64_t> so_far) {
  for (const std::int64_t token : so_far) from_the_start.say(token);
  return from_the_start.allowed();
}

}  // namespace recllm
