// recllm_conformance: JSON lines in, JSON lines out, through the library's public headers. A bad request is
// answered by {"error": ...} and never ends the program.
#include <exception>
#include <iostream>
#include <string>

#include "operations.hpp"

namespace {

using conformance::json;

json answer(const json& request) {
  const conformance::fields given(request);
  const std::string name = given.text("op");
  const auto found = conformance::operations().find(name);
  if (found == conformance::operations().end()) {
    for (const char* needs : {"logits", "greedy", "sft_gradients"})
      if (name == needs) return {{"error", "built without libtorch"}};
    for (const char* needs : {"tokenize", "detokenize"})
      if (name == needs) return {{"error", "built without PCRE2 or ICU"}};
    std::string known;
    for (const auto& [op, what] : conformance::operations()) known += (known.empty() ? "" : ", ") + op;
    given.fail("op", "one of " + known);
  }
  return found->second(request);
}

json answered(const std::string& line) {
  json request, out;
  try {
    request = json::parse(line);
    out = answer(request);
  } catch (const std::exception& problem) {
    out = {{"error", problem.what()}};
  }
  if (request.is_object() && request.contains("id")) out["id"] = request["id"];
  return out;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::cout << answered(line).dump(-1, ' ', false, json::error_handler_t::replace) << '\n' << std::flush;
  }
}
