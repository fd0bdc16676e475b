// when().otherwise(): what it takes, which side it evaluates and what it reports.
#include <recllm/reward/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct answer {
  int count = 0;
  bool well_formed = false;
};
constexpr reward::term counted("count", &answer::count);
constexpr reward::term fallback("fallback", [](const answer&) { return -2.0; });
constexpr auto several = [](const answer& a) { return a.count > 1; };

}  // namespace

TEST_CASE("the test chooses the side, and only that side is evaluated") {
  constexpr auto goal = when(several, 2.0 * counted).otherwise(fallback);
  static_assert(reward::evaluate(goal, 0, answer{3}) == 6.0);
  static_assert(reward::evaluate(goal, 0, answer{1}) == -2.0);
  CHECK(reported(goal, 0, answer{3}) == entries{{"gate", 1.0}, {"count", 3.0}});
  CHECK(reported(goal, 0, answer{1}) == entries{{"gate", 0.0}, {"fallback", -2.0}});
}

TEST_CASE("without otherwise a failed test is worth 0") {
  CHECK(reward::evaluate(when(several, counted), 0, answer{1}) == 0.0);
  CHECK(reward::evaluate(when(several, counted), 0, answer{2}) == 2.0);
}

TEST_CASE("both sides may be numbers") {
  const auto goal = when(several, 1).otherwise(-0.5f);
  CHECK(reward::evaluate(goal, 0, answer{2}) == 1.0);
  CHECK(reward::evaluate(goal, 0, answer{0}) == -0.5);
}

TEST_CASE("tests: of the prompt and the completion, a member, an expression") {
  const auto enough = [](int wanted, const answer& a) { return a.count >= wanted; };
  CHECK(reward::evaluate(when(enough, 1.0), 3, answer{3}) == 1.0);
  CHECK(reward::evaluate(when(enough, 1.0), 4, answer{3}) == 0.0);
  CHECK(reward::evaluate(when(&answer::well_formed, 1.0), 0, answer{0, true}) == 1.0);

  const reward::term tidy("tidy", &answer::well_formed);
  CHECK(reported(when(tidy, counted), 0, answer{3, true}) == entries{{"tidy", 1.0}, {"count", 3.0}});
  CHECK(reported(when(tidy, counted), 0, answer{3}) == entries{{"tidy", 0.0}});
  const auto both = when(tidy * reward::term("several", several), 1.0).otherwise(-1.0);  // "and"
  CHECK(reward::evaluate(both, 0, answer{3, true}) == 1.0);
  CHECK(reward::evaluate(both, 0, answer{1, true}) == -1.0);
  CHECK(reward::evaluate(when(1 - tidy, 1.0), 0, answer{1, true}) == 0.0);  // "not"
}

TEST_CASE("gates nest and compose") {
  const auto inner = when(several, counted).otherwise(0.5);
  const auto goal = 1.0 + when(&answer::well_formed, inner).otherwise(-inner);
  CHECK(reward::evaluate(goal, 0, answer{4, true}) == 5.0);
  CHECK(reward::evaluate(goal, 0, answer{4, false}) == -3.0);
  CHECK(reward::evaluate(goal, 0, answer{0, false}) == 0.5);
  CHECK(reported(goal.named("all"), 0, answer{4, false}) ==
        entries{{"gate", 0.0}, {"gate", 1.0}, {"count", 4.0}, {"all", -3.0}});
}
