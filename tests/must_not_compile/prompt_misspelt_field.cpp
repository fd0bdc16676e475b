// expect: recllm: prompt_template: no loop over the list shows this field; is it misspelt?
// expect: field_has_a_placeholder<recllm::fixed_text<6>{"titel"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

constexpr prompt_template<"{#films}{.year}{/films}"> ask;

std::string text(const std::vector<film>& films) {
  return ask("films"_a = each(films, "year"_a = &film::year, "titel"_a = &film::title));
}
