// k-cores by hand, against peeling over and over, and the real 5-core sets, which are their own.
#include <recllm/data/k_core.hpp>

#include <recllm/core/random.hpp>
#include <recllm/data/read_amazon.hpp>

#include "support/catch.hpp"
#include "support/shared_files.hpp"

using namespace recllm;

namespace {

dataset numbered(std::size_t users, std::size_t items, const std::vector<event>& log) {
  std::vector<user> people(users);
  std::vector<item> things(items);
  for (std::size_t u = 0; u < users; ++u) people[u].id = "u" + std::to_string(u);
  for (std::size_t i = 0; i < items; ++i) things[i].id = "i" + std::to_string(i);
  return assemble(people, things, log);
}

/// Takes everybody out who has too few, again and again, until nothing changes.
dataset peeled(dataset data, k_core_settings least) {
  for (;;) {
    std::vector<std::size_t> item_events(data.items.size(), 0);
    for (const std::vector<event>& history : data.histories)
      for (const event& e : history) ++item_events[e.item];
    std::vector<user> users;
    std::vector<item> items;
    std::vector<std::size_t> number(data.items.size());
    for (std::size_t i = 0; i < data.items.size(); ++i)
      if (item_events[i] >= least.item_events) {
        number[i] = items.size();
        items.push_back(data.items[i]);
      }
    std::vector<event> log;
    for (std::size_t u = 0; u < data.users.size(); ++u) {
      if (data.histories[u].size() < least.user_events) continue;
      for (event e : data.histories[u]) {
        if (item_events[e.item] < least.item_events) continue;
        e.user = users.size();
        e.item = number[e.item];
        log.push_back(e);
      }
      users.push_back(data.users[u]);
    }
    const bool done = users.size() == data.users.size() && items.size() == data.items.size();
    data = assemble(users, items, log);
    if (done) return data;
  }
}

}  // namespace

TEST_CASE("one departure can take everybody along") {
  // A chain: each item has two users, each user two items but for the ends.
  std::vector<event> log;
  for (std::size_t i = 0; i < 50; ++i) {
    log.push_back({i, i, 1, 0});
    log.push_back({i + 1, i, 1, 0});
  }
  const dataset data = numbered(51, 50, log);
  CHECK(k_core(data, {2, 2}).users.empty());
  CHECK(k_core(data, {2, 2}).items.empty());
  CHECK(k_core(data, {1, 2}).users.size() == 51);
  log.push_back({0, 50, 1, 0});
  log.push_back({50, 50, 1, 0});
  CHECK(k_core(numbered(51, 51, log), {2, 2}).items.size() == 51);  // a ring
}

TEST_CASE("who stays is numbered anew; repeats count") {
  const dataset data = numbered(
      3, 4,
      {{0, 0, 1, 5}, {1, 1, 1, 6}, {1, 3, 2, 7}, {1, 1, 3, 8}, {2, 3, 4, 9}, {2, 1, 5, 9}, {0, 1, 1, 9}});
  const dataset core = k_core(data, {2, 2});
  REQUIRE(core.users.size() == 2);
  REQUIRE(core.items.size() == 2);
  CHECK(core.users[0].id == "u1");
  CHECK(core.items[1].id == "i3");
  CHECK(item_sequence(std::span(core.histories[0])) == std::vector<std::size_t>{0, 1, 0});
  CHECK(core.histories[1][0].user == 1);
  CHECK(core.histories[1][0].value == 4);
}

TEST_CASE("nothing to ask for, and nothing at all") {
  const dataset data = numbered(3, 4, {{0, 0, 1, 5}});
  CHECK(k_core(data, {0, 0}).users.size() == 3);
  CHECK(k_core(data, {0, 0}).items.size() == 4);
  CHECK(k_core(data, {1, 1}).users.size() == 1);
  CHECK(k_core(data, {0, 1}).users.size() == 3);
  CHECK(k_core(data, {0, 1}).items.size() == 1);
  CHECK(k_core(data).items.empty());
  CHECK(k_core(dataset{}).users.empty());
}

TEST_CASE("random data against peeling over and over") {
  constexpr std::uint64_t seed = 83;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 200; ++round) {
    const std::size_t users = 1 + rng.below(30), items = 1 + rng.below(30);
    std::vector<event> log;
    for (std::size_t n = rng.below(150); n > 0; --n)
      log.push_back({rng.below(users), rng.below(1 + rng.below(items)), rng.uniform(),
                     static_cast<std::int64_t>(rng.below(9))});
    const dataset data = numbered(users, items, log);
    const k_core_settings least{rng.below(6), rng.below(6)};
    const dataset core = k_core(data, least), expected = peeled(data, least);
    REQUIRE(core.users.size() == expected.users.size());
    REQUIRE(core.items.size() == expected.items.size());
    for (std::size_t i = 0; i < core.items.size(); ++i) REQUIRE(core.items[i].id == expected.items[i].id);
    for (std::size_t u = 0; u < core.users.size(); ++u) {
      REQUIRE(core.users[u].id == expected.users[u].id);
      REQUIRE(core.histories[u].size() == expected.histories[u].size());
      for (std::size_t at = 0; at < core.histories[u].size(); ++at) {
        REQUIRE(core.histories[u][at].user == u);
        REQUIRE(core.histories[u][at].item == expected.histories[u][at].item);
        REQUIRE(core.histories[u][at].value == expected.histories[u][at].value);
      }
    }
  }
}

TEST_CASE("published 5-core data are their own 5-core") {
  const auto folder = shared_file("data/amazon2014/Beauty");
  if (!folder) return;
  const dataset data = read_amazon_sequences(*folder);
  const dataset core = k_core(data);
  CHECK(core.users.size() == data.users.size());
  CHECK(core.items.size() == data.items.size());
}
