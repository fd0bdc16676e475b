// expect: recllm: each: the first argument must be a list that can be passed through again
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

auto list(const film& one) { return each(one, "title"_a = &film::title); }
