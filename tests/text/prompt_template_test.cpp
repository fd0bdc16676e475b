#include <recllm/text/prompt_template.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <list>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;

namespace {

struct film {
  std::string title;
  int year = 0;
  std::vector<std::string> topics{};

  [[nodiscard]] bool old() const { return year < 1990; }
};

const std::vector<film> films{
    {"Heat", 1995, {"Crime", "Drama"}}, {"Alien", 1979, {"Horror"}}, {"Untold", 2001}};

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

TEST_CASE("a loop repeats its body for each element, with the element's fields, number and place") {
  constexpr prompt_template<"Watched:{#films}\n{@rank}. {.title} ({.year}){/films}"> numbered;
  CHECK(numbered("films"_a = each(films, "title"_a = &film::title, "year"_a = &film::year)) ==
        "Watched:\n1. Heat (1995)\n2. Alien (1979)\n3. Untold (2001)");
  constexpr prompt_template<"[{#films:; }{@index}={.name}{/films}]"> indexed;
  const auto name = [](const film& f) { return f.title + "!"; };
  CHECK(indexed("films"_a = each(films, "name"_a = name)) == "[0=Heat!; 1=Alien!; 2=Untold!]");
  CHECK(indexed("films"_a = each(std::vector<film>{}, "name"_a = name)) == "[]");
  CHECK(indexed("films"_a = each(std::vector<film>{{"Kept"}}, "name"_a = &film::title)) == "[0=Kept]");
  const auto records = each(films, "name"_a = &film::title);
  CHECK(indexed("films"_a = records) == "[0=Heat; 1=Alien; 2=Untold]");
}

TEST_CASE("a loop over text or numbers shows the element itself") {
  constexpr prompt_template<"{#x:, }<{.}>{/x}{#x}{@index}{/x}"> quote;
  CHECK(quote("x"_a = std::vector<std::string>{"a", "b"}) == "<a>, <b>01");
  CHECK(quote("x"_a = std::vector<bool>{true, false}) == "<true>, <false>01");
  CHECK(quote("x"_a = std::array{0.5}) == "<0.5>0");
  const std::vector<int> numbers{1, 2, 3, 4};
  auto even = numbers | std::views::filter([](int n) { return n % 2 == 0; });
  CHECK(quote("x"_a = even) == "<2>, <4>01");
  auto squares = numbers | std::views::transform([](int n) { return n * n; });
  CHECK(prompt_template<"{#x:+}{.}{.half}{/x}">{}("x"_a = each(
                                                      squares, "half"_a = [](int n) { return n / 2.0; })) ==
        "10.5+42+94.5+168");
}

TEST_CASE("fields may be lists, loops and sections of their own") {
  constexpr prompt_template<
      "{#films: | }{.title}{?.topics}: {.topics:/}{/.topics}{^.topics}, nothing known{/.topics}{/films}">
      tell;
  CHECK(tell("films"_a = each(films, "title"_a = &film::title, "topics"_a = &film::topics)) ==
        "Heat: Crime/Drama | Alien: Horror | Untold, nothing known");
  constexpr prompt_template<"{#films}{.title}:{#.topics} {@rank}{.}{.length}{/.topics};{/films}"> nested;
  CHECK(nested("films"_a = each(
                   films, "title"_a = &film::title, "topics"_a = [](const film& f) {
                     return each(f.topics, "length"_a = &std::string::size);
                   })) == "Heat: 1Crime5 2Drama5;Alien: 1Horror6;Untold:;");
}

TEST_CASE("arguments are seen inside loops, the same list may be gone through twice, loops stand in loops") {
  constexpr prompt_template<"{#a}{.}{who}{#b}{.}{@rank}{/b};{/a}{#a}{.}{/a}{a:+}{?a}!{/a}"> all;
  CHECK(all("a"_a = std::vector{1, 2}, "b"_a = std::vector{'x', 'y'}, "who"_a = "u") ==
        "1ux1y2;2ux1y2;121+2!");
}

TEST_CASE("a section is there if its argument is") {
  constexpr prompt_template<"{?x}yes{/x}{^x}no{/x}"> ask;
  CHECK(ask("x"_a = true) == "yes");
  CHECK(ask("x"_a = false) == "no");
  CHECK(ask("x"_a = 7) == "yes");
  CHECK(ask("x"_a = 0) == "no");
  CHECK(ask("x"_a = -0.0) == "no");
  CHECK(ask("x"_a = std::numeric_limits<double>::quiet_NaN()) == "yes");
  CHECK(ask("x"_a = "text") == "yes");
  CHECK(ask("x"_a = "") == "no");
  CHECK(ask("x"_a = std::vector{0}) == "yes");
  CHECK(ask("x"_a = std::vector<int>{}) == "no");
  CHECK(ask("x"_a = each(films)) == "yes");
  CHECK(ask("x"_a = each(std::vector<film>{})) == "no");
  CHECK(ask("x"_a = std::optional(0)) == "yes");
  CHECK(ask("x"_a = std::optional<std::string>()) == "no");
  constexpr prompt_template<
      "{?age}aged {age}{/age}.{?films} {#films:, }{?.old}old {/.old}{.title}{/films}{/films}">
      tell;
  const auto listed = each(films, "title"_a = &film::title, "old"_a = &film::old);
  CHECK(tell("age"_a = std::optional(33), "films"_a = listed) == "aged 33. Heat, old Alien, Untold");
  CHECK(tell("age"_a = std::optional<int>(), "films"_a = listed) == ". Heat, old Alien, Untold");
  CHECK(prompt_template<"{#x}{?@index}, {/@index}{.}{/x}">{}("x"_a = std::vector{5, 6, 7}) == "5, 6, 7");
  CHECK(prompt_template<"({x})({x:;})">{}("x"_a = std::vector{std::optional(1), std::optional<int>()}) ==
        "(1, )(1;)");
}

// mustache's specification, sections.yml: "Standalone Lines", "Standalone Indented Lines", "Standalone Line
// Endings", "Standalone Without Previous Line", "Standalone Without Newline", "Surrounding Whitespace",
// "Internal Whitespace", "Indented Inline Sections".
TEST_CASE("the tag of a section that is alone on its line takes the line with it, as in mustache") {
  const auto yes = "x"_a = true;
  CHECK(prompt_template<"| This Is\n{?x}\n|\n{/x}\n| A Line\n">{}(yes) == "| This Is\n|\n| A Line\n");
  CHECK(prompt_template<"| This Is\n  {?x}\n|\n  {/x}\n| A Line\n">{}(yes) == "| This Is\n|\n| A Line\n");
  CHECK(prompt_template<"|\r\n{?x}\r\n{/x}\r\n|">{}(yes) == "|\r\n|");
  CHECK(prompt_template<"  {?x}\n#{/x}\n/">{}(yes) == "#\n/");
  CHECK(prompt_template<"#{?x}\n/\n  {/x}">{}(yes) == "#\n/\n");
  CHECK(prompt_template<" | {?x}\t|\t{/x} | \n">{}(yes) == " | \t|\t | \n");
  CHECK(prompt_template<" | {?x} \n {/x} | \n">{}(yes) == " |  \n  | \n");
  CHECK(prompt_template<" {?x}YES{/x}\n {?x}GOOD{/x}\n">{}(yes) == " YES\n GOOD\n");
  CHECK(prompt_template<"{?x}\n\n{/x}\n\n{x}\n">{}(yes) == "\n\ntrue\n");
  constexpr prompt_template<R"(
{?films}
Watched:
{#films}
  - {.title}
{/films}
{/films}
{^films}
Nothing watched.
{/films}
Recommend.
)">
      page;
  CHECK(page("films"_a = each(films, "title"_a = &film::title)) ==
        "\nWatched:\n  - Heat\n  - Alien\n  - Untold\nRecommend.\n");
  CHECK(page("films"_a = each(std::vector<film>{}, "title"_a = &film::title)) ==
        "\nNothing watched.\nRecommend.\n");
}
