// adapter_config.json. What is read is written and read back.
#include <recllm/model/lora_options.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto read = fuzz::attempt([&] { return parse_lora_options(fuzz::text(bytes, size), "x"); });
  if (!read.value) return 0;
  const std::string written = lora_options_json(*read.value);
  expect(lora_options_json(parse_lora_options(written, "x")) == written, "written as another: ", written);
  return 0;
}
