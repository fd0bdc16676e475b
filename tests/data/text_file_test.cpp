// Lines at and across the ends of blocks, and what is not text.
#include <recllm/data/text_file.hpp>

#include <string>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

struct one_file : temporary_folder {
  std::filesystem::path file = path / "text";
  explicit one_file(const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

  [[nodiscard]] std::vector<std::string> lines() const {
    detail::text_file in("test", file, "file");
    std::vector<std::string> all;
    while (in.next_line()) all.emplace_back(in.text());
    return all;
  }
};

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("line ends, empty lines and a byte order mark") {
  CHECK(one_file("").lines().empty());
  CHECK(one_file("\n\r\n\n").lines().empty());
  CHECK(one_file("a").lines() == lines{"a"});
  CHECK(one_file("\xEF\xBB\xBF"
                 "a\r\n\r\nb\nc\r")
            .lines() == lines{"a", "b", "c"});
  CHECK(one_file("\xEF\xBB\xBF").lines().empty());
  CHECK(one_file("a\rb\n\xEF\xBB\xBF").lines() == lines{"a\rb", "\xEF\xBB\xBF"});
  CHECK(one_file(std::string("a\0b\n", 4)).lines() == lines{std::string("a\0b", 3)});
}

TEST_CASE("random lines of lengths around that of a block") {
  constexpr std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 10; ++round) {
    lines expected;
    std::string bytes;
    const std::string end = round % 2 == 0 ? "\n" : "\r\n";
    while (bytes.size() < 3 * detail::text_file::block) {
      const std::size_t kinds[] = {1 + rng.below(20), detail::text_file::block - 3 + rng.below(6),
                                   2 * detail::text_file::block - 3 + rng.below(6)};
      expected.emplace_back(kinds[rng.below(3)], static_cast<char>('a' + rng.below(26)));
      bytes += expected.back() + end;
    }
    if (round % 3 == 0) bytes.resize(bytes.size() - end.size());
    const one_file file(bytes);
    const lines read = file.lines();
    REQUIRE(read.size() == expected.size());
    CHECK((read == expected));
  }
}

TEST_CASE("a line can be joined with the next ones and keeps its number") {
  const std::string filler(detail::text_file::block, 'x');
  const one_file folder("1\n\n" + filler + "\r\n\n3\n4");
  detail::text_file in("test", folder.file, "file");
  REQUIRE(in.next_line());
  REQUIRE(in.next_line());
  REQUIRE(in.join_next_line());
  REQUIRE(in.join_next_line());
  CHECK((in.text() == filler + "\r\n\n3"));
  CHECK_THROWS_WITH(in.fail("bad"), "recllm: test: " + folder.file.string() + ":3: bad");
  REQUIRE(in.next_line());
  CHECK(in.text() == "4");
  CHECK_THROWS_WITH(in.fail("bad"), Contains(":6: bad"));
  CHECK_FALSE(in.join_next_line());
  CHECK_FALSE(in.next_line());
}

TEST_CASE("what is not text is refused with the way to mend it") {
  CHECK_THROWS_WITH(one_file("\x1F\x8B\x08").lines(),
                    Contains("is compressed by gzip") && Contains("gunzip -k"));
  CHECK_THROWS_WITH(one_file("\xFF\xFE"
                             "a")
                        .lines(),
                    Contains("is UTF-16; expected UTF-8"));
  CHECK_THROWS_WITH(
      one_file(std::string(detail::text_file::longest_line + 3 * detail::text_file::block, 'x')).lines(),
      Contains("text:1: the line is longer than 67108864 bytes; expected lines of text"));
  CHECK_THROWS_WITH(detail::text_file("test", "/no/where", "file there"),
                    "recllm: test: cannot open /no/where; expected a readable file there");
  const temporary_folder folder;
  CHECK_THROWS_WITH(detail::text_file("test", folder.path, "file there"), Contains("cannot open"));
}
