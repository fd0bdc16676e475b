#include <recllm/text/history.hpp>

#include <limits>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t day = 86'400;

const std::vector<item> catalogue{{"1", "Heat", "1995", {"Crime", "Drama"}},
                                  {"2", "Babe", "1995", {"Comedy"}},
                                  {"3", "Get Shorty", "1995", {"Comedy", "Crime"}},
                                  {"4", "Untold", "1995", {}}};

}  // namespace

TEST_CASE("ages become bands at their edges") {
  CHECK(age_band("0") == "under 18");
  CHECK(age_band("17") == "under 18");
  CHECK(age_band("18") == "18-24");
  CHECK(age_band("24") == "18-24");
  CHECK(age_band("24.9") == "18-24");
  CHECK(age_band("25") == "25-34");
  CHECK(age_band("35") == "35-44");
  CHECK(age_band("45") == "45-54");
  CHECK(age_band("55") == "55-64");
  CHECK(age_band("64") == "55-64");
  CHECK(age_band("65") == "65+");
  CHECK(age_band("130") == "65+");
  for (const char* text : {"", "M", "-1", "131", "24 years", " 24", "nan", "inf"}) {
    INFO("age '" << text << "'");
    CHECK(age_band(text) == "unknown");
  }
}

TEST_CASE("ratings become words") {
  CHECK(engagement_word(5) == "loved");
  CHECK(engagement_word(4.5) == "loved");
  CHECK(engagement_word(4) == "liked");
  CHECK(engagement_word(3) == "fine");
  CHECK(engagement_word(2) == "disliked");
  CHECK(engagement_word(1) == "hated");
  CHECK(engagement_word(-7) == "hated");
  CHECK_THROWS_WITH(engagement_word(std::numeric_limits<double>::quiet_NaN()),
                    "recllm: engagement_word: the rating is not a number");
}

TEST_CASE("an event in a word: its rating's, or what was done") {
  CHECK(engagement_word(event{0, 0, 5, 0}) == "loved");
  const auto did = [](engagement what) { return engagement_word(event{0, 0, 1, 0, what}); };
  CHECK(did(engagement::view) == "viewed");
  CHECK(did(engagement::dwell) == "viewed");
  CHECK(engagement_word(event{0, 0, 30, 0, engagement::dwell}) == "stayed");
  CHECK(did(engagement::save) == "saved");
  CHECK(did(engagement::purchase) == "bought");
}

TEST_CASE("long-term topics are counted, most watched first, ties by name") {
  const std::vector<event> events{{0, 0, 5, 1}, {0, 1, 3, 2}, {0, 2, 4, 3}, {0, 3, 5, 4}};
  const std::vector<topic_summary> topics = long_term(std::span(events), catalogue);
  REQUIRE(topics.size() == 3);
  CHECK(topics[0].topic == "Comedy");  // Babe (3), Get Shorty (4)
  CHECK(topics[0].watched == 2);
  CHECK(topics[0].liked == 1);
  CHECK(topics[1].topic == "Crime");  // Heat (5), Get Shorty (4)
  CHECK(topics[1].liked == 2);
  CHECK(topics[2].topic == "Drama");
  CHECK(long_term(std::span(events), catalogue, rated_at_least{5})[1].liked == 1);
  CHECK(long_term({}, catalogue).empty());
  const std::vector<event> unknown{{0, 4, 5, 1}};
  CHECK_THROWS_WITH(long_term(std::span(unknown), catalogue),
                    "recllm: long_term: an event names item 4; the catalogue has 4 items, numbered from 0");
}

TEST_CASE("the short-term part is the last events in order") {
  const std::vector<event> events{{0, 0, 5, 1}, {0, 1, 3, 2}, {0, 2, 4, 3}};
  CHECK(item_sequence(short_term(std::span(events), 2)) == std::vector<std::size_t>{1, 2});
  CHECK(short_term(std::span(events), 9).size() == 3);
  CHECK(short_term(std::span(events), 0).empty());
  CHECK(short_term({}, 3).empty());
}

