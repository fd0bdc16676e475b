// TF-IDF and its cosine: by hand, and over whole vectors.
#include <recllm/text/tf_idf.hpp>

#include <cmath>
#include <map>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

TEST_CASE("two texts with one word of two in common, by hand") {
  const std::vector<std::string> texts{"red nail polish", "Red lip-stick", "shampoo"};
  const tf_idf likeness(texts);
  const double common = std::log(4.0 / 3.0) + 1.0, rare = std::log(4.0 / 2.0) + 1.0;
  const double expected =
      common * common / (common * common + 2.0 * rare * rare);  // both have two rare words beside it
  CHECK(likeness.size() == 3);
  CHECK(likeness.cosine(0, 1) == Approx(expected));
  CHECK(likeness.cosine(1, 0) == Approx(expected));
  CHECK(likeness.cosine(0, 0) == Approx(1.0));
  CHECK(likeness.cosine(0, 2) == 0.0);
}

TEST_CASE("words are of two letters or more, and punctuation ends them") {
  const std::vector<std::string> texts{"A 15-color set, UTF-8: caf\xc3\xa9",
                                       "15 color a set utf 8 caf\xc3\xa9", "a - b", ""};
  const tf_idf likeness(texts);
  CHECK(likeness.cosine(0, 1) == Approx(1.0));
  CHECK(likeness.cosine(2, 2) == 0.0);
  CHECK(likeness.cosine(0, 3) == 0.0);
  CHECK_THROWS_WITH(likeness.cosine(0, 4), Contains("cosine of texts 0 and 4; there are 4"));
}

TEST_CASE("the cosine is that of whole vectors") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    random_stream rng(seed);
    const std::size_t count = 2 + rng.below(6), vocabulary = 1 + rng.below(8);
    std::vector<std::string> texts(count);
    std::vector<std::map<std::size_t, double>> counts(count);
    for (std::size_t t = 0; t < count; ++t)
      for (std::size_t i = rng.below(12); i > 0; --i) {
        const std::size_t word = rng.below(vocabulary);
        texts[t] += "w" + std::to_string(word) + " ";
        ++counts[t][word];
      }
    const auto weight = [&](std::size_t text, std::size_t word) {
      double with = 0.0;
      for (const auto& one : counts) with += one.contains(word) ? 1.0 : 0.0;
      return counts[text].contains(word)
                 ? counts[text].at(word) * (std::log((1.0 + static_cast<double>(count)) / (1.0 + with)) + 1.0)
                 : 0.0;
    };
    const tf_idf likeness(texts);
    for (std::size_t a = 0; a < count; ++a)
      for (std::size_t b = 0; b < count; ++b) {
        double dot = 0.0, of_a = 0.0, of_b = 0.0;
        for (std::size_t word = 0; word < vocabulary; ++word) {
          dot += weight(a, word) * weight(b, word);
          of_a += weight(a, word) * weight(a, word);
          of_b += weight(b, word) * weight(b, word);
        }
        const double expected = of_a * of_b > 0.0 ? dot / std::sqrt(of_a * of_b) : 0.0;
        CHECK(likeness.cosine(a, b) == Approx(expected).margin(1e-12));
      }
  }
}
