// expect: recllm: prompt_template: an argument is given twice; leave one out
// expect: argument_is_given_once<recllm::fixed_text<6>{"count"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {history}. Recommend {count}."> ask;

std::string text() { return ask("count"_a = 5, "history"_a = "Heat", "count"_a = 6); }
