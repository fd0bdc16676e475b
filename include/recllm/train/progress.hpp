// How far a long loop is: a bar that redraws itself on a terminal, a line now and then elsewhere.
#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm {

/// Seconds of a clock that never goes back.
[[nodiscard]] inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The width of the terminal behind a file descriptor (1 = standard output, 2 = standard error) in
/// characters, 80 if it does not tell; 0 where there is none, or one that cannot redraw (TERM=dumb).
[[nodiscard]] inline int terminal_columns(int descriptor) {
  const char* term = std::getenv("TERM");
  if (::isatty(descriptor) == 0 || term == nullptr || std::string_view(term) == "dumb") return 0;
  struct winsize size = {};
  const bool told = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return told ? size.ws_col : 80;
}

/// Whether the locale of the environment writes UTF-8.
[[nodiscard]] inline bool utf8_environment() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      const std::string_view text = value;
      return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
    }
  return false;
}

/// How a progress bar looks and where it writes.
struct progress_settings {
  std::string label = {};
  std::size_t total = 0;  ///< steps in all; 0 = not known: no bar and no time left
  std::size_t first = 0;  ///< steps done before (a resumed run): shown, but not part of the rate
  std::string unit = "steps";
  std::vector<std::string> show = {"reward", "loss",
                                   "kl"};  ///< fields of the metrics that follow, where present
  std::ostream* out = &std::cerr;
  std::function<int()> columns = [] { return terminal_columns(STDERR_FILENO); };  ///< 0 = lines, no redrawing
  std::function<double()> seconds = monotonic_seconds;
  bool utf8 = utf8_environment();  ///< bar of eighth blocks rather than of '#'
  double redraw_every = 0.1;       ///< seconds, on a terminal
  double line_every = 10.0;        ///< seconds, elsewhere; a line is also due at each tenth of the total
};

