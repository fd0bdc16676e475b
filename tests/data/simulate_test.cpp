// The simulated feed keeps its promises, and goes through files and back unchanged.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include <recllm/data.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Contains;

namespace {

const feed_settings small{.users = 60, .posts = 100, .days = 40};

bool same(const dataset& a, const dataset& b) {
  const auto same_event = [](const event& x, const event& y) {
    return x.user == y.user && x.item == y.item && x.value == y.value && x.time == y.time &&
           x.action == y.action;
  };
  const auto same_item = [](const item& x, const item& y) {
    return x.id == y.id && x.title == y.title && x.year == y.year && x.topics == y.topics &&
           x.description == y.description && x.attributes == y.attributes;
  };
  return std::ranges::equal(
             a.users, b.users,
             [](const user& x, const user& y) { return x.id == y.id && x.attributes == y.attributes; }) &&
         std::ranges::equal(a.items, b.items, same_item) &&
         std::ranges::equal(a.histories, b.histories, [&](const auto& x, const auto& y) {
           return std::ranges::equal(x, y, same_event);
         });
}

recbole_settings columns() {
  return {.name = "feed",
          .rating = "value",
          .action = "action",
          .title = "title",
          .year = "",
          .topics = "tags",
          .description = "description",
          .item_attributes = {"likes", "comments", "shares"},
          .attributes = {"age", "gender", "city_tier"}};
}

}  // namespace

TEST_CASE("the same seed gives the same feed, another one another") {
  CHECK(same(simulate_feed(small), simulate_feed(small)));
  feed_settings other = small;
  other.seed = 2;
  CHECK_FALSE(same(simulate_feed(small), simulate_feed(other)));
}

TEST_CASE("every kind of engagement occurs, the more it asks the more rarely; nothing is shown twice") {
  const dataset feed = simulate_feed();
  std::map<engagement, std::size_t> count;
  for (std::size_t u = 0; u < feed.users.size(); ++u) {
    std::multiset<std::size_t> viewed;
    for (const event& e : feed.histories[u]) {
      ++count[e.action];
      if (e.action == engagement::view) viewed.insert(e.item);
      if (e.action == engagement::dwell) CHECK((e.value >= 0 && e.value <= 600));
    }
    for (const std::size_t post : viewed) CHECK(viewed.count(post) == 1);
    CHECK(std::ranges::is_sorted(feed.histories[u], {}, &event::time));
  }
  const std::vector<engagement> rarer{engagement::view,  engagement::click,   engagement::like,
                                      engagement::save,  engagement::comment, engagement::share,
                                      engagement::follow};
  for (std::size_t i = 1; i < rarer.size(); ++i) {
    CHECK(count[rarer[i]] > 100);
    CHECK(count[rarer[i]] < count[rarer[i - 1]]);
  }
  CHECK(count[engagement::dwell] == count[engagement::view]);
  CHECK(count[engagement::rating] == 0);
}

TEST_CASE("the feed goes through atomic files and back") {
  const temporary_folder folder;
  const dataset feed = simulate_feed(small);
  write_recbole(feed, folder.path / "data", columns());
  CHECK(same(read_recbole(folder.path / "data", columns()), feed));
}

TEST_CASE("what atomic files cannot hold is refused") {
  const temporary_folder folder;
  dataset feed = simulate_feed(small);
  recbole_settings ratings = columns();
  ratings.action = "";
  CHECK_THROWS_WITH(write_recbole(feed, folder.path, ratings),
                    Contains("did something else than rate; name a column for it"));
  ratings.name = "";
  CHECK_THROWS_WITH(write_recbole(feed, folder.path, ratings), Contains("expected a name for the files"));
  feed.items[3].title = "a\tb";
  CHECK_THROWS_WITH(write_recbole(feed, folder.path, columns()),
                    Contains("column 'title' would hold 'a\tb'"));
  feed.items[3].title = "";
  feed.items[3].topics = {"two words"};
  CHECK_THROWS_WITH(write_recbole(feed, folder.path, columns()),
                    Contains("item 'p4' has the topic 'two words'; expected a word without spaces"));
  feed.items[3].topics.clear();
  feed.users[0].attributes.pop_back();
  CHECK_THROWS_WITH(write_recbole(feed, folder.path, columns()),
                    Contains("'u1' has no attribute 'city_tier'"));
}

TEST_CASE("an unknown action names the file, the line and what is known") {
  const temporary_folder folder;
  write_recbole(simulate_feed({.users = 1, .posts = 1, .days = 1, .sessions_a_day = 0}), folder.path,
                columns());
  std::ofstream(folder.path / "feed.inter")
      << "user_id:token\titem_id:token\tvalue:float\ttimestamp:float\taction:token\nu1\tp1\t1\t0\thug\n";
  CHECK_THROWS_WITH(
      read_recbole(folder.path, columns()),
      Contains("feed.inter:2: column 'action' holds 'hug'; expected one of rating, view, dwell"));
}

TEST_CASE("settings out of range") {
  CHECK_THROWS_WITH(
      simulate_feed({.users = 0}),
      "recllm: simulate_feed: expected users, posts, days and posts_a_session > 0, got 0, 1200, "
      "60, 6");
  CHECK_THROWS_WITH(simulate_feed({.series = 0.9}), Contains("series in [0, 0.8], got 0.25, 0.1, 0.9"));
}
