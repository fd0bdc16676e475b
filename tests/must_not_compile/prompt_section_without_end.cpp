// expect: recllm: prompt_template: a section has no end; write {/name} where it ends
// expect: section_is_closed<recllm::fixed_text<9>{"{#films}"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched:{#films} {.title}."> ask;
