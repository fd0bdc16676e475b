// config.json and the index of shards. Input: both. A config that is read is written and read back.
#include <recllm/model/model_files.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<std::string> texts = fuzz::texts(fuzz::text(bytes, size), 2);
  const auto config = fuzz::attempt([&] { return parse_qwen_config(texts[0], "x"); });
  if (config.value) {
    const std::string written = qwen_config_json(*config.value);
    expect(qwen_config_json(parse_qwen_config(written, "x")) == written, "written as another: ", written);
  }
  const auto shards = fuzz::attempt([&] { return parse_shard_index(texts[1], "x"); });
  if (shards.value)
    for (const std::string& name : *shards.value)
      expect(std::filesystem::path(name).filename() == name, "a path: ", name);
  return 0;
}
