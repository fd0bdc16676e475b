// expect: recllm: prompt_template: the elements of the loop have no such field; give the list as
// expect: placeholder_has_a_field<recllm::fixed_text<6>{"title"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

constexpr prompt_template<"{#films}{.title} {.year}{/films}"> ask;

std::string text(const std::vector<film>& films) {
  return ask("films"_a = each(films, "year"_a = &film::year));
}
