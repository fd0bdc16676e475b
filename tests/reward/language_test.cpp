// Letters of other scripts, by hand.
#include <string>

#include <recllm/reward/language.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

struct answer {
  std::string text;
  std::string reasoning;
};

double drift(const std::string& text) { return reward::evaluate(reward::language_drift({"Latn"}), 0, text); }

}  // namespace

TEST_CASE("the share of letters of other scripts") {
  CHECK(drift("The user likes Amélie, 3 of 10!") == 0.0);
  CHECK(drift("ab中文") == 0.5);
  CHECK(drift("用户喜欢") == 1.0);
  CHECK(drift("") == 0.0);
  CHECK(drift("12 + 3 = 15 :-) \xF0\x9F\x98\x80") == 0.0);  // no letters
  CHECK(drift("abc\xFF") == 0.25);                          // a byte that is no UTF-8
  CHECK(drift("abc\xE4\xB8") == 0.25);                      // a character cut off
  CHECK(drift("a\xCC\x81"
              "b") == 0.0);  // a combining accent is no letter of its own
}

TEST_CASE("several scripts, by code or by name, of any text of the completion") {
  const auto japanese = reward::language_drift({"Hani", "Hiragana", "Kana"}, &answer::reasoning);
  CHECK(reward::evaluate(japanese, 0, answer{"ignored", "映画がすき"}) == 0.0);
  CHECK(reward::evaluate(japanese, 0, answer{"ignored", "映画ab"}) == 0.5);
  CHECK(reward::evaluate(reward::language_drift({"Cyrl"}), 0, answer{"кино", ""}) == 0.0);
}

TEST_CASE("an unknown script, or none") {
  CHECK_THROWS_WITH(
      reward::language_drift({"Latin script"}),
      "recllm: language_drift: there is no script 'Latin script'; expected a name or code of ISO "
      "15924, such as Latn, Cyrl, Hani");
  CHECK_THROWS_WITH(reward::language_drift({"en"}), Catch::Contains("there is no script 'en'"));
  CHECK_THROWS_WITH(reward::language_drift({}),
                    "recllm: language_drift: expected at least one script, got none");
}
