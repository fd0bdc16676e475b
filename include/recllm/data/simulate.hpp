// A simulated social feed: users with profiles and drifting interests, posts with topics and statistics, and
// everything that users do with posts. It stands in for the industrial data of RecLLM-R1, section 4.1, which
// is not public: the same columns, none of its figures.
//
//   interest_u(t + 1) = interest_u(t) + drift * noise     a day; it starts from age, gender and city tier
//   shown             a mixture of what is popular, of the user's topics, and of the next parts of series
//   appeal            = mean interest in the post's topics + quality + continuation of a series + noise
//   dwell             = exp(1.5 + appeal) seconds; a like, save, comment, share or follow where appeal passes
//                       its threshold, rarer the more it asks
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/data/interactions.hpp>

namespace recllm {

/// Settings of simulate_feed().
struct feed_settings {
  std::size_t users = 600;             ///< > 0
  std::size_t posts = 1200;            ///< > 0
  std::int64_t days = 60;              ///< > 0
  double sessions_a_day = 0.25;        ///< of a user, mean, >= 0
  std::size_t posts_a_session = 6;     ///< > 0
  double drift = 0.1;                  ///< of interests, a day, >= 0
  double series = 0.3;                 ///< share of places that show the next part of a series, in [0, 0.8]
  std::int64_t start = 1'735'689'600;  ///< seconds since the epoch; 2025-01-01 by default
  std::uint64_t seed = 1;
};

namespace detail {

inline constexpr std::array<std::string_view, 16> feed_topics{
    "food",  "travel", "fitness", "beauty",  "fashion", "gaming",  "music", "film",
    "books", "pets",   "home",    "parents", "cars",    "science", "money", "sports"};

inline constexpr std::array<std::string_view, 12> feed_subjects{
    "beginners", "busy people", "small budgets", "families", "weekends", "students",
    "experts",   "rainy days",  "two",           "winter",   "summer",   "starting over"};

/// What is known of a post but its text.
struct feed_post {
  std::size_t topic = 0, second_topic = 0;
  double quality = 0.0;
  std::size_t next = 0;  ///< the next part of its series
};

struct feed_catalogue {
  std::vector<item> items;
  std::vector<feed_post> posts;
  std::vector<std::vector<std::size_t>> by_topic;
  std::vector<std::size_t> popular;  ///< all posts, the best first
};

/// Posts in series of five parts on one topic.
inline feed_catalogue feed_posts(const feed_settings& o, const random_stream& root) {
  feed_catalogue all{std::vector<item>(o.posts), std::vector<feed_post>(o.posts),
                     std::vector<std::vector<std::size_t>>(feed_topics.size()),
                     std::vector<std::size_t>(o.posts)};
  auto& [items, posts, by_topic, popular] = all;
  for (std::size_t i = 0; i < o.posts; ++i) {
    random_stream draw = root.split(1).split(i);
    random_stream shared = root.split(2).split(i / 5);  // what the parts of a series have in common
    feed_post& post = posts[i];
    post.topic = shared.below(feed_topics.size());
    const std::string_view subject = feed_subjects[shared.below(feed_subjects.size())];
    post.second_topic = shared.uniform() < 0.5 ? shared.below(feed_topics.size()) : post.topic;
    post.quality = 0.7 * shared.normal() + 0.3 * draw.normal();
    post.next = i % 5 == 4 || i + 1 == o.posts ? i - i % 5 : i + 1;
    by_topic[post.topic].push_back(i);
    const auto count = [&](double scale) {
      return std::to_string(static_cast<std::size_t>(scale * std::exp(post.quality + 0.3 * draw.normal())));
    };
    std::string topic(feed_topics[post.topic]);
    items[i].id = "p" + std::to_string(i + 1);
    items[i].topics = {topic};
    if (post.second_topic != post.topic) items[i].topics.emplace_back(feed_topics[post.second_topic]);
    items[i].attributes = {{"likes", count(200)}, {"comments", count(30)}, {"shares", count(10)}};
    items[i].description =
        "Part " + std::to_string(i % 5 + 1) + " of five on " + topic + " for " + std::string(subject);
    topic[0] = static_cast<char>(topic[0] - 'a' + 'A');
    items[i].title = topic + " for " + std::string(subject) + ", part " + std::to_string(i % 5 + 1);
  }
  for (std::size_t i = 0; i < o.posts; ++i) popular[i] = i;
  std::ranges::stable_sort(popular, std::ranges::greater{},
                           [&](std::size_t i) { return all.posts[i].quality; });
  return all;
}

/// Everything that one user does, added to `log`; `profile` numbers age band, city tier and gender together.
inline void feed_days(const feed_settings& o, const feed_catalogue& all, const random_stream& root,
                      std::size_t profile, std::size_t u, random_stream draw, std::vector<event>& log) {
  constexpr std::size_t kinds = feed_topics.size();
  const auto& [items, posts, by_topic, popular] = all;
  // A profile leans to some topics, so that it tells something before the first event.
  std::array<double, kinds> interests{};
  std::vector<bool> seen(o.posts, false);
  std::size_t last_liked = static_cast<std::size_t>(-1);
  for (std::size_t k = 0; k < kinds; ++k)
    interests[k] = 0.7 * root.split(4).split(profile * kinds + k).normal() + draw.normal();

  for (std::int64_t day = 0; day < o.days; ++day) {
    for (double& interest : interests) interest = 0.995 * interest + o.drift * draw.normal();
    double sessions = o.sessions_a_day;
    while (sessions > draw.uniform()) {
      sessions -= 1.0;
      std::int64_t now = o.start + day * 86'400 + static_cast<std::int64_t>(draw.below(80'000));
      for (std::size_t place = 0; place < o.posts_a_session; ++place) {
        // What the feed shows: the next part of what was liked last, the user's topics, or what is popular.
        const double how = draw.uniform();
        std::size_t shown = popular[static_cast<std::size_t>(static_cast<double>(o.posts) * draw.uniform() *
                                                             draw.uniform() * draw.uniform())];
        const bool continues = how < o.series && last_liked != static_cast<std::size_t>(-1);
        if (continues) {
          shown = posts[last_liked].next;
        } else if (how < 0.8) {
          const std::size_t a = draw.below(kinds), b = draw.below(kinds), c = draw.below(kinds);
          std::size_t topic = interests[a] > interests[b] ? a : b;
          if (interests[c] > interests[topic]) topic = c;
          if (!by_topic[topic].empty()) shown = by_topic[topic][draw.below(by_topic[topic].size())];
        }
        if (seen[shown]) continue;
        seen[shown] = true;
        const feed_post& post = posts[shown];
        const double appeal = 0.5 * (interests[post.topic] + interests[post.second_topic]) +
                              0.5 * post.quality + (continues ? 1.0 : 0.0) + 0.5 * draw.normal();
        const auto did = [&](engagement what, double value = 1.0) {
          log.push_back({u, shown, value, now++, what});
        };
        const double seconds = std::min(600.0, std::round(std::exp(1.5 + appeal)));
        did(engagement::view);
        if (appeal > 0.8) did(engagement::click);
        did(engagement::dwell, seconds);
        constexpr std::array<std::pair<engagement, double>, 5> thresholds{{{engagement::like, 2.0},
                                                                           {engagement::save, 2.5},
                                                                           {engagement::comment, 3.0},
                                                                           {engagement::share, 3.2},
                                                                           {engagement::follow, 3.5}}};
        for (const auto& [action, threshold] : thresholds)
          if (appeal + 0.3 * draw.normal() > threshold) did(action);
        if (appeal > 2.0) last_liked = shown;
        now += static_cast<std::int64_t>(seconds);
      }
    }
  }
}

}  // namespace detail