TEST_CASE("the sentence of the paper's example has its counts, topics, actions and titles") {
  const std::vector<activity> told{{"viewed", "Sichuan Cuisine", "Mapo Tofu", 1 * day},
                                   {"viewed", "Sichuan Cuisine", "Hot Pot", 2 * day},
                                   {"bookmarked", "Travel", "Chengdu Travel Guide", 3 * day}};
  CHECK(window_text(told, {.now = 4 * day}) ==
        "Over the past 7 days, the user viewed 'Sichuan Cuisine' twice ('Mapo Tofu', 'Hot Pot') and "
        "bookmarked 'Travel' "
        "once ('Chengdu Travel Guide').");
}

TEST_CASE("a window tells what lies in it, edges included, in time order") {
  const std::vector<activity> told{{"viewed", "B", "late", 10 * day},
                                   {"viewed", "A", "edge", 3 * day},
                                   {"viewed", "A", "old", 3 * day - 1},
                                   {"liked", "A", "middle", 5 * day},
                                   {"viewed", "A", "tomorrow", 10 * day + 1}};
  CHECK(window_text(told, {.now = 10 * day, .days = 7}) ==
        "Over the past 7 days, the user viewed 'A' once ('edge'), liked 'A' once ('middle') and viewed 'B' "
        "once "
        "('late').");
  CHECK(window_text(told, {.now = 10 * day, .days = 1}) ==
        "Over the past day, the user viewed 'B' once ('late').");
  CHECK(window_text({}, {.now = 0, .days = 30}) == "Over the past 30 days, the user did nothing.");
  const std::vector<activity> thrice(3, activity{"viewed", "A", "x", 0});
  CHECK_THAT(window_text(thrice, {.now = 0}), Contains("viewed 'A' 3 times ('x', 'x', 'x')"));
  CHECK_THROWS_WITH(window_text(told, {.now = 0, .days = 0}),
                    "recllm: window_text: the window has 0 days; expected 1 to 1000000");
  CHECK_THROWS_WITH(window_text(told, {.now = 0, .days = 1'000'001}), Contains("has 1000001 days"));
}

TEST_CASE("counts may be told in digits") {
  std::vector<activity> told{{"viewed", "A", "x", 0}};
  const time_window digits{.now = 0, .wording = count_wording::digits};
  CHECK_THAT(window_text(told, digits), Contains("viewed 'A' 1 time ('x')"));
  told.push_back({"viewed", "A", "y", 0});
  CHECK_THAT(window_text(told, digits), Contains("viewed 'A' 2 times ('x', 'y')"));
}

TEST_CASE("a window may begin before any time there is") {
  using limits = std::numeric_limits<std::int64_t>;
  const std::vector<activity> told{{"viewed", "A", "x", limits::min()}, {"viewed", "A", "y", limits::max()}};
  CHECK(window_text(told, {.now = limits::min(), .days = 1'000'000}) ==
        "Over the past 1000000 days, the user viewed 'A' once ('x').");
  CHECK(window_text(told, {.now = limits::max(), .days = 1}) ==
        "Over the past day, the user viewed 'A' once ('y').");
}

TEST_CASE("events become activities, one a topic") {
  const std::vector<event> events{{0, 0, 5, day}, {0, 1, 2, day}, {0, 3, 3, day}};
  const std::vector<activity> told = activities(std::span(events), catalogue);
  REQUIRE(told.size() == 4);
  CHECK(told[0].action == "liked");
  CHECK(told[1].topic == "Drama");
  CHECK(told[2].action == "watched");
  CHECK(told[3].topic == "other");
  CHECK(window_text(told, {.now = day}) ==
        "Over the past 7 days, the user liked 'Crime' once ('Heat'), liked 'Drama' once ('Heat'), watched "
        "'Comedy' once "
        "('Babe') and watched 'other' once ('Untold').");
  CHECK(activities(std::span(events), catalogue, [](const event& e) { return engagement_word(e.value); })[2]
            .action == "disliked");
  const std::vector<event> unknown{{0, 9, 5, 1}};
  CHECK_THROWS_WITH(activities(std::span(unknown), catalogue), Contains("activities: an event names item 9"));
}
