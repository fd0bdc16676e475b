// expect: recllm: prompt_template: pass each argument by its name, as in "count"_a = 5
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {history}. Recommend {count}."> ask;

std::string text() { return ask("Heat", "count"_a = 5); }
