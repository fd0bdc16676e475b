// expect: recllm: each: a field must be a member or a callable of the list's elements
// expect: field_can_be_read<recllm::fixed_text<5>{"size"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

auto list(const std::vector<film>& films) { return each(films, "size"_a = &std::string::size); }
