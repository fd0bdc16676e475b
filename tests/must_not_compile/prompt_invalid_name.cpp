// expect: recllm: prompt_template: a placeholder's name may hold only letters, digits and underscores
// expect: placeholder_name_is_valid<recllm::fixed_text<12>{"{ history }"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: { history }."> ask;
