// What the readers of tokenizer.json's components share.
#pragma once

#include <string>
#include <string_view>

#include <recllm/text/tokenizer/json_place.hpp>
#include <recllm/text/tokenizer/regex.hpp>

namespace recllm::detail {

/// Calls `f` with the component, or, if it is a Sequence of `list`, with its components, also of Sequences in
/// it, in order. Nothing for null.
template <class F>
void each_component(const json_place& component, const char* list, F f, int depth = 0) {
  if (component.null()) return;
  if (component.at("type").text() != "Sequence") return f(component);
  if (depth == 16) component.refuse("is a Sequence in sixteen others; expected fewer");
  const json_place all = component.at(list);
  for (std::size_t i = 0; i < all.size(); ++i) each_component(all.at(i), list, f, depth + 1);
}

/// The pattern of a Split or a Replace: {"String": ...} or {"Regex": ...}.
inline text_regex read_pattern(const json_place& pattern) {
  try {
    if (!pattern.at("String").null()) return text_regex::literal(pattern.at("String").text());
    const json_place regex = pattern.at("Regex");
    if (regex.null()) pattern.fail("an object with String or Regex");
    return text_regex::pattern(regex.text());
  } catch (const pattern_error& problem) {
    pattern.refuse("cannot be used: ", problem.what());
  }
}

/// How long a text of `size` bytes may become.
constexpr std::size_t most_text(std::size_t size) { return 100 * size + 10'000; }

/// Appends the text with every match replaced.
inline void append_replaced(std::string& out, std::string_view text, const text_regex& pattern,
                            std::string_view content, const regex_scratch& scratch) {
  std::size_t done = 0;
  pattern.each(text, scratch, [&](std::size_t from, std::size_t to) {
    out += text.substr(done, from - done);
    out += content;
    done = to;
  });
  out += text.substr(done);
}

}  // namespace recllm::detail
