// Penalties by hand, at the edges, and within [0, 1] on random lists.
#include <unordered_set>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;
using items = std::vector<int>;

namespace {

struct sample {
  std::unordered_set<int> pool;
  items history;
  std::size_t count;
};

const sample user{.pool = {1, 2, 3, 4}, .history = {4, 5}, .count = 4};

template <class Goal>
double value(const Goal& goal, const items& list) {
  return reward::evaluate(goal, user, list);
}

}  // namespace

TEST_CASE("shares of places by hand") {
  CHECK(value(reward::repeats(), {7, 7, 8, 7}) == 0.5);
  CHECK(value(reward::repeats(), {1, 2}) == 0.0);
  CHECK(value(reward::out_of_pool(&sample::pool), {1, 9, 9, 4}) == 0.5);
  CHECK(value(reward::seen(&sample::history), {4, 5, 1, 4}) == 0.75);
}

TEST_CASE("wrong_count is the relative deviation, at most 1") {
  CHECK(value(reward::wrong_count(4), {1, 2, 3, 4}) == 0.0);
  CHECK(value(reward::wrong_count(4), {1}) == 0.75);
  CHECK(value(reward::wrong_count(2), {1, 2, 3}) == 0.5);
  CHECK(value(reward::wrong_count(1), {1, 2, 3}) == 1.0);
  CHECK(value(reward::wrong_count(&sample::count), {1, 2, 3}) == 0.25);
  CHECK(value(reward::wrong_count(0), {}) == 0.0);
  CHECK(value(reward::wrong_count(0), {1}) == 1.0);
  CHECK(value(reward::wrong_count(3), {}) == 1.0);
}

TEST_CASE("an empty list costs nothing but its count") {
  CHECK(value(reward::repeats(), {}) == 0.0);
  CHECK(value(reward::out_of_pool(&sample::pool), {}) == 0.0);
  CHECK(value(reward::seen(&sample::history), {}) == 0.0);
}

TEST_CASE("penalties stay in [0, 1], and repeats and diversity add up to 1") {
  random_stream rng(51);
  INFO("seed 51");
  for (int trial = 0; trial < 200; ++trial) {
    items list(1 + rng.below(8));
    for (int& item : list) item = static_cast<int>(rng.below(8));
    CHECK(value(reward::repeats() + reward::diversity(), list) == Approx(1.0));
    const auto in_range = [](double penalty) { return penalty >= 0.0 && penalty <= 1.0; };
    CHECK(in_range(value(reward::repeats(), list)));
    CHECK(in_range(value(reward::out_of_pool(&sample::pool), list)));
    CHECK(in_range(value(reward::seen(&sample::history), list)));
    CHECK(in_range(value(reward::wrong_count(3), list)));
  }
}
