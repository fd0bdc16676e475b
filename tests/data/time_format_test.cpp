// Numbers and times as text, against strtod and dates that are known.
#include <recllm/data/time_format.hpp>

#include <cstdlib>
#include <string>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using detail::parse_number;
using detail::parse_time;

TEST_CASE("numbers are those of strtod, bit by bit") {
  constexpr std::uint64_t seed = 17;
  INFO("seed " << seed);
  random_stream rng(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = rng.below(8) == 0 ? "-" : "";
    for (std::size_t i = rng.below(18); i > 0; --i) text += static_cast<char>('0' + rng.below(10));
    if (rng.below(2) == 0) text += '.';
    for (std::size_t i = rng.below(8); i > 0; --i) text += static_cast<char>('0' + rng.below(10));
    if (rng.below(8) == 0) text += "e" + std::to_string(static_cast<int>(rng.below(40)) - 20);
    INFO(text);
    char* end = nullptr;
    const double expected = std::strtod(text.c_str(), &end);
    const bool whole = !text.empty() && end == text.c_str() + text.size();
    const std::optional<double> value = parse_number(text);
    REQUIRE(value.has_value() == whole);
    if (whole) REQUIRE(*value == expected);
  }
  for (const char* bad : {"", ".", "-", "1 ", " 1", "1.2.3", "nan", "inf", "1e999", "4,5", "0x10", "+1"})
    CHECK_FALSE(parse_number(bad));
}

TEST_CASE("seconds and milliseconds") {
  CHECK(parse_time("881250949", time_format::seconds) == 881250949);
  CHECK(parse_time("-1", time_format::seconds) == -1);
  CHECK(parse_time("1.9", time_format::seconds) == 1);
  CHECK(parse_time("8.5e2", time_format::seconds) == 850);
  CHECK(parse_time("9223372036854775807", time_format::seconds) == 9223372036854775807);
  CHECK_FALSE(parse_time("9223372036854775808", time_format::seconds));
  CHECK(parse_time("999999999999999999", time_format::seconds) == 999999999999999999);
  CHECK(parse_time("1709251198999", time_format::milliseconds) == 1709251198);
  CHECK(parse_time("1.709251198e12", time_format::milliseconds) == 1709251198);
  for (const char* bad :
       {"", "late", "1 ", "1e30", "-1e19", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"})
    CHECK_FALSE(parse_time(bad, time_format::seconds));
}

TEST_CASE("ISO 8601") {
  const auto at = [](const char* text) { return parse_time(text, time_format::iso_8601); };
  CHECK(at("1970-01-01") == 0);
  CHECK(at("2024-02-29T23:59:58Z") == 1709251198);  // date -u -d 2024-02-29T23:59:58Z +%s
  CHECK(at("2024-02-29 23:59:58") == 1709251198);
  CHECK(at("2024-02-29T23:59:58.999Z") == 1709251198);
  CHECK(at("2024-03-01T01:59:58+02:00") == 1709251198);
  CHECK(at("2024-02-29T18:29:58-0530") == 1709251198);
  CHECK(at("2024-03-01T00:59+01") == 1709251140);
  CHECK(at("1969-12-31T23:59:59Z") == -1);
  CHECK(at("2016-12-31T23:59:60Z") == 1483228800);
  CHECK(at("0001-01-01") == -62135596800);
  for (const char* bad :
       {"", "2024", "2024-02-30", "2023-02-29", "2024-13-01", "2024-1-1", "2024-02-29T", "2024-02-29T24:00",
        "2024-02-29T23:60", "2024-02-29T23:59:61", "2024-02-29T23:59:58.", "2024-02-29T23:59:58z1",
        "2024-02-29T23:59:58+2", "2024-02-29T23:59:58+02:", "2024-02-29T23:59:58+24", "2024-02-29x23:59",
        "1709251198"})
    CHECK_FALSE(at(bad));
}
