#include <recllm/text/edit_distance.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

/// By its definition.
std::size_t plain_distance(std::u32string_view a, std::u32string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::u32string_view x = a.substr(1), y = b.substr(1);
  if (a[0] == b[0]) return plain_distance(x, y);
  return 1 + std::min({plain_distance(x, y), plain_distance(a, y), plain_distance(x, b)});
}

}  // namespace

TEST_CASE("distances of well-known words") {
  CHECK(edit_distance(U"kitten", U"sitting", 9) == 3);  // Wagner and Fischer's textbook pair
  CHECK(edit_distance(U"saturday", U"sunday", 9) == 3);
  CHECK(edit_distance(U"intention", U"execution", 9) == 5);  // Jurafsky and Martin, section 2.5
  CHECK(edit_distance(U"", U"abc", 9) == 3);
  CHECK(edit_distance(U"abc", U"", 2) == 3);
  CHECK(edit_distance(U"", U"", 0) == 0);
  CHECK(edit_distance(U"a", U"a", 0) == 0);
  CHECK(edit_distance(U"a", U"b", 0) == 1);
}

TEST_CASE("the distance is that of its definition up to the bound, and the bound plus one above") {
  const std::uint64_t seed = 77;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 3000; ++round) {
    std::u32string a, b;
    for (std::size_t i = rng.below(8); i > 0; --i) a += U"abc"[rng.below(3)];
    for (std::size_t i = rng.below(8); i > 0; --i) b += U"abc"[rng.below(3)];
    const std::size_t expected = plain_distance(a, b);
    for (std::size_t bound = 0; bound < 10; ++bound)
      REQUIRE(edit_distance(a, b, bound) == std::min(expected, bound + 1));
  }
}
