// expect: recllm: prompt_template: an argument's value must be text, a number or a range of these
// expect: argument_can_be_shown<recllm::fixed_text<5>{"self"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

constexpr prompt_template<"{#films}{.self}{/films}"> ask;

std::string text(const std::vector<film>& films) {
  return ask("films"_a = each(
                 films, "self"_a = [](const film& f) { return f; }));
}
