// expect: recllm: prompt_template: a loop counts by {@index}, from 0, and {@rank}, from 1, and by
// expect: loop_counter_is_known<recllm::fixed_text<8>{"{@last}"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"{#films}{@last}{/films}"> ask;
