// expect: recllm: prompt_template: a loop {#name} needs a list; write {?name} for a section that is
// expect: loop_has_a_list<recllm::fixed_text<6>{"count"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"{#count}{count}{/count}"> ask;

std::string text() { return ask("count"_a = 5); }
