// The range of steps against what its documentation promises, counted step by step.
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include <recllm/train/step_range.hpp>

#include "support/catch.hpp"

using namespace recllm;

static_assert(std::ranges::input_range<step_range<int>>);
static_assert(std::ranges::viewable_range<step_range<int>> && std::ranges::viewable_range<step_range<int>&>);

namespace {

struct counted {
  std::vector<std::ptrdiff_t> ran;
  step_range<std::ptrdiff_t> steps(std::ptrdiff_t first, std::ptrdiff_t last) {
    return {[this](std::ptrdiff_t step) {
              ran.push_back(step);
              return 10 * step;
            },
            first, last};
  }
};

}  // namespace

TEST_CASE("every step runs once, in order, when it is read") {
  counted run;
  std::vector<std::ptrdiff_t> seen;
  auto steps = run.steps(2, 5);
  CHECK(run.ran.empty());
  for (const std::ptrdiff_t m : steps) {
    CHECK(run.ran.size() == seen.size() + 1);  // the next has not begun
    seen.push_back(m);
  }
  CHECK(seen == std::vector<std::ptrdiff_t>{20, 30, 40});
  CHECK(run.ran == std::vector<std::ptrdiff_t>{2, 3, 4});
}

TEST_CASE("reading twice runs once") {
  counted run;
  auto steps = run.steps(0, 3);
  auto it = steps.begin();
  CHECK(*it == 0);
  CHECK(*it == 0);
  CHECK(run.ran.size() == 1);
}

TEST_CASE("break and take end training, and ++ starts nothing") {
  counted run;
  for (const std::ptrdiff_t m : run.steps(0, 100))
    if (m == 20) break;
  CHECK(run.ran.size() == 3);

  counted taken;
  std::ptrdiff_t sum = 0;
  for (const std::ptrdiff_t m : taken.steps(0, 100) | std::views::take(3)) sum += m;
  CHECK(taken.ran.size() == 3);
  CHECK(sum == 30);

  counted stepped;
  auto steps = stepped.steps(0, 100);
  auto it = steps.begin();
  static_cast<void>(*it);
  ++it;
  CHECK(stepped.ran.size() == 1);
}

TEST_CASE("an element passed over is a step all the same") {
  counted run;
  std::vector<std::ptrdiff_t> seen;
  for (const std::ptrdiff_t m : run.steps(0, 4) | std::views::drop(2)) seen.push_back(m);
  CHECK(run.ran == std::vector<std::ptrdiff_t>{0, 1, 2, 3});
  CHECK(seen == std::vector<std::ptrdiff_t>{20, 30});
}

TEST_CASE("a second begin() goes on, and moving keeps iterators") {
  counted run;
  auto steps = run.steps(0, 4);
  for (const std::ptrdiff_t m : steps) {
    static_cast<void>(m);
    break;
  }
  CHECK(*steps.begin() == 0);  // left by break before ++: still the current step, not run again
  auto it = steps.begin();
  ++it;
  auto moved = std::move(steps);
  CHECK(*it == 10);
  CHECK(run.ran.size() == 2);
}

TEST_CASE("a step that throws stays the current one") {
  int calls = 0;
  step_range<int> steps(
      [&](std::ptrdiff_t step) {
        if (++calls == 1) throw std::runtime_error("no");
        return static_cast<int>(step);
      },
      7, 9);
  auto it = steps.begin();
  CHECK_THROWS(*it);
  CHECK(*it == 7);
  CHECK(calls == 2);
}

TEST_CASE("no steps are no steps") {
  counted run;
  for (const auto& [first, last] : {std::pair{0, 0}, std::pair{5, 3}})
    for (const std::ptrdiff_t m : run.steps(first, last)) FAIL(m);
  CHECK(run.ran.empty());
}
