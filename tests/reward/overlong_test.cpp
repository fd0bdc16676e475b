// The overlong penalty as a reward: DAPO's example by hand, and whose length it reads.
#include <recllm/reward/overlong.hpp>

#include <string>
#include <vector>

#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("overlong falls from the buffer's start to -factor at the limit") {
  const auto goal = 1.0 + 0.5 * reward::overlong({.max_length = 10, .buffer = 4});
  const auto value = [&](std::size_t length) { return reward::evaluate(goal, 0, std::vector<int>(length)); };
  CHECK(value(6) == 1.0);
  CHECK(value(7) == Approx(1.0 - 0.5 * 0.25));
  CHECK(value(10) == 0.5);
  CHECK(value(50) == 0.5);
}

TEST_CASE("a buffer longer than the limit is refused when the reward is made") {
  CHECK_THROWS_WITH(reward::overlong({.max_length = 4, .buffer = 9}),
                    Catch::Matchers::Contains("the buffer is 9 tokens, longer than max_length = 4"));
}

TEST_CASE("overlong reads tokens, the completion itself, or what it is told") {
  struct answer {
    std::vector<int> tokens;
    std::string text;
  };
  const overlong_options how{.max_length = 3};
  const answer long_text{{1, 2}, "much text"};
  CHECK(reward::evaluate(reward::overlong(how), 0, long_text) == 0.0);
  CHECK(reward::evaluate(reward::overlong(how, [](const answer& a) { return a.text.size(); }), 0,
                         long_text) == -1.0);
  CHECK(reward::evaluate(reward::overlong(how), 0, std::vector<int>(4)) == -1.0);
}
