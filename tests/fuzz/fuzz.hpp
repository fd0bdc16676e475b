// What the fuzz targets share: expectations whose failure ends the program, so that the input is kept, and
// the parts of an input.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>

#include "support/temporary_folder.hpp"

/// Defined by each target; called by libFuzzer, or by replay.cpp for every seed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

template <class... Parts>
void expect(bool condition, const Parts&... parts) {
  if (condition) return;
  std::cerr << "fuzz: " << recllm::message(parts...) << '\n';
  std::abort();
}

/// What a function gave, or why it refused.
template <class T>
struct outcome {
  std::optional<T> value{};
  std::string refusal{};
};

/// Calls `f`, which may refuse by std::invalid_argument in one of the library's sentences and by nothing
/// else.
template <std::invocable F>
outcome<std::invoke_result_t<F>> attempt(F&& f) {
  try {
    return {std::forward<F>(f)(), {}};
  } catch (const std::invalid_argument& problem) {
    const std::string_view sentence = problem.what();
    expect(sentence.starts_with("recllm: "), "no sentence of the library: ", sentence);
    return {std::nullopt, std::string(sentence)};
  }
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The parts of `all` between separators; empty ones where there are fewer than `least`.
inline std::vector<std::string> parts(std::string_view all, std::string_view separator,
                                      std::size_t least = 0) {
  std::vector<std::string> found;
  for (std::size_t from = 0;;) {
    const std::size_t to = all.find(separator, from);
    found.emplace_back(all.substr(from, to - from));
    if (to == std::string_view::npos) break;
    from = to + separator.size();
  }
  if (found.size() < least) found.resize(least);
  return found;
}

/// An input of several texts has lines of four dashes between them.
inline std::vector<std::string> texts(std::string_view input, std::size_t count) {
  return parts(input, "\n----\n", count);
}

inline std::vector<std::string> lines(std::string_view text) { return parts(text, "\n"); }

/// The whole number that `text` is; `otherwise` if it is none.
template <std::integral Number>
Number whole(std::string_view text, Number otherwise = 0) {
  Number number = otherwise;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : otherwise;
}

/// If `sentence`, "recllm: function: source:line:column: ...", names a place, the text has that line, and
/// that column in it or just after it. A column counts characters, from 1; there may be none.
inline void expect_place_in(std::string_view sentence, const std::string& source, std::string_view text) {
  const std::size_t function = sentence.find(": ");
  if (function == std::string_view::npos) return;
  const std::size_t at = sentence.find(": ", function + 2);
  if (at == std::string_view::npos || !sentence.substr(at + 2).starts_with(source + ":")) return;
  const std::vector<std::string> place = parts(sentence.substr(at + 2 + source.size() + 1), ":", 2);
  if (place[0].starts_with(' ')) return;  // of the whole text
  const std::vector<std::string> all = lines(text);
  const auto line = whole<std::size_t>(place[0]), column = whole<std::size_t>(place[1]);
  expect(line >= 1 && line <= all.size(), "there is no such line: ", sentence);
  expect(column <= all[line - 1].size() + 1, "there is no such column: ", sentence);
}

/// A file of a folder that goes with the program. TMPDIR says where; in memory is best.
class file {
 public:
  explicit file(const std::string& name) : path_(folder() / name) {
    std::filesystem::create_directories(path_.parent_path());
  }

  void write(std::string_view bytes) const {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    expect(out.flush().good(), "cannot write ", path_);
  }
  [[nodiscard]] std::string read() const { return read_file(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  static const std::filesystem::path& folder() {
    static const temporary_folder own;
    return own.path;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace fuzz
