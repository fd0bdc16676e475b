// expect: recllm: parse_answer: the pool must be a map from std::string to an item number,
#include <recllm/text/answer.hpp>

using namespace recllm;

parsed_answer read(std::string_view text) {
  return parse_answer(text, [](std::string_view) { return 5; });
}
