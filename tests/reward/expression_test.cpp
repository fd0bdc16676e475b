// What may be a reward, how it is evaluated, and what the recorder hears.
#include <cmath>
#include <limits>

#include <recllm/reward/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct answer {
  int count = 0;
  bool well_formed = false;
};

int difference(const int& prompt, const answer& a) { return a.count - prompt; }

// A leaf written by hand.
struct excess : reward::expression<excess> {
  std::string_view name = "excess";
  int limit;
  constexpr explicit excess(int limit_) : limit(limit_) {}
  constexpr int operator()(int, const answer& a) const { return a.count - limit; }
};
static_assert(reward::Expression<excess> && reward::Expression<reward::constant> && !reward::Expression<int>);

}  // namespace

TEST_CASE("any function is a reward") {
  CHECK(reward::evaluate(difference, 2, answer{5}) == 3.0);
  CHECK(reward::evaluate(&answer::well_formed, 2, answer{5, true}) == 1.0);
  CHECK(reward::evaluate([](const answer& a) { return a.count > 1 ? 2.5f : 0.0f; }, 0, answer{5}) == 2.5);
  CHECK(reward::evaluate([](int p, const answer&) { return p; }, 7, answer{}) == 7.0);
  // Where both forms fit, the prompt is passed.
  CHECK(reward::evaluate([](auto... arguments) { return sizeof...(arguments); }, 7, answer{}) == 2.0);
  CHECK(std::isnan(reward::evaluate([](const answer&) { return std::nan(""); }, 0, answer{})));
}

TEST_CASE("rewards are constant expressions where their parts are") {
  constexpr auto goal = 2.0 * reward::term("count", &answer::count) - excess(4);
  static_assert(reward::evaluate(goal, 0, answer{5}) == 9.0);
}

TEST_CASE("a bare function reports nothing, a named leaf once each time it is evaluated") {
  CHECK(reported(difference, 2, answer{5}).empty());
  CHECK(reported(reward::term("difference", difference), 2, answer{5}) == entries{{"difference", 3.0}});
  CHECK(reported(excess(4), 2, answer{5}) == entries{{"excess", 1.0}});
  CHECK(reported(reward::constant(2.0), 2, answer{5}).empty());
  const auto leaf = reward::term("count", &answer::count);
  CHECK(reported(leaf * leaf, 2, answer{5}) == entries{{"count", 5.0}, {"count", 5.0}});
}

TEST_CASE("a recorder is a function and a context, or borrows a variable") {
  double sum = 0.0;
  const auto add = [](void* total, std::string_view, double value) { *static_cast<double*>(total) += value; };
  reward::evaluate(excess(1), 0, answer{5}, reward::recorder(add, &sum));
  CHECK(sum == 4.0);
  const auto silent = [&sum](std::string_view, double value) {
    sum -= value;
  };  // const sinks are borrowed too
  reward::evaluate(excess(1), 0, answer{5}, silent);
  CHECK(sum == 0.0);
  reward::recorder{}("nobody listens", std::numeric_limits<double>::infinity());
}
