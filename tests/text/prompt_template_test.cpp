#include <recllm/text/prompt_template.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <list>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;

namespace {

/// What `call` throws, as text.
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("placeholders are replaced by the arguments of their names, in any order") {
  constexpr prompt_template<"Watched: {history}. Recommend {count}."> ask;
  const std::vector<std::string> titles{"Heat", "Babe"};
  CHECK(ask("history"_a = titles, "count"_a = 5) == "Watched: Heat, Babe. Recommend 5.");
  CHECK(ask("count"_a = 5, "history"_a = titles) == "Watched: Heat, Babe. Recommend 5.");
  CHECK(ask("history"_a = "nothing", "count"_a = -3) == "Watched: nothing. Recommend -3.");
}

TEST_CASE("a placeholder may occur often, each time with a separator of its own") {
  constexpr prompt_template<"{a}{a}|{a: > }|{a:\n- }|{a:}"> ask;
  CHECK(ask("a"_a = std::vector{1, 2, 3}) == "1, 2, 31, 2, 3|1 > 2 > 3|1\n- 2\n- 3|123");
}

TEST_CASE("double braces are braces") {
  CHECK(prompt_template<"{{{x}}} {{x}} }}{{">{}("x"_a = "y") == "{y} {x} }{");
  CHECK(prompt_template<"{{\"items\": [{x}]}}">{}("x"_a = 1) == "{\"items\": [1]}");
}

TEST_CASE("a template may be empty or without placeholders") {
  CHECK(prompt_template<"">{}() == "");
  CHECK(prompt_template<"plain">{}() == "plain");
  CHECK(prompt_template<"{x}">{}("x"_a = "") == "");
}

TEST_CASE("an argument's text is not read as a template") {
  CHECK(prompt_template<"{a} {b}">{}("a"_a = "{b} }}", "b"_a = "{a}") == "{b} }} {a}");
}

TEST_CASE("values: text and numbers of every kind") {
  constexpr prompt_template<"{x}"> show;
  const std::string text = "text";
  CHECK(show("x"_a = text) == "text");
  CHECK(show("x"_a = std::string_view(text)) == "text");
  CHECK(show("x"_a = std::string("temporary")) == "temporary");
  CHECK(show("x"_a = 'c') == "c");
  CHECK(show("x"_a = true) == "true");
  CHECK(show("x"_a = std::uint8_t{65}) == "65");
  CHECK(show("x"_a = std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(show("x"_a = std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(show("x"_a = 0.1) == "0.1");
  CHECK(show("x"_a = 0.1f) == "0.1");
  CHECK(show("x"_a = 4.0) == "4");
}

TEST_CASE("values: ranges of these") {
  constexpr prompt_template<"{x}"> show;
  CHECK(show("x"_a = std::vector<std::string>{}) == "");
  CHECK(show("x"_a = std::vector<std::string>{"one"}) == "one");
  CHECK(show("x"_a = std::list<std::string_view>{"one", "two"}) == "one, two");
  CHECK(show("x"_a = std::array<const char*, 2>{"one", "two"}) == "one, two");
  CHECK(show("x"_a = std::set<int>{2, 1}) == "1, 2");
  CHECK(show("x"_a = std::vector<bool>{true, false}) == "true, false");
  const std::vector<std::string> titles{"Heat", "Babe", "Fargo"};
  CHECK(show("x"_a = join(titles, " then ")) == "Heat then Babe then Fargo");
  CHECK(join(std::vector<double>{}, "x") == "");
  CHECK(join(std::array{0.5, 2.0}, "") == "0.52");
}

TEST_CASE("a view that can only be walked through while it is not const can be shown") {
  const std::vector<int> numbers{1, 2, 3, 4};
  auto even = numbers | std::views::filter([](int n) { return n % 2 == 0; });
  CHECK(prompt_template<"{x} and {x:;}">{}("x"_a = even) == "2, 4 and 2;4");
}

TEST_CASE("the run-time twin gives the same text") {
  const runtime_template ask("Watched: {history:; }. {{{count}}} {history}");
  const std::vector<std::string> titles{"Heat", "Babe"};
  CHECK(ask("history"_a = titles, "count"_a = 5) == "Watched: Heat; Babe. {5} Heat, Babe");
  CHECK(ask.placeholders() == std::vector<std::string>{"history", "count"});
  CHECK(runtime_template("")().empty());
}

TEST_CASE("random text comes out as it was put together") {
  const std::uint64_t seed = 20240611;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<std::string> values{"", "}{", "Heat (1995)", "{a}"};
  for (int round = 0; round < 500; ++round) {
    std::string text = "{a}{b}{c}{d}", expected = values[0] + values[1] + values[2] + values[3];
    for (std::size_t pieces = rng.below(12); pieces > 0; --pieces) {
      const std::size_t which = rng.below(4);
      switch (rng.below(4)) {
        case 0:
          text += "{{", expected += "{";
          break;
        case 1:
          text += "}}", expected += "}";
          break;
        case 2:
          text += "x\ny:", expected += "x\ny:";
          break;
        default:
          text += std::string("{") + "abcd"[which] + ":,}", expected += values[which];
      }
    }
    CAPTURE(text);
    REQUIRE(runtime_template(text)("d"_a = values[3], "a"_a = values[0], "b"_a = values[1],
                                   "c"_a = values[2]) == expected);
  }
}

TEST_CASE("no text of a template leads to anything but text or an error") {
  const std::uint64_t seed = 7;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::size_t length = rng.below(10); length > 0; --length) text += "{}:a \n"[rng.below(6)];
    CAPTURE(text);
    try {
      const runtime_template parsed(text);
      const std::size_t named = parsed.placeholders().size();
      REQUIRE((named == 0                                      ? parsed()
               : named == 1 && parsed.placeholders()[0] == "a" ? parsed("a"_a = 1)
                                                               : "")
                  .size() <= text.size());
    } catch (const std::invalid_argument& problem) {
      REQUIRE(std::string(problem.what()).starts_with("recllm: runtime_template: text:"));
    }
  }
}

TEST_CASE("a faulty text names its line and column") {
  CHECK(error_of([] { runtime_template("one\ntwo {history\n"); }) ==
        "recllm: runtime_template: text:2:5: the { of '{history\n' has no } before the next { or the end; "
        "write {{ for a brace itself");
  CHECK(error_of([] { runtime_template("{a {b}"); }) ==
        "recllm: runtime_template: text:1:1: the { of '{a ' has no } before the next { or the end; "
        "write {{ for a brace itself");
  CHECK(error_of([] { runtime_template("caf\u00e9 }"); }) ==
        "recllm: runtime_template: text:1:6: a } has no { before it; write }} for a brace itself");
  CHECK(error_of([] { runtime_template("\n\n{}"); }) ==
        "recllm: runtime_template: text:3:1: a placeholder has no name; write {name}, or {{}} for the braces "
        "themselves");
  CHECK(error_of([] { runtime_template("{:, }"); }) ==
        "recllm: runtime_template: text:1:1: a placeholder has no name; write {name}, or {{}} for the braces "
        "themselves");
  CHECK(error_of([] { runtime_template("{my history}"); }) ==
        "recllm: runtime_template: text:1:1: the name in '{my history}' may hold only letters, digits and "
        "underscores");
}

TEST_CASE("arguments that do not fit a run-time text are named") {
  const runtime_template ask("Watched {history}.\nRecommend {count}.");
  CHECK(error_of([&] { (void)ask("history"_a = "", "cuont"_a = 1); }) ==
        "recllm: runtime_template: text: no placeholder is called 'cuont'; there are: history, count");
  CHECK(error_of([&] { (void)ask("history"_a = ""); }) ==
        "recllm: runtime_template: text:2:11: no argument for the placeholder 'count'; given: history");
}

TEST_CASE("a template is read from a file") {
  const temporary_folder here;
  const std::string path = (here.path / "prompt.txt").string();
  std::ofstream(path) << "Recommend {count}.\n";
  CHECK(runtime_template::load(path)("count"_a = 2) == "Recommend 2.\n");
  const std::string large(10'000, 'x');
  std::ofstream(path) << large;
  CHECK(runtime_template::load(path)() == large);
  std::ofstream(path) << "one\n  {count";
  CHECK(error_of([&] { (void)runtime_template::load(path); }) ==
        "recllm: runtime_template: " + path +
            ":2:3: the { of '{count' has no } before the next { or the end; write {{ for a brace itself");
  std::filesystem::remove(path);
  CHECK(error_of([&] { (void)runtime_template::load(path); }) ==
        "recllm: runtime_template: cannot read '" + path + "'; is it a file that is there and readable?");
  CHECK(error_of([&] { (void)runtime_template::load("."); }) ==
        "recllm: runtime_template: cannot read '.'; is it a file that is there and readable?");
}
