// expect: recllm: prompt_template: a { has no } before the next { or the end; write {{ for a brace itself
// expect: opening_brace_is_closed<recllm::fixed_text<21>{"{history. Recommend "}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {history. Recommend {count}."> ask;
