// Templates read at run time: the input is the text, then the arguments.
#include <optional>

#include <recllm/prompt.hpp>
#include <recllm/text/runtime_template.hpp>

#include "fuzz.hpp"

using namespace recllm;

namespace {

struct film {
  std::string title;
  int year;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 3);
  const std::vector<film> films{{parts[1], 1995}, {parts[2], 1996}};
  fuzz::may_refuse([&] {
    const runtime_template ask(parts[0]);
    static_cast<void>(ask.placeholders());
    fuzz::may_refuse([&] { static_cast<void>(ask("a"_a = parts[1])); });
    fuzz::may_refuse([&] {
      static_cast<void>(
          ask("a"_a = parts[1], "l"_a = each(films, "title"_a = &film::title, "year"_a = &film::year)));
    });
    fuzz::may_refuse([&] {
      static_cast<void>(ask("a"_a = std::optional<std::string>(), "l"_a = std::vector<std::string>(parts)));
    });
  });
  // Text whose braces are doubled is a template that gives the text back.
  std::string escaped;
  for (const char c : parts[1]) escaped += c == '{' || c == '}' ? std::string(2, c) : std::string(1, c);
  fuzz::promise(runtime_template(escaped)() == parts[1], "doubled braces are braces");
  return 0;
}
