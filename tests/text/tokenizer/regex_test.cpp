#include <recllm/text/tokenizer/regex.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace recllm::detail;

namespace {

std::vector<std::string> matches(const text_regex& pattern, std::string_view text) {
  const regex_scratch scratch;
  std::vector<std::string> all;
  pattern.each(text, scratch,
               [&](std::size_t from, std::size_t to) { all.emplace_back(text.substr(from, to - from)); });
  return all;
}

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  return matches(text_regex::pattern(pattern), text);
}

std::string refusal(std::string_view pattern) {
  try {
    (void)text_regex::pattern(pattern);
  } catch (const pattern_error& problem) {
    return problem.what();
  }
  return "taken";
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("what Oniguruma reads otherwise than PCRE2 is rewritten") {
  CHECK(matches("\\s", "a\u180e\u00a0\u2003\x1c") == texts{"\u00a0", "\u2003"});  // PCRE2's has U+180E
  CHECK(matches("[^\\S]", " a\u180e") == texts{" "});
  CHECK(matches("\\w+", "a\u00b2_\u0301-b") == texts{"a\u00b2_\u0301", "b"});
  CHECK(matches("\\v", "\n\x0b") == texts{"\x0b"});
  CHECK(matches("^b$", "a\nb\nc") == texts{"b"});  // Ruby's are of lines
  CHECK(matches("a{,2}b", "aaab") == texts{"aab"});
  CHECK(matches("a{b", "a{b") == texts{"a{b"});
  CHECK(matches("\\p{Greek}", "\u03b1\u0342") == texts{"\u03b1"});  // the script, not its extensions
  CHECK(matches("\\p{^L}|\\P{N}", "a1") == texts{"a", "1"});
  CHECK(matches("(?i:'S)", "'\u017f's") == texts{"'\u017f", "'s"});
}

TEST_CASE("letters and digits are those of Unicode 16") {
  CHECK(matches("\\p{L}+", "a\U00031350\u1c89!") == texts{"a\U00031350\u1c89"});
  CHECK(matches("[^\\p{L}\\p{N}]", "\U00010d40\U0002ebf0\U0001faea") == texts{"\U0001faea"});
  CHECK(matches("\\p{Lu}", "\ua7cb\ua7cd") == texts{"\ua7cb"});
  CHECK(matches("\\d", "\U0001ccf0\u00b2") == texts{"\U0001ccf0"});
}

TEST_CASE("empty matches do not follow another directly") {
  const regex_scratch scratch;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  text_regex::pattern("a*").each("baab\u00e9", scratch,
                                 [&](std::size_t from, std::size_t to) { places.emplace_back(from, to); });
  CHECK(places == std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {1, 3}, {4, 4}, {6, 6}});
  CHECK(matches(text_regex::literal("a.b"), "a.baxb") == texts{"a.b"});
}

TEST_CASE("what PCRE2 cannot say is refused") {
  const std::vector<std::pair<std::string, std::string>> refused{
      {"[a&&b]", "an intersection of classes at byte 2"},
      {"[a[b]]", "a class in a class at byte 2"},
      {"[a", "a class without ] at byte 2"},
      {"\\", "a lone backslash at byte 0"},
      {"a\\1", "the escape \\1 at byte 1"},
      {"\\h", "the escape \\h at byte 0"},
      {"a{2}+", "an interval with + or ? at byte 1"},
      {"a(?i)b", "this kind of group at byte 1"},
      {"(*ACCEPT)", "(* at byte 0"},
      {"\\xE9", "\\x that is not of two digits up to 7F at byte 0"},
      {"\\pL", "\\p without {name} at byte 0"},
      {"\\p{a b}", "\\p{a b} at byte 0"}};
  for (const auto& [pattern, what] : refused)
    CHECK(refusal(pattern) == what + " of the pattern is not supported");
  CHECK(refusal("(").starts_with("PCRE2 says: "));
  CHECK(refusal("\\p{Klingon}").starts_with("PCRE2 says: "));
  CHECK(refusal("(?:'s|\\p{L}++|[^\\s\\p{N}]?+)") == "taken");
}
