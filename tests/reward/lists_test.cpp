// Rewards of lists: where they find their lists, their values by hand, and empty lists.
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct sample {
  std::vector<int> next_items;
  std::set<int> liked;
};
struct answer {
  std::vector<int> items;
};

using items = std::vector<int>;

const sample user{.next_items = {1, 2, 3}, .liked = {2, 9}};

template <class Goal>
double value(const Goal& goal, const items& list) {
  return reward::evaluate(goal, user, list);
}

}  // namespace

TEST_CASE("the predicted list is the completion or its items") {
  const auto goal = reward::lcs(&sample::next_items);
  const items list{1, 3};
  const double expected = measure::position_weighted_lcs(list, user.next_items);
  CHECK(expected == 1.0);
  CHECK(reward::evaluate(goal, user, list) == expected);
  CHECK(reward::evaluate(goal, user, answer{list}) == expected);
  CHECK(reward::evaluate(goal, user, std::span(list)) == expected);
  CHECK(&reward::items_of(list) == &list);
}

TEST_CASE("lcs may be weighed by the target's ranks") {
  const auto goal = reward::lcs(&sample::next_items, {}, reward::ranks_of::target);
  const double second = 1.0 / std::log2(3.0);
  CHECK(value(goal, {9, 1, 2}) == Approx((1.0 + second) / (1.0 + second + 0.5)));
  CHECK(value(reward::lcs(&sample::next_items), {9, 1, 2}) == Approx((second + 0.5) / (1.0 + second + 0.5)));
}

TEST_CASE("the target is found by a member, a function, or is a single item") {
  const std::map<std::size_t, items> watched{{4, {7, 8}}};
  const items watched_next{3, 7};
  const items list{5, 7, 8};
  const std::size_t prompt = 4, second = 1;
  const auto by_reference = [&](std::size_t p) -> const items& { return watched.at(p); };
  const auto by_value = [&](std::size_t p) { return watched.at(p); };
  const auto by_span = [&](std::size_t p) { return std::span<const int>(watched.at(p)); };
  const double expected = measure::position_weighted_lcs(list, watched.at(4));
  CHECK(reward::evaluate(reward::lcs(by_reference), prompt, list) == expected);
  CHECK(reward::evaluate(reward::lcs(by_value), prompt, list) == expected);
  CHECK(reward::evaluate(reward::lcs(by_span), prompt, list) == expected);
  CHECK(&reward::list_of(by_reference, prompt) == &watched.at(4));
  CHECK(reward::evaluate(reward::reciprocal_rank([&](auto p) { return watched_next[p]; }), second, list) ==
        0.5);
  CHECK(reward::evaluate(reward::hit([](std::size_t) { return std::string("Heat"); }), prompt,
                         std::vector<std::string>{"Alien", "Heat"}) == 1.0);
}

TEST_CASE("accuracy terms are the measures of the same name") {
  random_stream rng(41);
  INFO("seed 41");
  for (int trial = 0; trial < 100; ++trial) {
    items list(rng.below(6));
    for (int& item : list) item = static_cast<int>(rng.below(6));
    const auto target = &sample::next_items;
    CHECK(value(reward::lcs(target), list) == measure::position_weighted_lcs(list, user.next_items));
    CHECK(value(reward::lcs(target, measure::uniform_weight{}), list) ==
          measure::position_weighted_lcs(list, user.next_items, measure::uniform_weight{}));
    CHECK(value(reward::rouge_l(target, 2.0), list) == measure::rouge_l(list, user.next_items, 2.0));
    CHECK(value(reward::rank_biased_overlap(target, {.p = 0.7}), list) ==
          measure::rank_biased_overlap(list, user.next_items, {.p = 0.7}));
    CHECK(value(reward::ndcg(target, 2), list) == measure::ndcg_at(list, user.next_items, 2));
    CHECK(value(reward::reciprocal_rank(target), list) == measure::reciprocal_rank(list, user.next_items));
    CHECK(value(reward::recall(target, 4), list) == measure::recall_at(list, user.next_items, 4));
    CHECK(value(reward::recall(&sample::liked), list) ==
          measure::recall_at(list, user.liked, measure::whole_list));
    CHECK(value(reward::precision(target), list) ==
          measure::precision_at(list, user.next_items, measure::whole_list));
    CHECK(value(reward::hit(target, 1), list) == measure::hit_at(list, user.next_items, 1));
  }
}

