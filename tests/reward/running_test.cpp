// Terms that change while a policy learns: schedules, running normalisation, remembered mistakes.
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

// The value of `goal` for a prompt and a completion that are numbers, at a step of training.
template <class Goal>
double at(const Goal& goal, std::ptrdiff_t step, double completion, int prompt = 0) {
  return reward::evaluate(goal, prompt, completion, reward::recorder::silent(step));
}

const auto itself = reward::term("itself", [](double x) { return x; });

}  // namespace

TEST_CASE("a ramp is level, straight, level; outside of training it is over") {
  const auto goal = reward::scheduled(reward::ramp{.from = 1, .to = 3, .first_step = 10, .last_step = 20});
  CHECK(at(goal, 0, 0) == 1.0);
  CHECK(at(goal, 10, 0) == 1.0);
  CHECK(at(goal, 15, 0) == 2.0);
  CHECK(at(goal, 20, 0) == 3.0);
  CHECK(at(goal, 999, 0) == 3.0);
  CHECK(reward::evaluate(goal, 0, 0.0) == 3.0);
  CHECK(at(reward::scheduled(reward::ramp{}) * itself, 0, 5) == 5.0);  // no span: `to` from the start
  const auto product =
      2.0 * itself + reward::scheduled([](std::ptrdiff_t step) { return step % 2; }) * itself;
  CHECK(at(product, 0, 5) == 10.0);
  CHECK(at(product, 1, 5) == 15.0);
  CHECK(at((product + 0.0).named("all"), 1, 5) == 15.0);  // names and gates pass the step on
  CHECK(at(when([](double) { return true; }, product), 1, 5) == 15.0);
}

TEST_CASE("the raw value of a scheduled term is reported, its factor is an addend's") {
  const auto goal = reward::scheduled([](std::ptrdiff_t step) { return 10 * step; }) * itself;
  std::vector<double> raw, factors, values;
  auto report = [&](std::string_view, double value) { raw.push_back(value); };
  auto addend = [&](double factor, double value) {
    factors.push_back(factor);
    values.push_back(value);
  };
  CHECK(reward::evaluate_addends(goal, 0, 7.0, reward::recorder(report, 3), addend) == 210.0);
  CHECK(raw == std::vector<double>{7.0});
  CHECK(values == std::vector<double>{7.0});
  CHECK(factors == std::vector<double>{30.0});
}

TEST_CASE("mapped values") {
  CHECK(at(itself.mapped([](double x) { return x * x; }), 0, 3) == 9.0);
  CHECK(at((itself + itself).mapped([](double x) { return x > 5; }) - 1.0, 0, 3) == 0.0);
}

TEST_CASE("moments that are merged are those of all values") {
  random_stream rng(61);
  INFO("seed 61");
  std::vector<double> values(200);
  for (double& value : values) value = rng.uniform() * 10 - 3;
  reward::moments all, part;
  for (std::size_t i = 0; i < values.size(); ++i) {
    part.merge({1.0, values[i], 0.0});
    if (i % 17 == 0) {
      all.merge(part);
      part = {};
    }
  }
  all.merge(part);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 200.0;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  CHECK(all.count == 200.0);
  CHECK(all.mean == Approx(mean));
  CHECK(all.squares == Approx(squares));
}

TEST_CASE("running normalisation uses the steps before, and one scale within a step") {
  reward::running_moments seen;
  const auto goal = reward::running_normalised(itself, seen, 1.5);
  CHECK(at(goal, 0, 4) == 4.0);  // nothing known: raw
  CHECK(at(goal, 0, 8) == 8.0);
  CHECK(at(goal, 1, 6) == 0.0);                           // mean 6, deviation sqrt(8)
  CHECK(at(goal, 1, 8) == Approx(2.0 / std::sqrt(8.0)));  // the 6 of this step does not count yet
  CHECK(at(goal, 1, 1000) == 1.5);                        // clipped
  CHECK(at(goal, 1, -1000) == -1.5);
  CHECK(reward::evaluate(goal, 0, 6.0) == 0.0);  // looking does not change what is known
  CHECK(seen.settled.count == 2.0);
  CHECK(seen.current.count == 4.0);
  const reward::running_moments saved = seen;
  const double next = at(goal, 2, 5);
  seen = saved;
  CHECK(at(goal, 2, 5) == next);
  CHECK(seen.settled.count == 6.0);
  CHECK_THROWS_WITH(reward::running_normalised(itself, seen, 0.0),
                    "recllm: running_normalised: expected clip > 0, got 0");
}

TEST_CASE("equal values have no deviation and stay raw") {
  reward::running_moments seen;
  const auto goal = reward::running_normalised(itself, seen);
  for (std::ptrdiff_t step = 0; step < 3; ++step) CHECK(at(goal, step, 0.1) == 0.1);
}

TEST_CASE("mistakes that come again cost more, prompt by prompt") {
  reward::mistake_memory memory{.decay = 0.5};
  const auto prompt_id = [](int prompt) { return prompt; };
  const auto goal = reward::recurring(itself, prompt_id, memory, {.growth = 2.0, .most = 3.0});
  // Step 0: nothing remembered; siblings are judged alike.
  CHECK(at(goal, 0, 0.5) == 0.5);
  CHECK(at(goal, 0, 0.1) == 0.1);
  // Step 4: the mean of step 0 is remembered, for prompt 0 alone.
  CHECK(at(goal, 4, 1.0) == Approx(1.0 + 2.0 * 0.3));
  CHECK(at(goal, 4, 0.0) == 0.0);
  CHECK(at(goal, 4, 1.0, 1) == 1.0);
  // Step 5: 0.5 * 0.3 + mean(1, 0) = 0.65.
  CHECK(at(goal, 5, 1.0) == Approx(1.0 + 2.0 * 0.65));
  // Much remembered: the factor is bounded.
  for (std::ptrdiff_t step = 6; step < 20; ++step) at(goal, step, 1.0);
  CHECK(at(goal, 20, 1.0) == 3.0);
  // No mistakes: it is forgotten by halves.
  const double before = memory(0, 21);
  at(goal, 21, 0.0);
  CHECK(memory(0, 22) == Approx(before / 2));
  // Looking from outside does not change it.
  reward::evaluate(goal, 0, 1.0);
  CHECK(memory(0, 22) == Approx(before / 2));
}

TEST_CASE("recurring reports its own value and refuses settings out of range") {
  reward::mistake_memory memory;
  const auto prompt_id = [](int prompt) { return prompt; };
  std::vector<std::string> names;
  auto report = [&](std::string_view name, double) { names.emplace_back(name); };
  reward::evaluate(reward::recurring(itself, prompt_id, memory), 0, 1.0, reward::recorder(report, 0));
  CHECK(names == std::vector<std::string>{"itself", "recurring"});
  CHECK_THROWS_WITH(reward::recurring(itself, prompt_id, memory, {.most = 0.5}),
                    "recllm: recurring: expected growth >= 0 and most >= 1, got 1 and 0.5");
  memory.decay = 2.0;
  CHECK_THROWS_WITH(reward::recurring(itself, prompt_id, memory),
                    "recllm: recurring: expected a decay in [0, 1], got 2");
}