/// Users, posts and the log of a simulated feed; the same settings give the same feed.
///
/// Users: attributes age, gender, city_tier. Posts: a title ("Pets for students, part 3"), one or two topics,
/// a description, and attributes likes, comments and shares, counted before the log begins, so that no prompt
/// can learn from them what comes later. Events of a place shown, seconds apart: a view, a dwell (value:
/// seconds), perhaps a click, like, save, comment, share, follow. No post is shown to a user twice. Throws
/// std::invalid_argument for settings out of range.
[[nodiscard]] inline dataset simulate_feed(const feed_settings& o = {}) {
  require(o.users > 0 && o.posts > 0 && o.days > 0 && o.posts_a_session > 0,
          "recllm: simulate_feed: expected users, posts, days and posts_a_session > 0, got ", o.users, ", ",
          o.posts, ", ", o.days, ", ", o.posts_a_session);
  require(o.sessions_a_day >= 0.0 && o.drift >= 0.0 && o.series >= 0.0 && o.series <= 0.8,
          "recllm: simulate_feed: expected sessions_a_day >= 0, drift >= 0 and series in [0, 0.8], got ",
          o.sessions_a_day, ", ", o.drift, ", ", o.series);
  const random_stream root(o.seed);

  const detail::feed_catalogue all = detail::feed_posts(o, root);
  std::vector<user> users(o.users);
  std::vector<event> log;
  for (std::size_t u = 0; u < o.users; ++u) {
    random_stream draw = root.split(3).split(u);
    const std::size_t age = 14 + draw.below(52), tier = 1 + draw.below(5);
    const bool woman = draw.below(2) == 0;
    users[u] = {"u" + std::to_string(u + 1),
                {{"age", std::to_string(age)},
                 {"gender", woman ? "F" : "M"},
                 {"city_tier", "tier_" + std::to_string(tier)}}};
    detail::feed_days(o, all, root, (age / 13) * 10 + tier * 2 + (woman ? 1 : 0), u, draw, log);
  }
  return assemble(std::move(users), all.items, log);
}

}  // namespace recllm
