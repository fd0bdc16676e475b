// One event an item: by hand, and against a quadratic search.
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/data/deduplicate.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

event did(engagement what, std::size_t item, std::int64_t time, double value = 1) {
  return {0, item, value, time, what};
}

std::vector<std::int64_t> times(const dataset& data) {
  std::vector<std::int64_t> all;
  for (const event& e : data.histories[0]) all.push_back(e.time);
  return all;
}

}  // namespace

TEST_CASE("the deepest, the first or the last event with an item stays") {
  const std::vector<event> log{did(engagement::view, 0, 1),      did(engagement::dwell, 0, 2, 31),
                               did(engagement::click, 0, 3),     did(engagement::view, 1, 4),
                               did(engagement::dwell, 1, 5, 29), did(engagement::click, 1, 6),
                               did(engagement::share, 2, 7),     did(engagement::like, 2, 8)};
  const dataset data = assemble({{"u", {}}}, {{"a", "", "", {}}, {"b", "", "", {}}, {"c", "", "", {}}}, log);
  CHECK(times(deduplicate(data)) == std::vector<std::int64_t>{2, 5, 7});
  CHECK(times(deduplicate(data, engagement_depth{.long_dwell_seconds = 20})) ==
        std::vector<std::int64_t>{2, 5, 7});
  CHECK(times(deduplicate(data, earliest_event{})) == std::vector<std::int64_t>{1, 4, 7});
  CHECK(times(deduplicate(data, latest_event{})) == std::vector<std::int64_t>{3, 6, 8});
  CHECK(times(deduplicate(data, &event::time)) == std::vector<std::int64_t>{3, 6, 8});
}

TEST_CASE("every kind is deeper than those before it, ratings go by value") {
  const std::vector<engagement> order{engagement::view,  engagement::click,  engagement::dwell,
                                      engagement::like,  engagement::save,   engagement::comment,
                                      engagement::share, engagement::follow, engagement::purchase};
  for (std::size_t i = 1; i < order.size(); ++i)
    CHECK(engagement_depth{}(did(order[i - 1], 0, 0)) < engagement_depth{}(did(order[i], 0, 0)));
  CHECK(engagement_depth{}(did(engagement::rating, 0, 0, 4.5)) == 4.5);
}

TEST_CASE("random logs against a quadratic search") {
  random_stream rng(71);
  INFO("seed 71");
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<event> log;
    for (std::size_t i = rng.below(40); i > 0; --i)
      log.push_back({rng.below(2), rng.below(6), static_cast<double>(rng.below(3)),
                     static_cast<std::int64_t>(rng.below(20))});
    const dataset data = assemble({{"u", {}}, {"v", {}}}, std::vector<item>(6), log);
    const dataset kept = deduplicate(data);
    REQUIRE(kept.histories.size() == 2);
    for (std::size_t u = 0; u < 2; ++u) {
      std::vector<event> expected;
      const std::vector<event>& all = data.histories[u];
      for (std::size_t i = 0; i < all.size(); ++i) {
        bool best = true;
        for (std::size_t j = 0; j < all.size(); ++j)
          if (j != i && all[j].item == all[i].item)
            best = best && (j < i ? all[j].value < all[i].value : all[j].value <= all[i].value);
        if (best) expected.push_back(all[i]);
      }
      REQUIRE(kept.histories[u].size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(kept.histories[u][i].item == expected[i].item);
        CHECK(kept.histories[u][i].value == expected[i].value);
        CHECK(kept.histories[u][i].time == expected[i].time);
      }
    }
  }
}

TEST_CASE("events that repeat another in every respect go") {
  const std::vector<event> log{did(engagement::view, 0, 1),    did(engagement::view, 0, 1),
                               did(engagement::view, 0, 1, 2), did(engagement::click, 0, 1),
                               did(engagement::view, 1, 1),    did(engagement::view, 0, 2),
                               did(engagement::click, 0, 1),   did(engagement::view, 0, 2)};
  const dataset data = assemble({{"u", {}}, {"v", {}}}, std::vector<item>(2), log);
  const dataset kept = drop_exact_repeats(data);
  REQUIRE(kept.histories[0].size() == 5);
  CHECK(kept.histories[0][1].value == 2);
  CHECK(kept.histories[0][2].action == engagement::click);
  CHECK(kept.histories[0][3].item == 1);
  CHECK(kept.histories[0][4].time == 2);
  CHECK(kept.histories[1].empty());
}

TEST_CASE("exact repeats in random logs against a quadratic search") {
  random_stream rng(72);
  INFO("seed 72");
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<event> log;
    for (std::size_t i = rng.below(60); i > 0; --i)
      log.push_back({rng.below(2), rng.below(3), static_cast<double>(rng.below(2)),
                     static_cast<std::int64_t>(rng.below(3)), static_cast<engagement>(rng.below(2))});
    const dataset data = assemble({{"u", {}}, {"v", {}}}, std::vector<item>(3), log);
    const dataset kept = drop_exact_repeats(data);
    for (std::size_t u = 0; u < 2; ++u) {
      std::vector<event> expected;
      for (const event& e : data.histories[u]) {
        bool repeat = false;
        for (const event& other : expected)
          repeat = repeat || (other.item == e.item && other.value == e.value && other.time == e.time &&
                              other.action == e.action);
        if (!repeat) expected.push_back(e);
      }
      REQUIRE(kept.histories[u].size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(kept.histories[u][i].item == expected[i].item);
        CHECK(kept.histories[u][i].value == expected[i].value);
        CHECK(kept.histories[u][i].action == expected[i].action);
      }
    }
  }
}
