// expect: recllm: each: a field is given twice; leave one out
// expect: field_is_given_once<recllm::fixed_text<5>{"year"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

auto list(const std::vector<film>& films) {
  return each(films, "year"_a = &film::year, "year"_a = &film::title);
}
