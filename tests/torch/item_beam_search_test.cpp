// Items ranked by beams through their trie: against the log-probs of every item, token by token.
#include <recllm/torch/item_beam_search.hpp>

#include <algorithm>
#include <cmath>

#include <recllm/torch/generate.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

constexpr std::int64_t vocabulary = 13, end = 0;

const std::vector<token_ids> contexts{{3, 7, 1}, {5}, {2, 2, 9, 12, 4}};

const qwen& small_model() {
  static const qwen model({.vocab_size = vocabulary, .hidden_size = 32, .initializer_range = 0.35},
                          random_stream(4));
  return model;
}

/// Log-prob of an item: of each of its tokens, among those that go on to an open item if `among`.
double log_prob_of(const std::vector<token_ids>& items, const std::vector<bool>& open, std::size_t item,
                   const token_ids& context, bool among) {
  const token_ids& said = items[item];
  double total = 0.0;
  for (std::size_t t = 0; t < said.size(); ++t) {
    std::vector<token_ids> text{context};
    text[0].insert(text[0].end(), said.begin(), said.begin() + static_cast<std::ptrdiff_t>(t));
    const at::Tensor log_probs = next_token_log_probs(small_model(), text)[0];
    double mass = 0.0;
    for (std::int64_t v = 0; v < vocabulary; ++v) {
      bool goes_on = false;
      for (std::size_t i = 0; i < items.size(); ++i)
        goes_on = goes_on ||
                  (open[i] && items[i].size() > t && items[i][t] == v &&
                   std::equal(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(t), items[i].begin()));
      if (goes_on) mass += std::exp(log_probs[v].item<double>());
    }
    total += log_probs[said[t]].item<double>() - (among ? std::log(mass) : 0.0);
  }
  return total;
}

}  // namespace

TEST_CASE("with as many beams as items, all open items are ranked by their log-probs", "[item_beam_search]") {
  const std::vector<token_ids> apart{{1, 2}, {1, 3, 2}, {4}, {5, 1}, {5, 6, 7, 8}, {5, 6, 7, 9}};
  const std::vector<token_ids> nested{{1, 2}, {1}, {1, 2, 3}, {4, 4}, {5, 1}};
  for (const bool says_end : {false, true})
    for (const bool renormalised : {true, false})
      for (const bool all_open : {true, false}) {
        INFO("end " << says_end << ", renormalised " << renormalised << ", all open " << all_open);
        std::vector<token_ids> items = says_end ? nested : apart;
        const item_trie trie(items);
        item_beam_options how{.num_beams = items.size(), .renormalised = renormalised};
        if (says_end) how.end_token = end;
        const auto is_open = [&](std::size_t context, std::size_t item) {
          return all_open || (context != 1 && (item + context) % 3 != 0);
        };
        if (!all_open) how.open = is_open;
        if (says_end)
          for (token_ids& item : items) item.push_back(end);
        const auto rankings = rank_items(small_model(), contexts, trie, how);
        REQUIRE(rankings.size() == contexts.size());
        for (std::size_t c = 0; c < contexts.size(); ++c) {
          std::vector<bool> open;
          for (std::size_t i = 0; i < items.size(); ++i) open.push_back(is_open(c, i));
          std::vector<std::pair<double, std::size_t>> expected;
          for (std::size_t i = 0; i < items.size(); ++i)
            if (open[i]) expected.emplace_back(-log_prob_of(items, open, i, contexts[c], renormalised), i);
          std::ranges::sort(expected);
          REQUIRE(rankings[c].size() == expected.size());
          for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(rankings[c][i].item == expected[i].second);
            CHECK(rankings[c][i].log_prob == Approx(-expected[i].first).margin(1e-4));
          }
        }
      }
}

TEST_CASE("fewer beams rank as many items, and diverse beams no item twice", "[item_beam_search]") {
  std::vector<token_ids> items;
  for (std::int64_t a = 1; a < 8; ++a)
    for (std::int64_t b = 1; b < 8; ++b) items.push_back({a, b, (a + b) % 8});
  const item_trie trie(items);
  for (const auto& ranking : rank_items(small_model(), contexts, trie, {.num_beams = 6})) {
    CHECK(ranking.size() == 6);
    CHECK(std::ranges::is_sorted(ranking, std::ranges::greater{}, &ranked_item::log_prob));
  }
  for (auto& ranking : rank_items(small_model(), contexts, trie,
                                  {.num_beams = 12, .num_beam_groups = 4, .diversity_penalty = 0.3})) {
    CHECK(ranking.size() > 3);
    std::ranges::sort(ranking, {}, &ranked_item::item);
    CHECK(std::ranges::adjacent_find(ranking, {}, &ranked_item::item) == ranking.end());
  }
}

TEST_CASE("items that a text could confuse are refused", "[item_beam_search]") {
  const item_trie nested(std::vector<token_ids>{{1, 2}, {1}, {1, 2, 0}});
  CHECK_THROWS_WITH(rank_items(small_model(), contexts, nested, {}),
                    "recllm: rank_items: item 1 begins another; name an end_token");
  CHECK_THROWS_WITH(rank_items(small_model(), contexts, nested, {.end_token = 0}),
                    "recllm: rank_items: after item 0 end_token 0 could also be another item's");
}
