// What leaks is found, and what does not leak passes.
#include <recllm/data/leakage.hpp>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

/// One user a list of (rating, time); item numbers are positions.
dataset users_with(const std::vector<std::vector<std::pair<double, std::int64_t>>>& ratings) {
  std::vector<user> users;
  std::vector<event> events;
  for (const auto& one : ratings) {
    for (std::size_t i = 0; i < one.size(); ++i)
      events.push_back({users.size(), i, one[i].first, one[i].second});
    users.push_back({"u" + std::to_string(users.size()), {}});
  }
  return assemble(users, std::vector<item>(20), events);
}

}  // namespace

TEST_CASE("leakage is named by user and position") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 3}, {4, 4}}});
  const auto prove = [&](const shown_positions& shown) { prove_no_leakage(data, std::span(&shown, 1)); };
  CHECK_NOTHROW(prove({0, 2, {0, 1}}));
  CHECK_NOTHROW(prove({0, 0, {}}));
  CHECK_THROWS_WITH(
      prove({0, 2, {0, 2}}),
      "recllm: prove_no_leakage: user 'u0': the prompt shows position 2, which is not earlier than its "
      "target at position 2; show only events before the target");
  CHECK_THROWS_WITH(prove({0, 2, {3}}), Contains("shows position 3"));
  CHECK_THROWS_WITH(prove({0, 4, {}}), Contains("user 'u0' has 4 events, so no target at position 4"));
  CHECK_THROWS_WITH(prove({1, 0, {}}),
                    "recllm: prove_no_leakage: there is no user 1 among 1, numbered from 0");

  dataset disordered = data;
  std::swap(disordered.histories[0][0], disordered.histories[0][3]);
  CHECK_THROWS_WITH(prove_no_leakage(disordered, leave_one_out(disordered)), Contains("shows position 0"));
}

TEST_CASE("a split that leaks is refused") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 3}, {4, 4}}});
  const auto refused = [&](data_split split, const char* why) {
    CHECK_THROWS_WITH(prove_no_leakage(data, split), Contains(why));
  };
  refused({{4}, {}, {{0, 3}}},
          "the test target at position 3 is training data, which ends before position 4");
  refused({{3}, {{0, 2}}, {{0, 3}}}, "the validation target at position 2 is training data");
  refused({{2}, {{0, 3}}, {{0, 3}}},
          "the validation target at position 3 is not before the test target at position 3");
  refused({{5}, {}, {}}, "user 'u0' has 4 events, but train_end 5; was the split made of other data?");
  refused({{}, {}, {}}, "train_end has 0 entries for 1 users");
}

TEST_CASE("random data never leaks, whatever the ties and the rule") {
  constexpr std::uint64_t seed = 11;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::vector<std::pair<double, std::int64_t>>> ratings(5);
    for (auto& one : ratings)
      for (std::size_t n = rng.below(12); n > 0; --n)
        one.emplace_back(static_cast<double>(1 + rng.below(5)), static_cast<std::int64_t>(rng.below(6)));
    const dataset data = users_with(ratings);
    const data_split split = leave_one_out(data, strong);
    REQUIRE_NOTHROW(prove_no_leakage(data, split));
    REQUIRE_NOTHROW(prove_no_leakage(data, temporal_split(data, 3, strong), 3));
    REQUIRE_NOTHROW(prove_no_leakage(data, temporal_split(data, {.validation = 2, .test = 4}, strong), 2));
    for (const held_out question : split.validation)
      REQUIRE_NOTHROW(prove_no_leakage(data, question, history_of(data, question)));
    for (const held_out question : split.test) {
      REQUIRE(strong(future_of(data, question).front()));
      REQUIRE(next_strong_items(future_of(data, question), 9).size() == 1);
    }
  }
}

TEST_CASE("the events that a prompt shows are looked up among those before its target") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 2}, {4, 2}, {5, 3}}, {{1, 1}}});
  const std::span<const event> history(data.histories[0]);
  const held_out question{0, 3};
  CHECK_NOTHROW(prove_no_leakage(data, question, history.first(3)));
  CHECK_NOTHROW(prove_no_leakage(data, question, history.subspan(1, 2)));
  CHECK_NOTHROW(prove_no_leakage(data, question, {}));
  const std::vector<event> copies{history[2], history[0]};
  CHECK_NOTHROW(prove_no_leakage(data, question, copies));
  CHECK_THROWS_WITH(
      prove_no_leakage(data, question, history),
      "recllm: prove_no_leakage: user 'u0': the prompt shows as event 3 of 5 item 3 at time 2, which "
      "is none of the 3 events before its target; show only those");
  CHECK_THROWS_WITH(prove_no_leakage(data, question, history.last(1)),
                    Contains("event 0 of 1 item 4 at time 3"));
  CHECK_THROWS_WITH(prove_no_leakage(data, question, data.histories[1]), Contains("event 0 of 1 item 0"));
}

TEST_CASE("one cut in time for all") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 3}, {4, 4}}, {{1, 3}, {2, 5}, {3, 6}}});
  CHECK_NOTHROW(prove_no_leakage(data.histories[0], 5));
  CHECK_THROWS_WITH(
      prove_no_leakage(data.histories[1], 5),
      "recllm: prove_no_leakage: the prompt of user 1 shows as event 1 of 3 item 1 at time 5, which is "
      "not before the cut at 5; show only events before the cut");
  CHECK_NOTHROW(prove_no_leakage(data, temporal_split(data, 4), 4));
  // Leave-one-out trains on one user's event that is later than the target of another.
  CHECK_THROWS_WITH(
      prove_no_leakage(data, leave_one_out(data), 3),
      "recllm: prove_no_leakage: user 'u1': position 0 is training data at time 3, which is not before "
      "the cut at 3");
  CHECK_THROWS_WITH(
      prove_no_leakage(data, leave_one_out(data), 4),
      "recllm: prove_no_leakage: user 'u0': the target at position 2 is at time 3, before the cut at 4");
}
