// Parts of a dataset by number of events, by rule and by time.
#include <recllm/data/filter.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

dataset small_data() {
  const std::vector<event> events{{0, 2, 5, 30}, {1, 0, 4, 10}, {0, 1, 3, 10}, {0, 0, 4, 30}, {0, 3, 5, 30}};
  return assemble({{"anna", {{"age", "24"}, {"gender", "F"}}}, {"ben", {}}, {"cleo", {}}},
                  {{"a", "A", "1995", {}}, {"b", "B", "1996", {}}, {"c", "C", "", {}}, {"d", "D", "V", {}}},
                  events);
}

}  // namespace

TEST_CASE("users with too few events go, the others are numbered anew") {
  const dataset data = small_data();
  const dataset one = keep_users_with(data, 1);
  REQUIRE(one.users.size() == 2);
  CHECK(one.histories[1][0].user == 1);
  const dataset four = keep_users_with(data, 4);
  REQUIRE(four.users.size() == 1);
  CHECK(four.users[0].id == "anna");
  CHECK(four.items.size() == 4);
  CHECK(keep_users_with(data).users.empty());

  const std::vector<event> later_user{{1, 0, 4, 0}};
  const dataset moved = keep_users_with(assemble({{"u", {}}, {"v", {}}}, {{"i", "", "", {}}}, later_user), 1);
  CHECK(moved.users[0].id == "v");
  CHECK(moved.histories[0][0].user == 0);
}

TEST_CASE("events that break a rule go, users and items stay") {
  const dataset liked = keep_events(small_data(), strong);
  CHECK(item_sequence(std::span(liked.histories[0])) == std::vector<std::size_t>{2, 0, 3});
  CHECK(liked.users.size() == 3);
  CHECK(liked.items.size() == 4);
  CHECK(keep_users_with(liked, 3).users.size() == 1);
}

TEST_CASE("a window of time has its beginning and not its end") {
  const dataset data = keep_events(small_data(), during{.from = 10, .to = 30});
  CHECK(item_sequence(std::span(data.histories[0])) == std::vector<std::size_t>{1});
  CHECK(item_sequence(std::span(data.histories[1])) == std::vector<std::size_t>{0});
  CHECK(keep_events(small_data(), during{.from = 30}).histories[0].size() == 3);
  CHECK(keep_events(small_data(), during{.to = 10}).histories[1].empty());
}

TEST_CASE("nothing is left of no data") {
  CHECK(keep_users_with(dataset{}).users.empty());
  CHECK(keep_events(dataset{}, any_event{}).histories.empty());
}
