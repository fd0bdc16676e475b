// expect: recllm: prompt_template: a placeholder has no name; write {name}, or {{}} for the braces themselves
// expect: placeholder_has_a_name<recllm::fixed_text<6>{"{:, }"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {:, }."> ask;
