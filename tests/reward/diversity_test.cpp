// Rewards of breadth and newness: values by hand, and that they are the measures of the same name.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <recllm/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;
using items = std::vector<std::size_t>;

namespace {

struct sample {
  items history, next_items;
};

const std::vector<std::vector<std::string>> topics{{"war"}, {"war", "drama"}, {"music"}, {}};
const std::vector<double> prices{1, 2, 4, 8};
const sample user{.history = {0, 1}, .next_items = {1, 2}};

const auto topics_of = [](std::size_t item) -> const std::vector<std::string>& { return topics[item]; };
const auto price_gap = [](std::size_t a, std::size_t b) { return std::abs(prices[a] - prices[b]); };

template <class Goal>
double value(const Goal& goal, const items& list) {
  return reward::evaluate(goal, user, list);
}

}  // namespace

TEST_CASE("the mean distance of pairs, of anything") {
  const auto goal = reward::intra_list_distance(price_gap);
  CHECK(value(goal, {0, 1, 2}) == Approx((1.0 + 3.0 + 2.0) / 3.0));
  CHECK(value(goal, {3}) == 0.0);
  CHECK(reported(goal, user, items{0, 1}) == entries{{"intra_list_distance", 1.0}});
}

TEST_CASE("the share of a universe of topics that a list reaches") {
  const auto goal =
      reward::topic_coverage(topics_of, std::vector<std::string>{"war", "drama", "music", "art"});
  CHECK(value(goal, {1, 2}) == 0.75);
  CHECK(value(goal, {0, 0}) == 0.25);
  CHECK(value(goal, {3}) == 0.0);
  CHECK(value(goal, {}) == 0.0);
  const auto one_topic = reward::topic_coverage([](std::size_t item) { return item % 2; }, items{0, 1});
  CHECK(value(one_topic, {0, 2}) == 0.5);
}

TEST_CASE("the distance from the history, of all of it or of the nearest") {
  CHECK(value(reward::history_distance(&sample::history, price_gap), {2, 3}) ==
        Approx((3.0 + 2.0 + 7.0 + 6.0) / 4.0));
  CHECK(value(reward::history_distance(&sample::history, price_gap, measure::history_linkage::nearest),
              {2, 3}) == Approx((2.0 + 6.0) / 2.0));
  CHECK(value(reward::history_distance(&sample::history, price_gap), {}) == 0.0);
}

TEST_CASE("new and emerging items") {
  const std::vector<std::int64_t> first_seen{10, 50, 95, 200};
  const auto fresh =
      reward::new_items([&](std::size_t item) { return first_seen[item]; }, {.now = 100, .within = 10});
  CHECK(value(fresh, {0, 1, 2, 3}) == 0.5);
  CHECK(value(fresh, {}) == 0.0);
  measure::item_growth<std::size_t> growth({.now = 100, .window = 10, .least_recent = 2});
  for (int i = 0; i < 4; ++i) growth.add(2, 95);
  growth.add(1, 95);
  CHECK(value(reward::emerging(growth), {1, 2}) == 0.5);
}

TEST_CASE("soft matches count in part, and a whole match in full") {
  const auto alike = measure::attribute_similarity(topics_of);
  // Item 0 shares one of two topics with the target 1; 2 is a target.
  CHECK(value(reward::soft_recall(&sample::next_items, alike), {0, 2}) == Approx(0.75));
  CHECK(value(reward::soft_ndcg(&sample::next_items, alike), {2, 0}) ==
        Approx((1.0 + 0.5 / std::log2(3.0)) / (1.0 + 1.0 / std::log2(3.0))));
  CHECK(value(reward::soft_recall(&sample::next_items, alike, 1), {0, 2}) == Approx(0.25));
  CHECK(value(reward::soft_recall(&sample::next_items, alike), {}) == 0.0);
}
