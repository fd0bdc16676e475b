// Positions of ids, against std::unordered_map.
#include <recllm/data/id_table.hpp>

#include <string>
#include <unordered_map>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using detail::id_table;

TEST_CASE("positions are those of a map") {
  constexpr std::uint64_t seed = 23;
  INFO("seed " << seed);
  random_stream rng(seed);
  id_table table;
  std::unordered_map<std::string, std::size_t> expected;
  CHECK(table.find("a") == id_table::none);
  for (int round = 0; round < 20'000; ++round) {
    std::string id;
    for (std::size_t i = rng.below(12); i > 0; --i)
      id += static_cast<char>(rng.below(3));  // zero bytes as well
    const auto found = expected.find(id);
    REQUIRE(table.find(id) == (found == expected.end() ? id_table::none : found->second));
    if (rng.below(2) == 0) {
      const std::size_t at = expected.try_emplace(id, expected.size()).first->second;
      REQUIRE(table.find_or_add(id) == at);
      REQUIRE(table.text(at) == id);
    }
    REQUIRE(table.size() == expected.size());
  }
  for (const auto& [id, at] : expected) REQUIRE(table.find(id) == at);
}

TEST_CASE("ids that differ in their last bytes only") {
  id_table table;
  const std::string ids[] = {"",         std::string(1, '\0'), std::string(2, '\0'),
                             "abcdefgh", "abcdefgh1",          "abcdefgh2"};
  for (const std::string& id : ids) table.find_or_add(id);
  CHECK(table.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(table.find(ids[i]) == i);
  CHECK(table.find("abcdefg") == id_table::none);
}

TEST_CASE("small numbers, other numbers and texts keep apart") {
  id_table table;
  const std::string ids[] = {"0",
                             "00",
                             "7",
                             "07",
                             "2097151",
                             "2097152",
                             "9999999",
                             "12345678",
                             "-1",
                             "+1",
                             "1.0",
                             " 1",
                             "1",
                             "1a",
                             "4294967295",
                             "4294967296",
                             "18446744073709551616",
                             ""};
  for (std::size_t i = 0; i < std::size(ids); ++i) {
    CHECK(table.find(ids[i]) == id_table::none);
    CHECK(table.find_or_add(ids[i]) == i);
  }
  for (std::size_t i = 0; i < std::size(ids); ++i) {
    CHECK(table.find(ids[i]) == i);
    CHECK(table.find_or_add(ids[i]) == i);
    CHECK(table.text(i) == ids[i]);
  }
  CHECK(table.size() == std::size(ids));
}

TEST_CASE("numbers against a map") {
  constexpr std::uint64_t seed = 24;
  INFO("seed " << seed);
  random_stream rng(seed);
  id_table table;
  std::unordered_map<std::string, std::size_t> expected;
  for (int round = 0; round < 20'000; ++round) {
    const std::string id = std::to_string(rng.below(round % 2 == 0 ? 5'000 : 50'000'000));
    REQUIRE(table.find_or_add(id) == expected.try_emplace(id, expected.size()).first->second);
  }
  for (const auto& [id, at] : expected) REQUIRE(table.find(id) == at);
}
