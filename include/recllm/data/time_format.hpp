// Times in files: seconds, milliseconds, ISO 8601; numbers as text.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include <recllm/text/ascii.hpp>

namespace recllm {

/// How a file writes times. Fractions of a second are cut off.
enum class time_format {
  seconds,       ///< since the epoch
  milliseconds,  ///< since the epoch
  iso_8601       ///< 2024-02-29, 2024-02-29T23:59:58, ...58.5Z, ...58+02:00; a space for T; no zone is UTC
};

namespace detail {

/// The whole text as a finite number. "3.5" and its like cost no call: a mantissa and a power of ten below
/// 2^53 are exact, and so is their quotient but for its one rounding.
inline std::optional<double> parse_number(std::string_view text) {
  constexpr std::array<double, 16> powers{1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  if (text.size() <= 16) {
    std::uint64_t mantissa = 0;
    std::size_t digits = 0, decimals = 0;
    bool simple = true, point = false;
    for (const char c : text) {
      if (is_digit(c)) {
        mantissa = mantissa * 10 + static_cast<std::uint64_t>(c - '0');
        ++digits;
        decimals += point ? 1 : 0;
      } else {
        simple = simple && c == '.' && !point;
        point = true;
      }
    }
    if (simple && digits > 0 && digits < powers.size())
      return static_cast<double>(mantissa) / powers[decimals];
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

/// The whole text as an integer.
inline std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  if (!text.empty() && text.size() <= 18) {  // up to 10^18 - 1: no overflow to watch for
    std::size_t digits = 0;
    for (; digits < text.size() && is_digit(text[digits]); ++digits)
      value = value * 10 + (text[digits] - '0');
    if (digits == text.size()) return value;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// Takes `digits` digits off the front of `text`.
inline std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return {};
  for (std::size_t i = 0; i < digits; ++i) {
    if (!is_digit(text[i])) return {};
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

/// Takes `one` off the front of `text`, if it is there.
inline bool take(std::string_view& text, std::string_view one) {
  if (!text.starts_with(one)) return false;
  text.remove_prefix(one.size());
  return true;
}

/// Seconds east of UTC: "", Z, +02, +0200 or +02:00.
inline std::optional<std::int64_t> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const bool west = text.front() == '-';
  if (!west && text.front() != '+') return {};
  text.remove_prefix(1);
  const std::optional<int> hours = take_digits(text, 2);
  const bool hours_only = text.empty();
  take(text, ":");
  const std::optional<int> minutes = hours_only ? 0 : take_digits(text, 2);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return {};
  const std::int64_t seconds = std::int64_t{*hours} * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

inline std::optional<std::int64_t> parse_iso_8601(std::string_view text) {
  const std::optional<int> year = take_digits(text, 4);
  if (!year || !take(text, "-")) return {};
  const std::optional<int> month = take_digits(text, 2);
  if (!month || !take(text, "-")) return {};
  const std::optional<int> day = take_digits(text, 2);
  if (!day) return {};
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return {};
  const std::int64_t midnight = std::int64_t{86'400} * std::chrono::sys_days(date).time_since_epoch().count();
  if (text.empty()) return midnight;
  if (!take(text, "T") && !take(text, "t") && !take(text, " ")) return {};
  const std::optional<int> hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return {};
  const std::optional<int> minute = take_digits(text, 2);
  const std::optional<int> second = minute && take(text, ":") ? take_digits(text, 2) : 0;
  if (!minute || !second || *hour > 23 || *minute > 59 || *second > 60) return {};  // 60: a leap second
  if (take(text, ".") || take(text, ",")) {
    const std::size_t fraction = std::min(text.find_first_not_of("0123456789"), text.size());
    if (fraction == 0) return {};
    text.remove_prefix(fraction);
  }
  const std::optional<std::int64_t> zone = parse_zone(text);
  if (!zone) return {};
  return midnight + *hour * 3600 + *minute * 60 + *second - *zone;
}

/// Seconds since the epoch; nothing if the text is not a time of that format that fits 64 bits.
inline std::optional<std::int64_t> parse_time(std::string_view text, time_format format) {
  if (format == time_format::iso_8601) return parse_iso_8601(text);
  const std::int64_t unit = format == time_format::milliseconds ? 1000 : 1;
  if (const std::optional<std::int64_t> whole = parse_integer(text)) return *whole / unit;
  const std::optional<double> value = parse_number(text);
  if (!value || std::abs(*value) >= 0x1p63) return {};
  return static_cast<std::int64_t>(*value) / unit;
}

/// What a message says is expected of a time.
inline std::string_view expected_time(time_format format) {
  switch (format) {
    case time_format::seconds:
      return "seconds since the epoch that fit 64 bits";
    case time_format::milliseconds:
      return "milliseconds since the epoch that fit 64 bits";
    case time_format::iso_8601:
      break;
  }
  return "a date or time of ISO 8601 such as 2024-02-29T23:59:58Z";
}

}  // namespace detail
}  // namespace recllm
