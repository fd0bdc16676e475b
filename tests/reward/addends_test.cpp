// A reward taken apart: factors and values put together again are its value, and the terms report as ever.
#include <recllm/reward/addends.hpp>

#include <string>
#include <utility>
#include <vector>

#include <recllm/reward/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

struct taken_apart {
  double value;
  std::vector<std::pair<double, double>> addends;  // factor, value
  std::vector<std::string> reported;
};

template <class Goal>
taken_apart apart(const Goal& goal) {
  taken_apart all{};
  const auto addend = [&](double factor, double value) { all.addends.emplace_back(factor, value); };
  auto report = [&](std::string_view name, double) { all.reported.emplace_back(name); };
  all.value = reward::evaluate_addends(goal, 0, 0, report, addend);
  return all;
}

}  // namespace

TEST_CASE("sums, differences and factors are taken apart") {
  const auto a = reward::term("a", [](int) { return 2.0; });
  const auto b = reward::term("b", [](int) { return 3.0; });
  const auto c = reward::term("c", [](int) { return 5.0; });
  const auto goal = 0.5 * (a - 2.0 * b) * 3.0 + 7.0 - (c + 1.0);
  const taken_apart all = apart(goal);
  CHECK(all.addends == std::vector<std::pair<double, double>>{{1.5, 2.0}, {-3.0, 3.0}, {-1.0, 5.0}});
  CHECK(all.value == reward::evaluate(goal, 0, 0));
  CHECK(all.value == 0.5 * (2.0 - 6.0) * 3.0 + 7.0 - 6.0);
  CHECK(all.reported == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("gates, products, clamps, names and functions are one addend each") {
  const auto a = reward::term("a", [](int) { return 2.0; });
  const auto b = reward::term("b", [](int) { return 0.0; });
  const taken_apart all =
      apart(a * a + when(b, a + a).otherwise(-1.0) + (a + a).clamp(0.0, 3.0) + (a + b).named("both"));
  CHECK(all.addends ==
        std::vector<std::pair<double, double>>{{1.0, 4.0}, {1.0, -1.0}, {1.0, 3.0}, {1.0, 2.0}});
  CHECK(apart([](int) { return 4.0; }).addends == std::vector<std::pair<double, double>>{{1.0, 4.0}});
  CHECK(apart(reward::constant(2.0) * 3.0).addends.empty());
}
