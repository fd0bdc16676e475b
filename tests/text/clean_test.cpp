#include <recllm/text/clean.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/fnv.hpp"

using namespace recllm;

TEST_CASE("text is made even") {
  CHECK(clean_text("  Caf\u00e9 &amp; Cre\u0300me\u200b \x07 \u2605 \xff\n\nnew&nbsp;line ") ==
        "Caf\u00e9 & Cr\u00e8me \u2605 \ufffd new line");
  CHECK(clean_text("").empty());
  CHECK(clean_text(" \u3000\t\u200b").empty());
  CHECK(clean_text(std::string_view("a\0b", 3)) == "ab");
  CHECK(clean_text("a\xe2\x82 \xf0\x9f\x98z\xc0\xaf") == "a\ufffd \ufffdz\ufffd\ufffd");
  CHECK(clean_text("\ufeffsoft\u00adware\u202e \u0645\u06cc\u200c\u062e") ==
        "software \u0645\u06cc\u200c\u062e");
}

TEST_CASE("each setting does one thing") {
  CHECK(clean_text("&lt;b&gt;", {.html_entities = false}) == "&lt;b&gt;");
  CHECK(clean_text("\u2605 Best\u2122 \U0001F469\U0001F3FD\u200d\U0001F680\ufe0f! 1\ufe0f\u20e3 \xff",
                   {.symbols = false}) == "Best ! 1");
  CHECK(clean_text("\uff21\ufb01\u00b2\u2122", {.form = normal_form::nfkc}) == "Afi2TM");
  CHECK(clean_text(" a \r\n\r\n b\u2028c\td ", {.line_ends = true}) == "a\nb\nc d");
}

// The hashes of this file are of a program in Python 3.11 that does the same with html.unescape,
// bytes.decode("utf-8", "replace") and unicodedata's category() and normalize().
TEST_CASE("every character of the first planes is cleaned as Python's tables have it") {
  const auto sweep = [](char32_t last, const text_cleaning& how) {
    fnv1a hash;
    for (char32_t c = 1; c < last; ++c) {
      if (c == '&') continue;
      std::string text = "a";
      detail::append_utf8(text, c);
      hash.add(clean_text(text + "\u0301b", how) + "\n");
    }
    return hash.value;
  };
  CHECK(sweep(0xd800, {}) == 0x82a1613299a7262U);
  CHECK(sweep(0xa000, {.symbols = false, .form = normal_form::nfkc}) == 0x988ad4fa46ee57f1U);
}

TEST_CASE("random texts, broken ones too, are cleaned as Python cleans them, and once is enough") {
  constexpr std::array<std::string_view, 36> pieces{"a",
                                                    " ",
                                                    "e",
                                                    "\xcc\x81",
                                                    "\xcc\xa7",
                                                    "\xff",
                                                    "\xe2\x82",
                                                    "\xf0\x9f\x98",
                                                    "\xc0\xaf",
                                                    "\xed\xa0\x80",
                                                    "\xf4\x90\x80\x80",
                                                    "\xe1\x84\x80",
                                                    "\xe1\x85\xa1",
                                                    "\xe1\x86\xa8",
                                                    "\n",
                                                    "\r\n",
                                                    "\t",
                                                    "\xc2\xa0",
                                                    "\xe3\x80\x80",
                                                    "\xe2\x80\x8b",
                                                    "\xef\xbb\xbf",
                                                    "\xe2\x80\x8d",
                                                    "\xf0\x9f\x91\xa9",
                                                    "\xef\xb8\x8f",
                                                    "\xe2\x98\x85",
                                                    "\xe2\x84\xa2",
                                                    "\xef\xac\x81",
                                                    "\xef\xbc\xa1",
                                                    "&amp;",
                                                    "&eacute;",
                                                    "&#8203;",
                                                    std::string_view("\0", 1),
                                                    "\x7f",
                                                    "\xc2\xad",
                                                    "\xe2\x84\xab",
                                                    "\xef\xb7\xba"};
  const auto hash_with = [&](text_cleaning how) {
    knuth_draws draws;
    fnv1a hash;
    for (int round = 0; round < 20'000; ++round) {
      std::string text;
      for (std::size_t left = draws.below(14); left > 0; --left) text += pieces[draws.below(pieces.size())];
      const std::string cleaned = clean_text(text, how);
      hash.add(cleaned + "\n");
      text_cleaning again = how;
      again.html_entities = false;
      REQUIRE(clean_text(cleaned, again) == cleaned);
    }
    return hash.value;
  };
  CHECK(hash_with({}) == 0x8d8529d40204381fU);
  CHECK(hash_with({.line_ends = true}) == 0xb6b4dbc89f31212fU);
  CHECK(hash_with({.symbols = false, .form = normal_form::nfkc}) == 0xfc601a94a3a0060U);
}

TEST_CASE("an item is cleaned in all its texts") {
  const item cleaned = clean_item(
      {"id &", " A&amp;B\n", "1995", {"Toys &amp; Games"}, "x&nbsp;y", {{"brand", "L\u200bEGO "}}});
  CHECK(cleaned.id == "id &");
  CHECK(cleaned.title == "A&B");
  CHECK(cleaned.topics == std::vector<std::string>{"Toys & Games"});
  CHECK(cleaned.description == "x y");
  CHECK(cleaned.attributes[0].second == "LEGO");
}