TEST_CASE("diversity is the share of distinct items, or the distance between attributes") {
  CHECK(value(reward::diversity(), {1, 1, 2, 1}) == 0.5);
  CHECK(value(reward::diversity(), {4}) == 1.0);

  const std::map<int, std::set<std::string>> genres{{1, {"war", "drama"}}, {2, {"drama"}}, {3, {"comedy"}}};
  const auto genres_of = [&](int item) -> const std::set<std::string>& { return genres.at(item); };
  CHECK(value(reward::diversity(genres_of), {1, 2, 3}) == Approx((0.5 + 1.0 + 1.0) / 3.0));
  CHECK(value(reward::diversity(genres_of), {1, 1}) == 0.0);
  CHECK(value(reward::diversity(genres_of), {1}) == 0.0);
  CHECK(value(reward::diversity([](int item) { return item % 2; }), {1, 2, 3}) == Approx(2.0 / 3.0));
}

TEST_CASE("topic_entropy takes sets of topics, or one") {
  const std::map<int, std::set<std::string>> genres{{1, {"war", "drama"}}, {2, {"drama"}}, {3, {"comedy"}}};
  const auto genres_of = [&](int item) -> const std::set<std::string>& { return genres.at(item); };
  CHECK(value(reward::topic_entropy(genres_of), {1, 3}) == Approx(std::log(3.0)));
  CHECK(value(reward::topic_entropy(genres_of), {2}) == 0.0);
  CHECK(value(reward::topic_entropy(genres_of), {}) == 0.0);
  CHECK(value(reward::topic_entropy([](int item) { return item % 2; }, {.base = 2.0}), {1, 2}) ==
        Approx(1.0));
}

TEST_CASE("novelty is the mean self-information in bits, unseen items at the floor") {
  const std::map<int, double> shares{{1, 0.5}, {2, 0.25}};
  const auto share = [&](int item) { return shares.contains(item) ? shares.at(item) : 0.0; };
  CHECK(value(reward::novelty(share), {1, 2}) == Approx(1.5));
  CHECK(value(reward::novelty(share, 0.125), {1, 2, 3}) == Approx(2.0));
  CHECK(value(reward::novelty(share), {3}) == Approx(std::log2(1e6)));
  measure::interaction_shares<int> counted;
  counted.add(1, 3);
  counted.add(2);
  CHECK(value(reward::novelty(std::cref(counted)), {2}) == Approx(2.0));
}

TEST_CASE("distinct_items is a test") {
  const auto goal = when(reward::distinct_items(), 1.0).otherwise(-1.0);
  CHECK(value(goal, {1, 2}) == 1.0);
  CHECK(value(goal, {1, 1}) == -1.0);
  CHECK(value(goal, {}) == 1.0);
}

TEST_CASE("an empty list has a value everywhere") {
  const sample nobody{};
  const auto genres = [](int item) { return item; };
  const auto share = [](int) { return 0.5; };
  const auto target = &sample::next_items;
  for (const auto& prompt : {user, nobody})
    for (const items& list : {items{}, items{1}}) {
      if (!list.empty() && !prompt.next_items.empty()) continue;
      CHECK(reward::evaluate(reward::lcs(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::rouge_l(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::rank_biased_overlap(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::ndcg(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::reciprocal_rank(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::recall(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::precision(target), prompt, list) == 0.0);
      CHECK(reward::evaluate(reward::hit(target), prompt, list) == 0.0);
    }
  CHECK(value(reward::diversity(), {}) == 0.0);
  CHECK(value(reward::diversity(genres), {}) == 0.0);
  CHECK(value(reward::novelty(share), {}) == 0.0);
}

TEST_CASE("each term reports under its name") {
  const auto goal = 0.5 * reward::lcs(&sample::next_items) + reward::ndcg(&sample::next_items) +
                    reward::reciprocal_rank(&sample::next_items) + reward::recall(&sample::next_items) +
                    reward::precision(&sample::next_items) + reward::hit(&sample::next_items) +
                    reward::diversity() + reward::novelty([](int) { return 0.5; }) +
                    reward::rouge_l(&sample::next_items) +
                    reward::rank_biased_overlap([](const sample&) { return 9; }) +
                    reward::topic_entropy([](int) { return 0; }) - reward::repeats() -
                    reward::out_of_pool(&sample::liked).named("pool");
  CHECK(reported(goal, user, items{1, 2, 3}) == entries{{"lcs", 1.0},
                                                        {"ndcg", 1.0},
                                                        {"reciprocal_rank", 1.0},
                                                        {"recall", 1.0},
                                                        {"precision", 1.0},
                                                        {"hit", 1.0},
                                                        {"diversity", 1.0},
                                                        {"novelty", 1.0},
                                                        {"rouge_l", 1.0},
                                                        {"rank_biased_overlap", 0.0},
                                                        {"topic_entropy", 0.0},
                                                        {"repeats", 0.0},
                                                        {"pool", 2.0 / 3.0}});
}
