// expect: recllm: prompt_template: an argument's value must be text, a number or a range of these
// expect: argument_can_be_shown<recllm::fixed_text<8>{"history"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {history}. Recommend {count}."> ask;

struct film {};

std::string text() { return ask("history"_a = film{}, "count"_a = 5); }
