// expect: recllm: prompt_template: a section's end is not that of the section opened last; is it misspelt or
// expect: section_is_open<recllm::fixed_text<9>{"{/flims}"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"{#films} {.title}{/flims}"> ask;
