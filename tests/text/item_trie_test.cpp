// The trie against a search through all sequences; lists against every list that there is.
#include <recllm/text/item_trie.hpp>

#include <map>
#include <set>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using sequence = std::vector<std::int64_t>;

namespace {

std::vector<sequence> random_items(random_stream& rng, std::size_t count, std::size_t longest,
                                   std::size_t tokens) {
  std::set<sequence> items;
  while (items.size() < count) {
    sequence item(1 + rng.below(longest));
    for (std::int64_t& token : item) token = static_cast<std::int64_t>(rng.below(tokens));
    items.insert(item);
  }
  std::vector<sequence> all(items.begin(), items.end());
  std::vector<sequence> mixed;
  for (const std::size_t place : rng.permutation(all.size())) mixed.push_back(all[place]);
  return mixed;
}

/// Every list that allowed() leads to, with its items.
void every_list(const item_list_walk& here, sequence so_far,
                std::map<sequence, std::vector<std::size_t>>& found) {
  if (here.ended()) {
    REQUIRE(found.emplace(so_far, here.items()).second);
    return;
  }
  REQUIRE_FALSE(here.allowed().empty());
  for (const std::int64_t token : here.allowed()) {
    item_list_walk next = here;
    next.say(token);
    sequence longer = so_far;
    longer.push_back(token);
    every_list(next, longer, found);
  }
}

/// Every sequence of `length` distinct open items, fewer only where there are no more, as tokens.
void expected_lists(const std::vector<sequence>& items, const std::set<std::size_t>& open, std::size_t length,
                    std::int64_t separator, std::vector<std::size_t> list,
                    std::map<sequence, std::vector<std::size_t>>& found) {
  if (list.size() == length || list.size() == open.size()) {
    sequence tokens;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0 && separator >= 0) tokens.push_back(separator);
      tokens.insert(tokens.end(), items[list[i]].begin(), items[list[i]].end());
    }
    tokens.push_back(100);
    found.emplace(tokens, list);
    return;
  }
  for (const std::size_t item : open) {
    if (std::ranges::find(list, item) != list.end()) continue;
    std::vector<std::size_t> longer = list;
    longer.push_back(item);
    expected_lists(items, open, length, separator, longer, found);
  }
}

}  // namespace

TEST_CASE("the trie finds what is there and what may follow") {
  constexpr std::uint64_t seed = 3;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<sequence> items = random_items(rng, 200, 5, 4);
  const item_trie trie(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(trie.find(items[i]) == i);
    std::size_t place = 0;
    for (std::size_t t = 0; t <= items[i].size(); ++t) {
      std::set<std::size_t> below;
      std::set<std::int64_t> following;
      for (std::size_t j = 0; j < items.size(); ++j)
        if (items[j].size() >= t &&
            std::equal(items[i].begin(), items[i].begin() + static_cast<std::ptrdiff_t>(t),
                       items[j].begin())) {
          below.insert(j);
          if (items[j].size() > t) following.insert(items[j][t]);
        }
      const auto found = trie.items_below(place);
      CHECK(std::set(found.begin(), found.end()) == below);
      CHECK(found.size() == below.size());
      CHECK(trie.at(place).tokens == sequence(following.begin(), following.end()));
      if (t < items[i].size()) place = trie.next(place, items[i][t]);
    }
  }
  CHECK(trie.find(sequence{9}) == item_trie::none);
  CHECK(trie.find(sequence{}) == item_trie::none);
}

TEST_CASE("allowed tokens lead to every list of open items, and to nothing else") {
  constexpr std::uint64_t seed = 11;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 40; ++round) {
    const bool parted = round % 2 == 0;
    std::vector<sequence> items = random_items(rng, 6, 3, 3);
    if (!parted)  // none begins another: all end with a token of their own
      for (sequence& item : items) item.push_back(50);
    std::set<std::size_t> open;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (rng.below(3) > 0) open.insert(i);
    const std::size_t length = 1 + rng.below(3);
    const item_trie trie(items);
    const item_list_walk start(trie, {.separator = parted ? 99 : -1, .end = 100, .length = length},
                               [&](std::size_t item) { return open.contains(item); });
    std::map<sequence, std::vector<std::size_t>> found, expected;
    every_list(start, {}, found);
    expected_lists(items, open, length, parted ? 99 : -1, {}, expected);
    CHECK(found == expected);
  }
}

TEST_CASE("what may follow a list's beginning, as a constraint asks") {
  const std::vector<sequence> items{{1, 2}, {1, 3}, {4}};
  const item_trie trie(items);
  const item_list_walk start(trie, {.end = 0, .length = 2});
  CHECK(allowed_in_list(start, sequence{}) == sequence{1, 4});
  CHECK(allowed_in_list(start, sequence{1}) == sequence{2, 3});
  CHECK(allowed_in_list(start, sequence{1, 2}) == sequence{1, 4});
  CHECK(allowed_in_list(start, sequence{1, 2, 1}) == sequence{3});
  CHECK(allowed_in_list(start, sequence{1, 2, 4}) == sequence{0});
  CHECK(allowed_in_list(start, sequence{1, 2, 4, 0}).empty());
  CHECK_THROWS_WITH(allowed_in_list(start, sequence{1, 2, 1, 2}),
                    "recllm: item_list_walk: token 2 may not follow");
}

TEST_CASE("items and grammars that cannot be are refused") {
  const auto refused = [](const std::vector<sequence>& items, const char* why) {
    CHECK_THROWS_WITH(item_trie(items), Catch::Contains(why));
  };
  refused({{1}, {}}, "item 1 has no tokens");
  refused({{1}, {2, -3}}, "item 1 has the token -3");
  refused({{1, 2}, {3}, {1, 2}}, "items 0 and 2 are the same tokens");
  const std::vector<sequence> nested{{1}, {1, 2}};
  const item_trie trie(nested);
  CHECK_THROWS_WITH(item_list_walk(trie, {.end = 0}),
                    Catch::Contains("item 0 begins another; name a separator"));
  CHECK_THROWS_WITH(item_list_walk(trie, {.separator = 2, .end = 0}),
                    Catch::Contains("after item 0 token 2"));
  CHECK_THROWS_WITH(item_list_walk(trie, {.separator = 9, .end = 2}),
                    Catch::Contains("after item 0 token 2"));
  CHECK_THROWS_WITH(item_list_walk(trie, {.separator = 9, .end = 9}), Catch::Contains("end = 9"));
  CHECK_NOTHROW(item_list_walk(trie, {.separator = 9, .end = 8}));
  const item_trie empty(std::vector<sequence>{});
  CHECK(item_list_walk(empty, {.end = 5}).allowed() == sequence{5});
}
