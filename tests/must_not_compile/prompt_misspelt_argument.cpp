// expect: recllm: prompt_template: no placeholder of the template has this argument's name; is it misspelt?
// expect: argument_has_a_placeholder<recllm::fixed_text<8>{"histroy"}>
#include <recllm/text/prompt_template.hpp>

using namespace recllm;

constexpr prompt_template<"Watched: {history}. Recommend {count}."> ask;

std::string text() { return ask("histroy"_a = "Heat", "count"_a = 5); }
