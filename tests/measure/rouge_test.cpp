// ROUGE-L: the paper's own examples, and the F measure's ends.
#include <limits>
#include <string>
#include <vector>

#include <recllm/measure/rouge.hpp>

#include "support/catch.hpp"

using namespace recllm::measure;
using items = std::vector<int>;
using words = std::vector<std::string>;

TEST_CASE("the sentences of Lin 2004, section 3.1") {
  const words reference{"police", "killed", "the", "gunman"};
  CHECK(rouge_l(words{"police", "kill", "the", "gunman"}, reference) == Approx(0.75));
  CHECK(rouge_l(words{"the", "gunman", "kill", "police"}, reference) == Approx(0.5));
  CHECK(rouge_l(words{"the", "gunman", "police", "killed"}, reference) == Approx(0.5));
}

TEST_CASE("beta weighs recall against precision") {
  const items predicted{1, 2, 3, 4}, target{2, 4, 9, 8, 7};  // LCS 2: P = 1/2, R = 2/5
  CHECK(rouge_l(predicted, target) == Approx(2.0 * 0.5 * 0.4 / 0.9));
  CHECK(rouge_l(predicted, target, 2.0) == Approx(5.0 * 0.5 * 0.4 / (0.4 + 4.0 * 0.5)));
  CHECK(rouge_l(predicted, target, 1e-6) == Approx(0.5));
  CHECK(rouge_l(predicted, target, 1e6) == Approx(0.4));
  CHECK(rouge_l(predicted, target, std::numeric_limits<double>::infinity()) == Approx(0.4));
  for (const double beta : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(rouge_l(predicted, target, beta),
                      Catch::Matchers::Contains("recllm: rouge_l: expected beta > 0, got "));
}

TEST_CASE("equal lists are worth 1, empty and foreign ones 0") {
  CHECK(rouge_l(items{1, 2, 3}, items{1, 2, 3}) == 1.0);
  CHECK(rouge_l(items{5}, items{5}, 3.0) == Approx(1.0));
  CHECK(rouge_l(items{}, items{1}) == 0.0);
  CHECK(rouge_l(items{1}, items{}) == 0.0);
  CHECK(rouge_l(items{}, items{}) == 0.0);
  CHECK(rouge_l(items{1, 2}, items{3}) == 0.0);
}
