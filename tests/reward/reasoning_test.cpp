// Reasons by hand: which of them the history bears out, and whether they name the answer's items.
#include <map>
#include <string>
#include <vector>

#include <recllm/reward.hpp>

#include "reward/journal.hpp"
#include "support/catch.hpp"

using namespace recllm;

namespace {

struct sample {
  std::vector<std::string> topics;
};
struct reasoned {
  std::vector<std::string> reasons{};
};
struct written {
  std::string reasoning;
  std::vector<int> items{};
};

const std::map<int, std::string> titles{{1, "Heat"}, {2, "Babe"}, {3, "Se7en"}, {4, ""}};

}  // namespace

TEST_CASE("grounded is the share of different reasons that the history bears out") {
  const sample user{{"war", "drama"}};
  const auto goal = reward::grounded(&sample::topics);
  CHECK(reward::evaluate(goal, user, reasoned{{"war", "comedy"}}) == 0.5);
  CHECK(reward::evaluate(goal, user, reasoned{{"war", "war", "war", "comedy"}}) == 0.5);
  CHECK(reward::evaluate(goal, user, reasoned{{"drama", "war"}}) == 1.0);
  CHECK(reward::evaluate(goal, user, reasoned{{"comedy"}}) == 0.0);
  CHECK(reward::evaluate(goal, user, reasoned{}) == 0.0);
  CHECK(reward::evaluate(goal, sample{}, reasoned{{"war"}}) == 0.0);
  CHECK(reported(goal, user, reasoned{{"war"}}) == entries{{"grounded", 1.0}});
}

TEST_CASE("explained is the share of items that the reasoning names, as whole words") {
  const auto goal = reward::explained([](int item) -> const std::string& { return titles.at(item); });
  const auto value = [&](const written& answer) { return reward::evaluate(goal, 0, answer); };
  CHECK(value({"Heat, because of Se7en.", {1, 2, 3}}) == Approx(2.0 / 3.0));
  CHECK(value({"Heat", {1}}) == 1.0);
  CHECK(value({"Heated Preheat heat", {1}}) == 0.0);
  CHECK(value({"Heated, 'Heat'", {1}}) == 1.0);
  CHECK(value({"\xC3\xA9Heat", {1}}) == 0.0);  // a letter beyond ASCII goes on
  CHECK(value({"anything", {4}}) == 0.0);
  CHECK(value({"Heat", {}}) == 0.0);
  CHECK(value({"", {1}}) == 0.0);
}

TEST_CASE("evidence counts the different facts that the reasoning names, up to enough") {
  const sample user{{"war", "drama", "war", "", "slow film"}};
  const auto value = [&](std::size_t enough, const std::string& text) {
    return reward::evaluate(reward::evidence(&sample::topics, enough), user, written{text});
  };
  CHECK(value(1, "likes war") == 1.0);
  CHECK(value(2, "likes war, war and war") == 0.5);
  CHECK(value(2, "likes drama and every slow film") == 1.0);
  CHECK(value(2, "drama, slow film, war") == 1.0);
  CHECK(value(1, "wars and dramatic slow films") == 0.0);
  CHECK(value(0, "nothing") == 1.0);
}