/// Counts steps and shows them: `bar.advance()` in a loop, or `train(...) | tee(bar)`. Not for several
/// threads.
class progress {
 public:
  explicit progress(progress_settings settings) : settings_(std::move(settings)), done_(settings_.first) {
    require(settings_.out != nullptr, "recllm: progress: out must point to a stream");
    require(settings_.columns && settings_.seconds, "recllm: progress: columns and seconds must be callable");
    started_ = shown_ = settings_.seconds();
    if (settings_.columns() > 0) draw(settings_.columns());
  }
  ~progress() { finish(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// `count` more steps are done.
  void advance(std::size_t count = 1) {
    const std::size_t before = done_;
    done_ += count;
    const double now = settings_.seconds();
    const std::size_t total = settings_.total;
    const bool last = total > 0 && done_ == total && count > 0;
    if (const int columns = settings_.columns(); columns > 0) {
      if (last || now - shown_ >= settings_.redraw_every) draw(columns);
    } else {
      const bool tenth = total > 0 && before * 10 / total != done_ * 10 / total;
      if (last || tenth || now - shown_ >= settings_.line_every) write_line();
    }
  }

  /// The text after the numbers, from the next redraw or line on.
  void say(std::string text) { text_ = std::move(text); }

  /// One step with these metrics: shows those named in `show`, then advances.
  template <class Metrics>
  void operator()(const Metrics& metrics) {
    std::string text;
    for (const std::string& wanted : settings_.show)
      for_each_field(metrics, [&](std::string_view name, double value) {
        if (name != wanted) return;
        if (!text.empty()) text += "  ";
        text += wanted + ' ' + number("%.4g", value);
      });
    say(std::move(text));
    advance();
  }

  /// A whole line above the bar.
  void line(std::string_view text) {
    const int columns = settings_.columns();
    *settings_.out << (columns > 0 ? "\r\x1b[K" : "") << text << '\n';
    if (columns > 0 && !finished_) draw(columns);
    settings_.out->flush();
  }

  /// The last state, and the end of its line; the destructor calls it.
  void finish() {
    if (std::exchange(finished_, true)) return;
    if (const int columns = settings_.columns(); columns > 0) {
      draw(columns);
      *settings_.out << std::endl;
    } else if (done_ != written_) {
      write_line();
    }
  }

 private:
  static std::string number(const char* format, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
  }

  static std::string clock(double seconds) {
    if (!std::isfinite(seconds) || seconds > 359999.0) return "--:--";
    const long long all = std::llround(std::max(seconds, 0.0));
    std::array<char, 32> text{};
    if (all >= 3600)
      std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", all / 3600, all / 60 % 60, all % 60);
    else
      std::snprintf(text.data(), text.size(), "%02lld:%02lld", all / 60, all % 60);
    return text.data();
  }

  /// Characters, not bytes, of UTF-8 text.
  static std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }

  /// The first `columns` characters of UTF-8 text.
  static std::string_view cut(std::string_view text, std::size_t columns) {
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end)
      if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && seen++ == columns) break;
    return text.substr(0, end);
  }

  [[nodiscard]] double elapsed() const { return settings_.seconds() - started_; }
  [[nodiscard]] double rate() const {
    const double seconds = elapsed();
    return seconds > 0.0 ? static_cast<double>(done_ - settings_.first) / seconds : 0.0;
  }
  [[nodiscard]] double share() const {
    return std::min(1.0, static_cast<double>(done_) / static_cast<double>(settings_.total));
  }
  [[nodiscard]] std::string rate_text() const {
    const double speed = rate();
    if (speed <= 0.0) return "? " + settings_.unit + "/s";
    return speed >= 1.0 ? number(speed < 999.5 ? "%.3g " : "%.0f ", speed) + settings_.unit + "/s"
                        : number("%.3g", 1.0 / speed) + " s each";
  }
  [[nodiscard]] std::string left_text() const {
    const double speed = rate();
    if (done_ >= settings_.total) return clock(0.0);
    return speed > 0.0 ? clock(static_cast<double>(settings_.total - done_) / speed) : clock(INFINITY);
  }

  [[nodiscard]] std::string bar(std::size_t columns) const {
    static constexpr std::array<const char*, 8> eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto filled = static_cast<std::size_t>(share() * static_cast<double>(columns) * 8.0);
    std::string text;
    for (std::size_t i = 0; i < filled / 8; ++i) text += settings_.utf8 ? "█" : "#";
    if (settings_.utf8) text += eighths[filled % 8];
    text.append(columns - width(text), settings_.utf8 ? ' ' : '.');
    return '|' + text + '|';
  }

  void draw(int columns) {
    const auto room = static_cast<std::size_t>(std::max(columns - 1, 1));
    std::string head = settings_.label.empty() ? "" : settings_.label + ' ';
    std::string tail = std::to_string(done_);
    if (settings_.total > 0) {
      head += number("%3.0f%% ", std::floor(share() * 100.0));
      tail += '/' + std::to_string(settings_.total) + " [" + clock(elapsed()) + '<' + left_text() + ", ";
    } else {
      tail += ' ' + settings_.unit + " [" + clock(elapsed()) + ", ";
    }
    tail = ' ' + tail + rate_text() + "] ";
    const std::size_t fixed = width(head) + width(tail) + 2;
    std::size_t bar_columns =
        settings_.total > 0 && room > fixed + width(text_) ? room - fixed - width(text_) : 0;
    bar_columns = std::clamp<std::size_t>(bar_columns, 10, 30);  // long text is cut before the bar is
    if (settings_.total > 0 && room >= fixed + bar_columns)
      head += bar(bar_columns);
    else if (!tail.empty())
      tail.erase(0, 1);
    const std::string whole = head + tail + text_;
    *settings_.out << '\r' << cut(whole, room) << "\x1b[K" << std::flush;
    shown_ = settings_.seconds();
  }

  void write_line() {
    std::ostream& out = *settings_.out;
    if (!settings_.label.empty()) out << settings_.label << ": ";
    out << done_;
    if (settings_.total > 0)
      out << '/' << settings_.total << " (" << number("%.0f%%", std::floor(share() * 100.0)) << ')';
    out << ' ' << settings_.unit << ", " << clock(elapsed()) << " elapsed";
    if (settings_.total > 0) out << ", " << left_text() << " left";
    out << ", " << rate_text();
    if (!text_.empty()) out << ", " << text_;
    out << std::endl;
    written_ = done_;
    shown_ = settings_.seconds();
  }

  progress_settings settings_;
  std::size_t done_;
  std::size_t written_ = static_cast<std::size_t>(-1);
  double started_ = 0.0;
  double shown_ = 0.0;
  std::string text_;
  bool finished_ = false;
};

}  // namespace recllm
