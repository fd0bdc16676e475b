// expect: recllm: prompt_template: a } has no { before it; write }} for a brace itself
// expect: closing_brace_is_opened<
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: history}."> ask;
