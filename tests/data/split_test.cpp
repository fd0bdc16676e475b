#include <recllm/data/split.hpp>

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

TEST_CASE("leave-one-out takes the last event for the test and the one before for validation") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 3}, {4, 4}}, {{1, 1}, {2, 2}}, {}});
  const data_split split = leave_one_out(data);
  REQUIRE(split.test.size() == 1);
  REQUIRE(split.validation.size() == 1);
  CHECK(split.test[0].target_position == 3);
  CHECK(split.validation[0].target_position == 2);
  CHECK(split.train_end == std::vector<std::size_t>{2, 2, 0});
  CHECK(item_sequence(history_of(data, split.test[0])) == std::vector<std::size_t>{0, 1, 2});
  CHECK(item_sequence(future_of(data, split.validation[0])) == std::vector<std::size_t>{2, 3});
  CHECK(training_sequences(data, split) == std::vector<std::vector<std::size_t>>{{0, 1}, {0, 1}, {}});
  CHECK_NOTHROW(prove_no_leakage(data, split));
}

TEST_CASE("targets that must be strong have every earlier event as history") {
  const dataset data = users_with({{{5, 1}, {1, 2}, {4, 3}, {2, 4}, {5, 5}, {1, 6}}});
  const data_split split = leave_one_out(data, strong);
  REQUIRE(split.test.size() == 1);
  CHECK(split.test[0].target_position == 4);
  CHECK(split.validation[0].target_position == 2);
  CHECK(item_sequence(history_of(data, split.test[0])) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(split.train_end == std::vector<std::size_t>{2});
  CHECK(training_sequences(data, split, strong) == std::vector<std::vector<std::size_t>>{{0}});
}

TEST_CASE("a target without history is no question") {
  const dataset data = users_with({{{5, 1}, {5, 2}}});
  const data_split split = leave_one_out(data, strong, {.min_targets = 2});
  CHECK(split.validation.empty());
  REQUIRE(split.test.size() == 1);
  CHECK(split.test[0].target_position == 1);
  CHECK(split.train_end == std::vector<std::size_t>{0});
  CHECK_THROWS_WITH(
      leave_one_out(data, strong, {.min_targets = 1}),
      "recllm: leave_one_out: min_targets is 1; a validation and a test target need at least 2");
}

TEST_CASE("the temporal split puts an event at the cut into the future") {
  const dataset data =
      users_with({{{5, 1}, {5, 2}, {1, 3}, {4, 4}}, {{5, 1}}, {{5, 8}, {5, 9}}, {{5, 3}, {5, 2}}, {}});
  const data_split any = temporal_split(data, 3);
  CHECK(any.train_end == std::vector<std::size_t>{2, 1, 0, 1, 0});
  REQUIRE(any.test.size() == 2);
  CHECK(any.test[0].target_position == 2);
  CHECK(any.test[1].user == 3);
  CHECK(item_sequence(future_of(data, any.test[1])) == std::vector<std::size_t>{0});
  CHECK(any.validation.empty());
  const data_split liked = temporal_split(data, 3, strong);
  CHECK(liked.test[0].target_position == 3);
  CHECK_NOTHROW(prove_no_leakage(data, liked));
}

TEST_CASE("the time at a share of all events") {
  const dataset data = users_with({{{1, 10}, {1, 30}}, {{1, 20}, {1, 40}}});
  CHECK(time_at_share(data, 0) == 10);
  CHECK(time_at_share(data, 0.5) == 30);  // 10 and 20 lie before
  CHECK(time_at_share(data, 1) == 40);
  CHECK_THROWS_WITH(time_at_share(data, 1.5), "recllm: time_at_share: share is 1.5; expected 0 to 1");
  CHECK_THROWS_WITH(time_at_share(dataset{}, 0.5), "recllm: time_at_share: the data has no events");
}

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
  CHECK_THROWS_WITH(history_of(data, {0, 9}), Contains("history_of: user 'u0' has 4 events"));
  CHECK_THROWS_WITH(future_of(data, {2, 0}), Contains("future_of: there is no user 2"));

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
  CHECK_THROWS_WITH(training_sequences(data, data_split{}),
                    Contains("training_sequences: train_end has 0 entries"));
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
    REQUIRE_NOTHROW(prove_no_leakage(data, temporal_split(data, 3, strong)));
    for (const held_out question : split.test) {
      REQUIRE(strong(future_of(data, question).front()));
      REQUIRE(next_strong_items(future_of(data, question), 9).size() == 1);
    }
  }
}
