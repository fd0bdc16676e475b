// expect: recllm: each: pass each field by its name, as in "title"_a = &film::title
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

auto list(const std::vector<film>& films) { return each(films, &film::title); }
