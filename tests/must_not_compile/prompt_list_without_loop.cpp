// expect: recllm: prompt_template: what each() gives is shown by its fields: {#list}{.field}{/list}
// expect: list_is_shown_by_its_fields<recllm::fixed_text<6>{"films"}>
#include <vector>

#include <recllm/text/prompt_template.hpp>

using namespace recllm;

struct film {
  std::string title;
  int year;
};

constexpr prompt_template<"{films}"> ask;

std::string text(const std::vector<film>& films) { return ask("films"_a = each(films)); }
