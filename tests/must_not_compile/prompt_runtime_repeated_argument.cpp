// expect: recllm: prompt_template: an argument is given twice; leave one out
// expect: argument_is_given_once<recllm::fixed_text<6>{"count"}>
#include <recllm/text/runtime_template.hpp>

using namespace recllm;

std::string text(const runtime_template& ask) { return ask("count"_a = 5, "count"_a = 6); }
