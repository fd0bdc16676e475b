// expect: recllm: prompt_template: an element of a list, its fields and its number stand only between {#list}
// expect: element_stands_in_a_loop<recllm::fixed_text<9>{"{.title}"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"{?films}{.title}{/films}"> ask;
