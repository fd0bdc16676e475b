// expect: recllm: parse_answer: the pool must be a map from std::string to an item number, a
// recllm::title_pool, or callable as  std::optional<std::size_t>(std::string_view) expect: required from here
#include <recllm/text/answer.hpp>

using namespace recllm;

parsed_answer read(std::string_view text) {
  return parse_answer(text, [](std::string_view) { return 5; });
}
