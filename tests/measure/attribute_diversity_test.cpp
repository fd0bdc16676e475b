// The quick way against its definition: the mean over all pairs of the Jaccard distance.
#include <string>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/attribute_diversity.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

namespace {

template <class Attributes>
double by_pairs(const std::vector<std::size_t>& list, const Attributes& attributes) {
  return intra_list_diversity(list, [&](std::size_t one, std::size_t other) {
    return jaccard_distance(attributes(one), attributes(other));
  });
}

}  // namespace

TEST_CASE("the same bits as all pairs, for numbers and words, few and many") {
  const auto seed = GENERATE(1u, 2u);
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t kinds = 1 + rng.below(trial % 4 == 0 ? 200 : 30), count = 1 + rng.below(60);
    std::vector<std::vector<int>> numbers(count);
    std::vector<std::vector<std::string>> words(count);
    for (std::size_t item = 0; item < count; ++item)
      for (std::size_t left = rng.below(6); left > 0; --left) {
        const int topic = static_cast<int>(rng.below(kinds)) - 5;
        numbers[item].push_back(topic);
        words[item].push_back("topic " + std::to_string(topic));
      }
    std::vector<std::size_t> list(rng.below(trial % 10 == 0 ? 80 : 20));
    for (std::size_t& item : list) item = rng.below(count);
    INFO("trial " << trial << ": " << list.size() << " places, " << kinds << " kinds");
    const auto by_reference = [&](std::size_t item) -> const std::vector<int>& { return numbers[item]; };
    const auto by_value = [&](std::size_t item) { return words[item]; };
    CHECK(attribute_diversity(list, by_reference) == by_pairs(list, by_reference));
    CHECK(attribute_diversity(list, by_value) == by_pairs(list, by_value));
  }
}

TEST_CASE("by hand") {
  const std::vector<std::vector<int>> topics{{1, 2}, {2, 3}, {}, {2, 2, 1}};
  const auto of = [&](std::size_t item) -> const std::vector<int>& { return topics[item]; };
  using items = std::vector<std::size_t>;
  CHECK(attribute_diversity(items{0, 1}, of) == 1.0 - 1.0 / 3.0);
  CHECK(attribute_diversity(items{0, 3}, of) == 0.0);  // repeats count once
  CHECK(attribute_diversity(items{0, 2}, of) == 1.0);
  CHECK(attribute_diversity(items{2, 2}, of) == 0.0);  // nothing is like nothing
  CHECK(attribute_diversity(items{0}, of) == 0.0);
  CHECK(attribute_diversity(items{}, of) == 0.0);
}
