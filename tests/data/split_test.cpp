#include <recllm/data/split.hpp>

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
}

TEST_CASE("the time at a share of all events") {
  const dataset data = users_with({{{1, 10}, {1, 30}}, {{1, 20}, {1, 40}}});
  CHECK(time_at_share(data, 0) == 10);
  CHECK(time_at_share(data, 0.5) == 30);  // 10 and 20 lie before
  CHECK(time_at_share(data, 1) == 40);
  CHECK_THROWS_WITH(time_at_share(data, 1.5), "recllm: time_at_share: share is 1.5; expected 0 to 1");
  CHECK_THROWS_WITH(time_at_share(dataset{}, 0.5), "recllm: time_at_share: the data has no events");
}

TEST_CASE("the temporal split with two windows asks once in each") {
  const dataset data = users_with({{{5, 1}, {1, 3}, {4, 4}, {5, 5}, {4, 7}, {5, 9}},
                                   {{5, 4}, {5, 6}},
                                   {{5, 1}, {5, 9}},
                                   {{5, 1}, {5, 2}},
                                   {}});
  const data_split split = temporal_split(data, {.validation = 3, .test = 5, .end = 9}, strong);
  CHECK(split.train_end == std::vector<std::size_t>{1, 0, 1, 2, 0});
  REQUIRE(split.validation.size() == 1);
  CHECK(split.validation[0].user == 0);
  CHECK(split.validation[0].target_position == 2);
  REQUIRE(split.test.size() == 2);
  CHECK(split.test[0].target_position == 3);
  CHECK(split.test[1].user == 1);
  CHECK(split.test[1].target_position == 1);
  CHECK(item_sequence(history_of(data, split.test[0])) == std::vector<std::size_t>{0, 1, 2});
  CHECK_THROWS_WITH(
      temporal_split(data, {.validation = 5, .test = 3}),
      "recllm: temporal_split: the times are 5, 3, 9223372036854775807; expected validation <= test <= end");
}

TEST_CASE("a question that the data do not hold") {
  const dataset data = users_with({{{1, 1}, {2, 2}, {3, 3}, {4, 4}}});
  CHECK_THROWS_WITH(history_of(data, {0, 9}), Contains("history_of: user 'u0' has 4 events"));
  CHECK_THROWS_WITH(future_of(data, {2, 0}), Contains("future_of: there is no user 2"));
  CHECK_THROWS_WITH(training_sequences(data, data_split{}),
                    Contains("training_sequences: train_end has 0 entries"));
}
