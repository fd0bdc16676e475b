#include <recllm/text/runtime_template.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
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
    for (std::size_t length = rng.below(12); length > 0; --length) text += "{}:a \n#?/^.@"[rng.below(12)];
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

TEST_CASE("sections of a run-time text give the same as those of the compiler's") {
  constexpr prompt_template<"{?n}{n} films:{/n}{#films}\n{@rank}. {.title}{?.year} ({.year}){/.year}{/films}">
      fixed;
  const runtime_template read(
      "{?n}{n} films:{/n}{#films}\n{@rank}. {.title}{?.year} ({.year}){/.year}{/films}");
  using film = std::pair<std::string, int>;
  const std::vector<film> films{{"Heat", 1995}, {"Alien", 0}};
  const auto list = each(films, "title"_a = &film::first, "year"_a = &film::second);
  CHECK(read("n"_a = 2, "films"_a = list) == "2 films:\n1. Heat (1995)\n2. Alien");
  CHECK(read("n"_a = 2, "films"_a = list) == fixed("n"_a = 2, "films"_a = list));
  CHECK(read("n"_a = 0, "films"_a = list) == fixed("n"_a = 0, "films"_a = list));
  CHECK(read.placeholders() == std::vector<std::string>{"n", "films"});
  const runtime_template copy = [&] { return runtime_template("{a}"); }();
  CHECK(runtime_template(copy)("a"_a = 1) == "1");
}

TEST_CASE("a faulty section names its line and column") {
  CHECK(error_of([] { runtime_template("x\n {#films} {?a}{/a}"); }) ==
        "recllm: runtime_template: text:2:2: the section '{#films}' has no end; write {/name} where it ends");
  CHECK(error_of([] { runtime_template("{/films}"); }) ==
        "recllm: runtime_template: text:1:1: '{/films}' is not the end of any section: none is open; is it "
        "misspelt or misplaced?");
  CHECK(error_of([] { runtime_template("{#a}\n{?b}{/a}{/b}"); }) ==
        "recllm: runtime_template: text:2:5: '{/a}' is not the end of the section opened last, '{?b}' of "
        "text:2:1; is it misspelt or misplaced?");
  CHECK(error_of([] { runtime_template("{#a}{?.b}{/b}{/a}"); }) ==
        "recllm: runtime_template: text:1:10: '{/b}' is not the end of the section opened last, '{?.b}' of "
        "text:1:5; is it misspelt or misplaced?");
  CHECK(error_of([] { runtime_template("{?a}{.title}{/a}"); }) ==
        "recllm: runtime_template: text:1:5: '{.title}' is of a list's element; write it between {#list} and "
        "{/list}");
  CHECK(error_of([] { runtime_template("{#a}{/a}{@rank}"); }) ==
        "recllm: runtime_template: text:1:9: '{@rank}' is of a list's element; write it between {#list} and "
        "{/list}");
  CHECK(error_of([] { runtime_template("{#a}{@last}{/a}"); }) ==
        "recllm: runtime_template: text:1:5: '{@last}' is no counter; a loop has {@index}, from 0, and "
        "{@rank}, from 1");
  for (const char* text : {"{#}{/}", "{?}", "{^}", "{/}", "{#.}", "{@}", "{#:, }"})
    CHECK(error_of([=] { runtime_template{text}; }) ==
          "recllm: runtime_template: text:1:1: a placeholder has no name; write {name}, or {{}} for the "
          "braces themselves");
  for (const char* text : {"{?a:, }", "{/a:}", "{@rank:,}", "{# a}", "{#a }", "{a.b}", "{..a}", "{##a}"})
    CHECK(error_of([=] { runtime_template{text}; }) == "recllm: runtime_template: text:1:1: the name in '" +
                                                           std::string(text) +
                                                           "' may hold only letters, digits and underscores");
}

