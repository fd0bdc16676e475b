// Activities in words: the input is lines of action, topic, title and time.
#include <cstdint>

#include <recllm/prompt.hpp>
#include <recllm/text/history.hpp>
#include <recllm/text/title.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 4);
  std::vector<activity> told;
  for (std::size_t i = 0; i + 3 < parts.size(); i += 4)
    told.push_back({parts[i], parts[i + 1], parts[i + 2], static_cast<std::int64_t>(parts[i + 3].size())});
  for (const std::int64_t days : {std::int64_t{1}, std::int64_t{7}, std::int64_t{1'000'000}}) {
    const std::string text = window_text(told, {.now = 1000, .days = days});
    fuzz::promise(text.ends_with('.'), "a sentence");
  }
  fuzz::promise(window_text(told, {.now = -1, .days = 1}) == "Over the past day, the user did nothing.",
                "what comes later than now is not told");
  static_cast<void>(age_band(parts[0]));
  fuzz::promise(tidy_title(parts[0]).find('\n') == std::string::npos, "one line");
  return 0;
}
