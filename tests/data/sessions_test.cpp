// Sessions by hand and against a count of long pauses.
#include <recllm/data/sessions.hpp>

#include <limits>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

std::vector<event> at_times(const std::vector<std::int64_t>& times) {
  std::vector<event> history;
  for (const std::int64_t time : times) history.push_back({0, history.size(), 1, time});
  return history;
}

}  // namespace

TEST_CASE("a pause longer than the gap begins a session, one as long does not") {
  const std::vector<event> history = at_times({0, 10, 20, 31, 31, 100});
  const auto sessions = sessions_of(history, 10);
  REQUIRE(sessions.size() == 3);
  CHECK(item_sequence(sessions[0]) == std::vector<std::size_t>{0, 1, 2});
  CHECK(item_sequence(sessions[1]) == std::vector<std::size_t>{3, 4});
  CHECK(item_sequence(sessions[2]) == std::vector<std::size_t>{5});
  CHECK(sessions_of(history, 0).size() == 5);
  CHECK(sessions_of(history).size() == 1);
  CHECK(sessions_of({}).empty());
  const std::vector<event> ages =
      at_times({std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()});
  CHECK(sessions_of(ages, std::numeric_limits<std::int64_t>::max()).size() == 2);
  CHECK_THROWS_WITH(sessions_of(history, -1),
                    "recllm: sessions_of: the gap is -1 seconds; expected 0 seconds or more");
}

TEST_CASE("each session becomes a user of its own") {
  const std::vector<event> log{{0, 0, 1, 0}, {0, 1, 1, 5000}, {0, 0, 1, 5001}, {2, 1, 1, 7}};
  const dataset data =
      assemble({{"anna", {{"age", "24"}}}, {"ben", {}}, {"cleo", {}}}, std::vector<item>(2), log);
  const dataset cut = cut_sessions(data);
  REQUIRE(cut.users.size() == 3);
  CHECK(cut.users[0].id == "anna/1");
  CHECK(cut.users[1].id == "anna/2");
  CHECK(cut.users[1].attribute("age") == "24");
  CHECK(cut.users[2].id == "cleo/1");
  CHECK(cut.items.size() == 2);
  CHECK(item_sequence(std::span(cut.histories[1])) == std::vector<std::size_t>{1, 0});
  CHECK(cut.histories[2][0].user == 2);
}

TEST_CASE("random histories: sessions in a row are the history, and as many as long pauses and one") {
  constexpr std::uint64_t seed = 97;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::int64_t> times{0};
    std::size_t pauses = 0;
    for (std::size_t n = rng.below(30); n > 0; --n) {
      const auto pause = static_cast<std::int64_t>(rng.below(8));
      pauses += pause > 4 ? 1 : 0;
      times.push_back(times.back() + pause);
    }
    const std::vector<event> history = at_times(times);
    const auto sessions = sessions_of(history, 4);
    REQUIRE(sessions.size() == pauses + 1);
    std::size_t next = 0;
    for (const auto& session : sessions)
      for (const event& e : session) REQUIRE(e.item == next++);
    REQUIRE(next == history.size());
  }
}
