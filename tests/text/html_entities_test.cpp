#include <recllm/text/html_entities.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/fnv.hpp"

using namespace recllm;

TEST_CASE("references become characters") {
  CHECK(decode_html_entities("Toys &amp; Games") == "Toys & Games");
  CHECK(decode_html_entities("&lt;b&gt; &quot;Caf&eacute;&quot; &#39;n&apos; &#x2605;&#X1F600;") ==
        "<b> \"Caf\u00e9\" 'n' \u2605\U0001F600");
  CHECK(decode_html_entities("&thetasym;&hearts;&nbsp;|") == "\u03d1\u2665\u00a0|");
  CHECK(decode_html_entities("&amp;lt;") == "&lt;");
  CHECK(decode_html_entities("&#65&#66 &#x43") == "AB C");
  CHECK(decode_html_entities("&#150;&#128;&#0;&#xD800;&#x110000;&#99999999999999999999;") ==
        "\u2013\u20ac\ufffd\ufffd\ufffd\ufffd");
  for (const char* text : {"", "&", "AT&T", "Q&A;", "&;", "&#;", "&#x;", "&#xg;", "&nosuch;", "&amp",
                           "& amp;", "&AMP;", "&eacut\u00e9;", "a&"})
    CHECK(decode_html_entities(text) == text);
}

// Of Python 3.11: html.entities.name2codepoint, and "apos": 39, as "name=number;" in the order of the names.
TEST_CASE("the names are those of HTML 4") {
  fnv1a hash;
  for (const auto& [name, number] : detail::entities) {
    hash.add(std::string(name) + "=" + std::to_string(number) + ";");
    REQUIRE(detail::reference_at("&" + std::string(name) + ";").character == number);
  }
  CHECK(hash.value == 0x3484e79f27bbf8b7U);
}

// The hashes are of what html.unescape() of Python 3.11 gives for the same texts; numbers of controls and
// noncharacters, which it drops, left out.
TEST_CASE("numbers are read as Python reads them") {
  fnv1a hash;
  const auto dropped = [](std::uint64_t c) {
    return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f ||
           (c >= 0xfdd0 && c <= 0xfdef) || ((c & 0xfffe) == 0xfffe && c <= 0x10ffff);
  };
  const auto add = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t c = first; c < last; ++c)
      if (!dropped(c)) hash.add(decode_html_entities("&#" + std::to_string(c) + ";"));
  };
  add(0, 0x3000), add(0xd000, 0xe100), add(0xfd00, 0x10100), add(0x10fffc, 0x10fffd), add(0x110000, 0x110001);
  add(99999999999, 99999999999 + 1);
  CHECK(hash.value == 0x56a12f380cb02acdU);
}

TEST_CASE("random texts are decoded as Python decodes them") {
  constexpr std::array<std::string_view, 20> pieces{
      "&amp;",          "&lt;",   "&#39;",      "&#x41",    "&#0;", "&#150;",
      "&nosuch;",       "&",      "&#",         "&#x",      "a",    ";",
      "&eacute;",       "\u00e9", "&thetasym;", "&hearts;", " ",    "&#X1F600;",
      "&#99999999999;", "&Amp;"};
  knuth_draws draws;
  fnv1a hash;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t left = draws.below(12); left > 0; --left) text += pieces[draws.below(pieces.size())];
    hash.add(decode_html_entities(text) + "\n");
  }
  CHECK(hash.value == 0x4f57bc1df32e2dc2U);
}
