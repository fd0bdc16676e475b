#include <recllm/text/user_text.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;

namespace {

const std::vector<item> catalogue{{"1", "Heat", "1995", {"Crime", "Drama"}},
                                  {"2", "Babe", "1995", {"Comedy"}}};

const std::vector<event> events{{0, 0, 1, 10, engagement::view},
                                {0, 1, 45, 20, engagement::dwell},
                                {0, 1, 1, 30, engagement::like},
                                {0, 0, 3, 40, engagement::rating},
                                {0, 1, 1, 50, engagement::like}};

}  // namespace

TEST_CASE("every kind of engagement has a verb") {
  const told_by_engagement verb;
  const std::vector<std::string> verbs{"hated", "viewed",       "viewed", "clicked",  "liked",
                                       "saved", "commented on", "shared", "followed", "bought"};
  for (std::size_t i = 0; i < engagement_names.size(); ++i)
    CHECK(verb({0, 0, 1, 0, engagement_names[i].first}) == verbs[i]);
  CHECK(verb({0, 0, 3, 0, engagement::rating}) == "found fine");
  CHECK(verb({0, 0, 5, 0, engagement::rating}) == "loved");
  CHECK(verb({0, 0, 30, 0, engagement::dwell}) == "stayed with");
}

TEST_CASE("a profile is told by its attributes") {
  CHECK(profile_text({"u", {{"age", "29"}, {"gender", "F"}, {"city_tier", "2"}, {"zip", ""}}}) ==
        "The user's age is 25-34, gender F, city tier 2.");
  CHECK(profile_text({"u", {{"age", "25-34"}}}) == "The user's age is 25-34.");
  CHECK(profile_text({"u", {{"zip", ""}}}).empty());
  CHECK(profile_text({"u", {}}).empty());
}

TEST_CASE("the short-term list is told in order") {
  CHECK(short_term_text(std::span(events), catalogue, 3) ==
        "The user last liked 'Babe', found fine 'Heat' and liked 'Babe'.");
  CHECK(short_term_text(std::span(events), catalogue, 1) == "The user last liked 'Babe'.");
  CHECK(short_term_text(std::span(events), catalogue, 9)
            .starts_with("The user last viewed 'Heat', stayed with 'Babe', "));
  CHECK(short_term_text(std::span(events), catalogue, 1, [](const event&) { return std::string("met"); }) ==
        "The user last met 'Babe'.");
  CHECK(short_term_text({}, catalogue, 3).empty());
  CHECK(short_term_text(std::span(events), catalogue, 0).empty());
  CHECK_THROWS_WITH(
      short_term_text(std::span(events), {}, 1),
      "recllm: short_term_text: an event names item 1; the catalogue has 0 items, numbered from 0");
}

TEST_CASE("the long-term summary counts what was done by topic") {
  const std::vector<activity> told = activities(std::span(events), catalogue, told_by_engagement{});
  CHECK(long_term_text(told) ==
        "All in all, the user liked 'Comedy' twice, stayed with it once; found fine 'Crime' once, viewed it "
        "once; found "
        "fine 'Drama' once, viewed it once.");
  CHECK(long_term_text(told, 1, count_wording::digits) ==
        "All in all, the user liked 'Comedy' 2 times, stayed with it 1 time.");
  CHECK(long_term_text({}).empty());
  CHECK(long_term_text(told, 0).empty());
}
