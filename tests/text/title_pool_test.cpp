#include <recllm/text/title_pool.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("a misspelt title is found if one title is nearest within the tolerance") {
  const title_pool pool(
      {"Shawshank Redemption, The (1994)", "Terminator", "Terminators", "Alien", "Casablanca"});
  CHECK(pool.nearest("The Shawshank Redemtion").item == 0);
  CHECK(pool.nearest("Shawshak Redempton, The (1994)").item == 0);
  CHECK_FALSE(pool.nearest("The Shawshank Redemption (1995)").item);
  CHECK(pool.nearest("Terminater").item == 1);  // one letter; "Terminators" is two away
  CHECK_FALSE(pool.nearest("Aliens").item);     // five letters have no edit to spare
  CHECK(pool.nearest("Casablanka").item == 4);
  CHECK_FALSE(pool.nearest("Kasablanka").item);  // two edits of ten letters
  CHECK(pool.alike("Casablanka").reason == "not the title of an item in the pool");
  CHECK(pool.nearest("Kasablanka").reason == "not the title of an item in the pool");
  const title_pool exact({"Casablanca"}, {.most_edits = 0});
  CHECK(exact.nearest("CASABLANCA!").item == 0);
  CHECK_FALSE(exact.nearest("Casablanka").item);
  const title_pool loose({"Casablanca"}, {.letters_per_edit = 3});
  CHECK(loose.nearest("Kasablanka").item == 0);
}

TEST_CASE("what may be several titles is none") {
  const title_pool pool({"Carpenters", "Carpenterz", "Twelve Monkeys", "Twelve Monkeys (1995)"});
  const title_match match = pool.nearest("Carpenterx");
  CHECK_FALSE(match.item);
  CHECK(match.unclear);
  CHECK(match.reason == "may be 'Carpenters' or 'Carpenterz'");
  CHECK(pool.nearest("Twelve Monkeys (1995)").item == 3);
  CHECK(pool("twelve  MONKEYS") == 2);
  CHECK_FALSE(pool.nearest("Twelve Monkeys!").item);
}

TEST_CASE("numbers are not misspelt") {
  const title_pool pool({"Toy Story 2 (1999)", "Rocky Balboa III", "Ocean's Eleven"});
  CHECK_FALSE(pool.nearest("Toy Story 3").item);
  CHECK_FALSE(pool.nearest("Toy Story").item);
  CHECK(pool.nearest("Toy Storys 2").item == 0);
  CHECK_FALSE(pool.nearest("Rocky Balboa II").item);
  CHECK(pool.nearest("Rocky Balbao III 1982").item == 1);  // a transposition is two edits
  CHECK(pool.nearest("Roky Balboa III 1982").item == 1);
  CHECK(pool.nearest("Oceans Elevn").item == 2);
}

TEST_CASE("a random letter wrong in one of many random titles is forgiven, and every other item left alone") {
  const std::uint64_t seed = 12;
  INFO("seed " << seed);
  random_stream rng(seed);
  const auto letter = [&] { return static_cast<char>('a' + rng.below(26)); };
  std::vector<std::string> titles;
  for (int i = 0; i < 500; ++i) {
    std::string title;
    for (std::size_t length = 12 + rng.below(20); length > 0; --length)
      title += rng.below(6) == 0 ? ' ' : letter();
    titles.push_back(title);
  }
  const title_pool pool(titles);
  std::size_t found = 0;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    std::string wrong = titles[i];
    const std::size_t place = rng.below(wrong.size());
    if (rng.below(2) == 0)
      wrong[place] = letter();
    else
      wrong.insert(place, 1, letter());
    const title_match match = pool.nearest(wrong);
    CAPTURE(titles[i], wrong);
    if (match.item) REQUIRE(*match.item == i);
    found += match.item ? 1 : 0;
  }
  CHECK(found > 480);  // the others lost a letter to a numeral, an article or a short title
}
