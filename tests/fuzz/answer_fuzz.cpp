// Answers taken apart by ids and by titles: the input is the answer, then three titles.
#include <unordered_map>

#include <recllm/prompt.hpp>
#include <recllm/text/title_pool.hpp>

#include "fuzz.hpp"

using namespace recllm;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 4);
  const std::vector<std::string> titles(parts.begin() + 1, parts.begin() + 4);
  const auto check = [&](const parsed_answer& answer, std::size_t pool) {
    const auto lines = static_cast<std::size_t>(1 + std::count(parts[0].begin(), parts[0].end(), '\n'));
    for (const std::size_t item : answer.items) fuzz::promise(item < pool, "items of the pool");
    for (const rejected_part& part : answer.rejected) {
      fuzz::promise(part.line >= 1 && part.line <= lines, "a line of the text");
      fuzz::promise(!part.reason.empty(), "a reason for every rejected part");
    }
  };
  const std::unordered_map<std::string, std::size_t> ids{{"p1", 0}, {"p2", 1}, {"30", 2}, {titles[0], 3}};
  check(parse_answer(parts[0], ids), 4);
  fuzz::may_refuse([&] { check(parse_answer(parts[0], title_pool(titles)), 3); });
  return 0;
}
