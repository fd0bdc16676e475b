// The sort of histories, against std::stable_sort.
#include <recllm/data/sort_by_time.hpp>

#include <limits>

#include <recllm/core/random.hpp>
#include <recllm/data/interactions.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

bool same(const event& a, const event& b) {
  return a.user == b.user && a.item == b.item && a.value == b.value && a.time == b.time &&
         a.action == b.action;
}

}  // namespace

TEST_CASE("equal times keep their order, whatever the range of times") {
  constexpr std::uint64_t seed = 41;
  INFO("seed " << seed);
  random_stream rng(seed);
  detail::time_sorter<event> sort;
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  for (int round = 0; round < 300; ++round) {
    std::vector<event> events(rng.below(60));
    for (std::size_t i = 0; i < events.size(); ++i) {
      const std::int64_t times[] = {static_cast<std::int64_t>(rng.below(10)) - 5,
                                    881'250'949 + static_cast<std::int64_t>(rng.below(1'000'000)),
                                    rng.below(2) == 0 ? least : std::numeric_limits<std::int64_t>::max()};
      events[i] = {0, i, 0.5, times[round % 3], engagement::view};
    }
    std::vector<event> expected = events;
    std::stable_sort(expected.begin(), expected.end(),
                     [](const event& a, const event& b) { return a.time < b.time; });
    sort(events);
    REQUIRE(std::equal(events.begin(), events.end(), expected.begin(), expected.end(), same));
  }
}
