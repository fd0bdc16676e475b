// What counts as a list, when two items are the same, and counting of different items.
#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/measure/list.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;

static_assert(List<std::vector<int>> && List<std::span<const std::string>> && List<std::array<char, 2>> &&
              List<std::deque<double>> && List<int[3]>);
static_assert(Items<std::set<int>> && Items<std::list<int>> && !List<std::set<int>>);
static_assert(!Items<std::string> && !Items<std::string_view> && !Items<char[4]> && !Items<int>);

static_assert(same_item(-1, -1L) && !same_item(-1, std::size_t(-1)) && same_item(std::uint8_t{7}, 7));
static_assert(same_item('a', 'a') && same_item(1.5, 1.5));

namespace {
struct opaque {  // == and nothing else
  int value;
  friend bool operator==(const opaque&, const opaque&) = default;
};
}  // namespace

TEST_CASE("text items compare across string types") {
  CHECK(same_item(std::string("Heat"), std::string_view("Heat")));
  CHECK(holds(std::vector<std::string>{"Alien", "Heat"}, std::string_view("Heat")));
}

TEST_CASE("a set is asked by its own look-up, another item type one by one") {
  const std::unordered_set<int> pool{1, 5, 9};
  CHECK(holds(pool, 5));
  CHECK_FALSE(holds(pool, 4));
  CHECK(holds(pool, std::size_t{9}));
  CHECK_FALSE(holds(pool, std::int64_t{1} << 32 | 5));
  CHECK_FALSE(holds(std::vector<int>{}, 1));
}

TEST_CASE("different items are counted alike by pairs, by hashing and by a set") {
  random_stream rng(11);
  for (const std::size_t size : {0u, 1u, 2u, 64u, 65u, 300u}) {
    std::vector<int> items(size);
    std::vector<opaque> unhashable;
    for (int& item : items) unhashable.push_back({item = static_cast<int>(rng.below(100))});
    const std::set<int> oracle(items.begin(), items.end());
    CHECK(count_distinct(items) == oracle.size());
    CHECK(count_distinct(unhashable) == oracle.size());
    CHECK(count_distinct(oracle) == oracle.size());
    std::size_t repeats = 0;
    for (std::size_t place = 0; place < size; ++place) repeats += repeated_at(items, place) ? 1 : 0;
    CHECK(repeats == size - oracle.size());
  }
}

TEST_CASE("an integer is found at every place of lists of every length, and nowhere else") {
  for (std::size_t length = 0; length < 70; ++length) {
    std::vector<std::uint16_t> list(length);
    for (std::size_t i = 0; i < length; ++i) list[i] = static_cast<std::uint16_t>(3 * i);
    INFO("length " << length);
    for (std::size_t i = 0; i < length; ++i) CHECK(holds(list, 3 * i));
    CHECK_FALSE(holds(list, 3 * length));
    CHECK_FALSE(holds(list, -3));
    CHECK_FALSE(holds(std::deque<std::uint16_t>(list.begin(), list.end()), 65535 + 1));
  }
}

TEST_CASE("members are those that the range holds, by last bytes or one by one") {
  random_stream rng(11);
  for (int round = 0; round < 400; ++round) {
    std::vector<long long> items;
    for (std::size_t i = rng.below(90); i > 0; --i)
      items.push_back(static_cast<long long>(rng.below(1000)) - 300);  // some share their last byte
    const members some(items);
    for (int draw = 0; draw < 20; ++draw) {
      const auto item = static_cast<long long>(rng.below(1000)) - 300;
      CHECK(some.contains(item) == (std::ranges::find(items, item) != items.end()));
      if (item >= 0)
        CHECK(some.contains(static_cast<std::size_t>(item)) == (std::ranges::find(items, item) != items.end()));
    }
    CHECK_FALSE(some.contains(~std::size_t{0}));  // not -1
  }
  const std::vector<std::string> words{"a", "b"};
  CHECK(members(words).contains(std::string("b")));
  CHECK_FALSE(members(words).contains(std::string("c")));
}
