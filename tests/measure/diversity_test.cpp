// Diversity measures by hand and against set algebra.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/diversity.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using items = std::vector<int>;

TEST_CASE("Jaccard distances by hand") {
  using topics = std::vector<std::string>;
  CHECK(jaccard_distance(topics{"drama", "war"}, topics{"war", "comedy"}) == Approx(2.0 / 3.0));
  CHECK(jaccard_distance(topics{"drama"}, topics{"drama"}) == 0.0);
  CHECK(jaccard_distance(topics{"drama"}, topics{"war"}) == 1.0);
  CHECK(jaccard_distance(topics{"drama"}, topics{}) == 1.0);
  CHECK(jaccard_distance(topics{}, topics{}) == 0.0);
  CHECK(jaccard_distance(topics{"war", "war"}, topics{"war"}) == 0.0);
}

TEST_CASE("Jaccard distance is that of std::set") {
  random_stream rng(5);
  INFO("seed 5");
  for (int trial = 0; trial < 300; ++trial) {
    items a(rng.below(8)), b(rng.below(8));
    for (int& i : a) i = static_cast<int>(rng.below(6));
    for (int& i : b) i = static_cast<int>(rng.below(6));
    const std::set<int> one(a.begin(), a.end()), other(b.begin(), b.end());
    items both, all;
    std::ranges::set_intersection(one, other, std::back_inserter(both));
    std::ranges::set_union(one, other, std::back_inserter(all));
    const double expected =
        all.empty() ? 0.0 : 1.0 - static_cast<double>(both.size()) / static_cast<double>(all.size());
    CHECK(jaccard_distance(a, b) == Approx(expected));
    CHECK(jaccard_distance(one, other) == Approx(expected));
    CHECK(jaccard_distance(b, a) == Approx(expected));
  }
}

TEST_CASE("intra-list diversity is the mean over pairs") {
  const auto gap = [](int a, int b) { return std::abs(a - b); };
  CHECK(intra_list_diversity(items{1, 3, 8}, gap) == Approx((2.0 + 7.0 + 5.0) / 3.0));
  CHECK(intra_list_diversity(items{4, 4}, gap) == 0.0);
  CHECK(intra_list_diversity(items{4}, gap) == 0.0);
  CHECK(intra_list_diversity(items{}, gap) == 0.0);
}

TEST_CASE("coverage counts each item once") {
  coverage<int> seen;
  CHECK(seen.share(10) == 0.0);
  seen.add(items{1, 2, 2});
  seen.add(std::set<int>{2, 3});
  seen.add(items{});
  CHECK(seen.distinct() == 3);
  CHECK(seen.share(12) == Approx(0.25));
  CHECK(seen.share(3) == 1.0);
  CHECK_THROWS_WITH(seen.share(2),
                    "recllm: coverage: expected a catalogue of at least 3 items, the different ones that "
                    "were added, got 2");
  CHECK_THROWS_WITH(coverage<int>{}.share(0), Catch::Matchers::Contains("coverage"));
}

TEST_CASE("entropy in nats") {
  // Cover and Thomas, Elements of Information Theory, example 2.1.2: (1/2, 1/4, 1/8, 1/8) has 7/4 bits.
  CHECK(entropy(items{4, 2, 1, 1}) == Approx(1.75 * std::log(2.0)));
  CHECK(entropy(items{5, 5, 5, 0}) == Approx(std::log(3.0)));
  CHECK(entropy(std::vector<double>{0.25}) == 0.0);
  CHECK(entropy(items{0, 0}) == 0.0);
  CHECK(entropy(items{}) == 0.0);
  CHECK_THROWS_WITH(entropy(items{1, -2}), "recllm: entropy: expected counts >= 0, got -2");
  CHECK_THROWS_WITH(entropy(std::vector<double>{std::nan("")}), Catch::Matchers::Contains("entropy"));
}

TEST_CASE("entropy in bits, as evenness and per item reached") {
  CHECK(entropy(items{4, 2, 1, 1}, {.base = 2.0}) == Approx(1.75));
  CHECK(entropy(items{3, 3, 3}, {.scale = entropy_scale::evenness}) == Approx(1.0));
  CHECK(entropy(items{4, 2, 1, 1}, {.scale = entropy_scale::evenness}) == Approx(1.75 / 2.0));
  CHECK(entropy(items{1, 1, 0, 0}, {.scale = entropy_scale::evenness}) == Approx(0.5));
  CHECK(entropy(items{5, 0}, {.scale = entropy_scale::evenness}) == 0.0);
  CHECK(entropy(items{5}, {.scale = entropy_scale::evenness}) == 0.0);
  CHECK(entropy(items{}, {.scale = entropy_scale::per_reached}) == 0.0);
  CHECK(entropy(items{1, 1, 0}, {.scale = entropy_scale::per_reached}) == Approx(std::log(2.0) / 2.0));
  for (const double base : {1.0, 0.5, std::nan("")})
    CHECK_THROWS_WITH(entropy(items{1}, {.base = base}),
                      Catch::Matchers::Contains("recllm: entropy: expected a base > 1, got "));
}

TEST_CASE("topic entropy counts a topic once an item") {
  using topics = std::vector<std::string>;
  const std::vector<topics> of{{"war", "drama"}, {"drama"}, {}, {"comedy", "comedy"}, {"drama"}};
  const auto topics_of = [&](int item) -> const topics& { return of[static_cast<std::size_t>(item)]; };
  CHECK(topic_entropy(items{0, 1, 3, 4}, topics_of) == Approx(entropy(items{1, 3, 1})));
  CHECK(topic_entropy(items{0, 3}, topics_of) == Approx(std::log(3.0)));
  CHECK(topic_entropy(items{0, 3}, topics_of, {.scale = entropy_scale::evenness}) == Approx(1.0));
  CHECK(topic_entropy(items{1, 4}, topics_of) == 0.0);  // one topic
  CHECK(topic_entropy(items{1, 1, 3, 3}, topics_of, {.base = 2.0}) == Approx(1.0));
  CHECK(topic_entropy(items{2}, topics_of) == 0.0);
  CHECK(topic_entropy(items{}, topics_of) == 0.0);
  const auto parity = [](int item) { return std::vector<int>{item % 2}; };  // by value
  CHECK(topic_entropy(items{1, 2, 3, 4}, parity) == Approx(std::log(2.0)));
}
