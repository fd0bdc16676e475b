// The distance of a list from a history, by hand and against its sums.
#include <recllm/measure/history_distance.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

using items = std::vector<int>;

TEST_CASE("mean and nearest distance by hand") {
  const auto gap = [](int a, int b) { return std::abs(a - b); };
  CHECK(list_history_distance(items{1, 5}, items{2, 8}, gap) == Approx((1 + 7 + 3 + 3) / 4.0));
  CHECK(list_history_distance(items{1, 5}, items{2, 8}, gap, history_linkage::nearest) ==
        Approx((1 + 3) / 2.0));
  CHECK(list_history_distance(items{4}, items{4}, gap) == 0.0);
  CHECK(list_history_distance(items{4}, items{4, 9}, gap, history_linkage::nearest) == 0.0);
  CHECK(list_history_distance(items{}, items{4}, gap) == 0.0);
  CHECK(list_history_distance(items{4}, items{}, gap) == 0.0);
  CHECK(list_history_distance(items{}, items{}, gap, history_linkage::nearest) == 0.0);
}

TEST_CASE("the distance of random lists is the mean over pairs, the nearest never more") {
  constexpr std::uint64_t seed = 52;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 100; ++trial) {
    items list(1 + rng.below(6)), history(1 + rng.below(6));
    for (int& item : list) item = static_cast<int>(rng.below(50));
    for (int& item : history) item = static_cast<int>(rng.below(50));
    const auto distance = [](int a, int b) {
      return a < b ? 0.5 * (b - a) : 2.0 * (a - b);
    };  // not symmetric
    double sum = 0.0, nearest = 0.0;
    for (const int one : list) {
      std::vector<double> each;
      for (const int past : history) each.push_back(distance(one, past));
      for (const double d : each) sum += d;
      nearest += *std::ranges::min_element(each);
    }
    const auto n = static_cast<double>(list.size()), m = static_cast<double>(history.size());
    CHECK(list_history_distance(list, history, distance) == Approx(sum / (n * m)));
    CHECK(list_history_distance(list, history, distance, history_linkage::nearest) == Approx(nearest / n));
  }
}
