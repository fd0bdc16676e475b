// The longest common subsequence against every subset of the predicted places, and published examples.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/lcs.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

namespace {

using items = std::vector<int>;

items random_items(random_stream& rng, std::size_t length, std::size_t kinds) {
  items list(length);
  for (int& item : list) item = static_cast<int>(rng.below(kinds));
  return list;
}

// Every subset of the predicted places that reads as a subsequence of the target; the dearest one's weight.
template <class Weight>
double dearest_subset(const items& predicted, const items& target, const Weight& weight) {
  double best = 0.0;
  for (std::size_t subset = 0; subset < (std::size_t{1} << predicted.size()); ++subset) {
    double value = 0.0;
    std::size_t at = 0;
    bool common = true;
    for (std::size_t place = 0; common && place < predicted.size(); ++place) {
      if (((subset >> place) & 1) == 0) continue;
      while (at < target.size() && target[at] != predicted[place]) ++at;
      common = at++ < target.size();
      value += weight(place + 1);
    }
    if (common && value > best) best = value;
  }
  return best;
}

// The textbook table.
template <class A, class B, class Weight>
double by_the_table(const A& predicted, const B& target, const Weight& weight) {
  std::vector<std::vector<double>> value(predicted.size() + 1, std::vector<double>(target.size() + 1, 0.0));
  for (std::size_t i = 1; i <= predicted.size(); ++i)
    for (std::size_t j = 1; j <= target.size(); ++j)
      value[i][j] =
          std::max({value[i - 1][j], value[i][j - 1],
                    same_item(predicted[i - 1], target[j - 1]) ? value[i - 1][j - 1] + weight(i) : 0.0});
  return value.back().back();
}

// Equal only to itself; has no hash.
struct opaque {
  int id;
  friend bool operator==(const opaque&, const opaque&) = default;
};

std::vector<char> letters(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("weighted LCS equals the best of all common subsequences") {
  const auto seed = GENERATE(1u, 2u);
  INFO("seed " << seed);
  random_stream rng(seed);
  const auto rising = [](std::size_t rank) { return static_cast<double>(rank * rank); };
  for (int trial = 0; trial < 1000; ++trial) {
    const std::size_t kinds = 2 + rng.below(9);
    const items predicted = random_items(rng, rng.below(9), kinds);
    // Some targets are longer than the stack buffer.
    const items target = random_items(rng, trial % 20 == 0 ? 60 + rng.below(10) : rng.below(9),
                                      kinds * (trial % 20 == 0 ? 30 : 1));
    INFO("trial " << trial);
    CHECK(weighted_lcs(predicted, target) == Approx(dearest_subset(predicted, target, log2_discount{})));
    CHECK(weighted_lcs(predicted, target, rising) == Approx(dearest_subset(predicted, target, rising)));
    CHECK(static_cast<double>(lcs_length(predicted, target)) ==
          dearest_subset(predicted, target, uniform_weight{}));
    CHECK(lcs_length(predicted, target) == lcs_length(target, predicted));
    const double share = position_weighted_lcs(predicted, target);
    CHECK(share >= 0.0);
    CHECK(share <= 1.0 + 1e-12);
  }
}

TEST_CASE("lists of any length, of few and of many kinds, of any type, equal the textbook table") {
  const auto seed = GENERATE(3u, 4u);
  INFO("seed " << seed);
  random_stream rng(seed);
  const auto uneven = [](std::size_t rank) { return static_cast<double>(rank * 7919 % 13); };
  for (int trial = 0; trial < 150; ++trial) {
    const std::size_t longest = trial % 10 == 0 ? 300 : 80, kinds = 1 + rng.below(2 * longest);
    items predicted = random_items(rng, rng.below(longest), kinds);
    items target = random_items(rng, rng.below(longest), kinds);
    if (trial % 5 == 0) {  // distinct items, some in both
      const auto some = [&](std::size_t count) {
        const std::vector<std::size_t> order = rng.permutation(2 * longest);
        return items(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
      };
      predicted = some(predicted.size());
      target = some(target.size());
    }
    INFO("trial " << trial << ": " << predicted.size() << " and " << target.size() << " of " << kinds);
    const double length = by_the_table(predicted, target, uniform_weight{});
    CHECK(static_cast<double>(lcs_length(predicted, target)) == length);
    CHECK(weighted_lcs(predicted, target) == Approx(by_the_table(predicted, target, log2_discount{})));
    CHECK(weighted_lcs(predicted, target, uneven) == Approx(by_the_table(predicted, target, uneven)));

    std::vector<std::string> words;
    std::vector<std::string_view> views;
    std::vector<opaque> things;
    std::vector<long long> wide;
    for (const int item : predicted) {
      words.push_back("item " + std::to_string(item));
      things.push_back({item});
      wide.push_back(item % 2 == 0 ? item : -item);
    }
    std::vector<std::string> target_words;
    std::vector<opaque> target_things;
    std::vector<unsigned> target_wide;
    for (const int item : target) {
      target_words.push_back("item " + std::to_string(item));
      target_things.push_back({item});
      target_wide.push_back(static_cast<unsigned>(item % 2 == 0 ? item : -item));
    }
    for (const std::string& word : words) views.push_back(word);
    CHECK(static_cast<double>(lcs_length(views, target_words)) == length);
    CHECK(static_cast<double>(lcs_length(things, target_things)) == length);
    CHECK(static_cast<double>(lcs_length(wide, target_wide)) ==
          by_the_table(wide, target_wide, uniform_weight{}));
  }
}

TEST_CASE("published lengths") {
  CHECK(lcs_length(letters("ABCBDAB"), letters("BDCABA")) == 4);  // Cormen et al., Introduction to Algorithms
  CHECK(lcs_length(letters("XMJYAUZ"), letters("MZJAWXU")) == 4);  // Wikipedia, "Longest common subsequence"
}

TEST_CASE("values by hand") {
  const double second = 1.0 / std::log2(3.0), third = 0.5;
  const double all = 1.0 + second + third;
  CHECK(position_weighted_lcs(items{1, 2, 3}, items{1, 2, 3}) == Approx(1.0));
  CHECK(position_weighted_lcs(items{9, 1, 2}, items{1, 2, 3}) == Approx((second + third) / all));
  CHECK(position_weighted_lcs(items{3, 2, 1}, items{1, 2, 3}) ==
        Approx(1.0 / all));  // the earliest of the three
  CHECK(position_weighted_lcs(items{2, 1}, items{1, 2, 3}) == Approx(1.0 / (1.0 + second)));
  CHECK(position_weighted_lcs(items{1}, items{1, 2, 3}) == Approx(1.0));  // all that one place can get
  CHECK(position_weighted_lcs(items{1, 1, 1}, items{1}) == Approx(1.0));  // repeats gain nothing
  CHECK(position_weighted_lcs(items{3, 1, 2}, items{1, 2, 3}, uniform_weight{}) == Approx(2.0 / 3.0));
  CHECK(position_weighted_lcs(std::vector<std::size_t>{1, 2}, items{1, 2}) ==
        Approx(1.0));  // item types may differ
}

TEST_CASE("an empty list, no common item and a weight of 0 are worth 0") {
  CHECK(position_weighted_lcs(items{}, items{1}) == 0.0);
  CHECK(position_weighted_lcs(items{1}, items{}) == 0.0);
  CHECK(position_weighted_lcs(items{}, items{}) == 0.0);
  CHECK(position_weighted_lcs(items{1, 2}, items{3, 4}) == 0.0);
  CHECK(position_weighted_lcs(items{1}, items{1}, [](std::size_t) { return 0.0; }) == 0.0);
  CHECK(lcs_length(items{}, items{}) == 0);
}

TEST_CASE("long lists leave the stack buffer and the table of discounts") {
  items list(500);
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int>(i);
  CHECK(position_weighted_lcs(list, list) == Approx(1.0));
  CHECK(lcs_length(list, list) == 500);
  for (const std::size_t rank : {1u, 2u, 63u, 64u, 65u, 1000u})
    CHECK(log2_discount{}(rank) == Approx(1.0 / std::log2(static_cast<double>(rank) + 1.0)).epsilon(1e-15));
}

TEST_CASE("totals of weights are sums over the ranks") {
  for (const std::size_t count : {0u, 1u, 64u, 65u, 66u, 300u}) {
    double sum = 0.0;
    for (std::size_t rank = 1; rank <= count; ++rank) sum += log2_discount{}(rank);
    CHECK(log2_discount{}.total(count) == Approx(sum));
    CHECK(uniform_weight{}.total(count) == static_cast<double>(count));
  }
}

TEST_CASE("plain LCS is a constant expression") {
  constexpr int a[] = {1, 2, 3}, b[] = {2, 3, 4};
  static_assert(lcs_length(a, b) == 2);
  constexpr auto many = [] {
    std::array<int, 70> items{};
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int>(i);
    return items;
  }();
  static_assert(lcs_length(many, many) == 70);
  static_assert(position_weighted_lcs(a, b, uniform_weight{}) == 2.0 / 3.0);
}