TEST_CASE("arguments that do not fit a run-time text's sections are named") {
  using film = std::pair<std::string, int>;
  const std::vector<film> films{{"Heat", 1995}};
  const runtime_template tell("{#films}\n{.title}\n{/films}\n{?n}{/n}");
  CHECK(error_of([&] { (void)tell("films"_a = each(films, "title"_a = &film::first)); }) ==
        "recllm: runtime_template: text:4:1: no argument for the placeholder 'n'; given: films");
  CHECK(error_of([&] { (void)tell("films"_a = 3, "n"_a = 1); }) ==
        "recllm: runtime_template: text:1:1: a loop needs a list, and 'films' is none; write {?films} for a "
        "section that is shown if it is there");
  CHECK(
      error_of([&] { (void)tell("films"_a = each(films, "name"_a = &film::first), "n"_a = 1); }) ==
      "recllm: runtime_template: text:2:1: the elements of the loop have no field 'title'; give the list as "
      "each(list, \"title\"_a = &type::member)");
  CHECK(error_of([&] {
          (void)tell("films"_a = each(films, "title"_a = &film::first, "year"_a = &film::second), "n"_a = 1);
        }) ==
        "recllm: runtime_template: text: no loop over the list shows the field 'year'; is it misspelt?");
  CHECK(
      error_of([&] { (void)tell("films"_a = std::vector{1}, "n"_a = 1); }) ==
      "recllm: runtime_template: text:2:1: the elements of the loop have no field 'title'; give the list as "
      "each(list, \"title\"_a = &type::member)");
  CHECK(error_of([&] { (void)runtime_template("{films}")("films"_a = each(films)); }) ==
        "recllm: runtime_template: text:1:1: 'films' is shown by its fields, as each() gives it: "
        "{#list}{.field}{/list}");
  CHECK(error_of([&] { (void)runtime_template("{#films}{.}{/films}")("films"_a = each(films)); }) ==
        "recllm: runtime_template: text:1:9: '.' is shown by its fields, as each() gives it: "
        "{#list}{.field}{/list}");
}

TEST_CASE("random sections come out as they were put together") {
  const std::uint64_t seed = 31;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<std::string> words{"u", "", "w"};
  struct writer {
    random_stream& rng;
    std::string text;
    /// Writes a random body and gives what it shows; `word` is the element of the loop around it, if any.
    std::string body(const std::vector<std::string>& list, const std::string* word, std::size_t place,
                     int depth, bool write) {
      std::string shown;
      for (std::size_t left = rng.below(4); left > 0; --left) {
        const std::size_t kind = rng.below(depth > 0 ? 6 : 3);
        const auto put = [&](const std::string& piece) {
          if (write) text += piece;
        };
        if (kind == 0) {
          put("{{x"), shown += "{x";
        } else if (kind == 1) {
          put("{yes}"), shown += "Y";
        } else if (kind == 2) {
          if (word != nullptr) put("<{.}{@rank}>"), shown += "<" + *word + std::to_string(place + 1) + ">";
        } else if (kind == 3) {
          put("{#list:;}");
          std::string all;
          random_stream again = rng;
          for (std::size_t i = 0; i < list.size(); ++i) {
            rng = again;
            all += (i > 0 ? ";" : "") + body(list, &list[i], i, depth - 1, write && i == 0);
          }
          put("{/list}"), shown += all;
        } else {
          const bool present = kind == 4, asked = rng.below(2) == 0;
          const std::string name = asked ? "yes" : "no";
          put((present ? "{?" : "{^") + name + "}");
          const std::string inner = body(list, word, place, depth - 1, write);
          put("{/" + name + "}");
          if (present == asked) shown += inner;
        }
      }
      return shown;
    }
  };
  for (int round = 0; round < 2000; ++round) {
    writer w{rng, "{list:}{yes}{no}"};
    const std::string expected = "uwY0" + w.body(words, nullptr, 0, 3, true);
    CAPTURE(w.text);
    REQUIRE(runtime_template(w.text)("list"_a = words, "yes"_a = "Y", "no"_a = 0) == expected);
  }
}
