// Histories of a log in every order of rows, against those of assemble().
#include <recllm/data/event_log.hpp>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

bool same(const event& a, const event& b) {
  return a.user == b.user && a.item == b.item && a.value == b.value && a.time == b.time &&
         a.action == b.action;
}

/// Logs the events and compares.
void check(const std::vector<event>& events, std::size_t users) {
  detail::event_log log;
  for (const event& e : events)
    log.add(static_cast<std::uint32_t>(e.user), static_cast<std::uint32_t>(e.item), e.value, e.time,
            e.action);
  REQUIRE(log.size() == events.size());
  const dataset expected = assemble(std::vector<user>(users), std::vector<item>(9), events);
  const auto histories = std::move(log).histories(users);
  REQUIRE(histories.size() == users);
  for (std::size_t u = 0; u < users; ++u) {
    REQUIRE(histories[u].size() == histories[u].capacity());
    REQUIRE(std::equal(histories[u].begin(), histories[u].end(), expected.histories[u].begin(),
                       expected.histories[u].end(), same));
  }
}

event any_event_of(std::size_t user, random_stream& rng) {
  return {user, rng.below(9), rng.uniform(), static_cast<std::int64_t>(rng.below(50)),
          static_cast<engagement>(rng.below(10))};
}

}  // namespace

TEST_CASE("no row at all") {
  check({}, 0);
  check({}, 3);
}

TEST_CASE("rows that stand together by user, in any order of users") {
  constexpr std::uint64_t seed = 43;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<event> events;
    for (const std::size_t user : rng.permutation(10))
      for (std::size_t n = rng.below(8); n > 0; --n) events.push_back(any_event_of(user, rng));
    check(events, 12);
  }
}

TEST_CASE("users who come back, at once or late") {
  constexpr std::uint64_t seed = 44;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<event> events;
    for (std::size_t n = rng.below(30); n > 0; --n) {
      const std::size_t user = rng.below(6);
      for (std::size_t run = 1 + rng.below(4); run > 0; --run) events.push_back(any_event_of(user, rng));
    }
    check(events, 6);
  }
}

TEST_CASE("a log of several blocks") {
  constexpr std::uint64_t seed = 45;
  INFO("seed " << seed);
  random_stream rng(seed);
  std::vector<event> events;
  for (std::size_t i = 0; i < 150'000; ++i) events.push_back(any_event_of(rng.below(50), rng));
  check(events, 51);
}
