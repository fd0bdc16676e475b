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

TEST_CASE("rouge_w prefers runs: the example of Lin 2004, section 3.3") {
  const std::string x = "ABCDEFG", together = "ABCDHIK", apart = "AHBKCID";
  const std::vector<char> target(x.begin(), x.end()), y1(together.begin(), together.end()),
      y2(apart.begin(), apart.end());
  CHECK(rouge_l(y1, target) == Approx(rouge_l(y2, target)));
  CHECK(rouge_w(y1, target, 2.0) == Approx(0.571).margin(5e-4));
  CHECK(rouge_w(y2, target, 2.0) == Approx(0.286).margin(5e-4));
}

TEST_CASE("rouge_w with weight 1 is rouge_l") {
  const items predicted{1, 2, 3, 4}, target{2, 4, 9, 8, 7};
  for (const double beta : {0.5, 1.0, 3.0, std::numeric_limits<double>::infinity()})
    CHECK(rouge_w(predicted, target, 1.0, beta) == Approx(rouge_l(predicted, target, beta)));
  CHECK(rouge_w(items{}, target) == 0.0);
  CHECK(rouge_w(predicted, items{}) == 0.0);
  CHECK(rouge_w(target, target, 1.7) == Approx(1.0));
  CHECK_THROWS_WITH(rouge_w(predicted, target, 0.5),
                    Catch::Matchers::Contains("rouge_w: expected weight >= 1, got 0.5"));
  CHECK_THROWS_WITH(rouge_w(predicted, target, 1.2, 0.0),
                    Catch::Matchers::Contains("rouge_w: expected beta > 0"));
}
