// expect: recllm: prompt_template: a placeholder of the template has no argument; add "name"_a = value
// expect: placeholder_has_an_argument<recllm::fixed_text<6>{"count"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"{?count}some{/count}"> ask;

std::string text() { return ask(); }
