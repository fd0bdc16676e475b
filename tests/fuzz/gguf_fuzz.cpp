// GGUF files: contents, config and tokenizer; tensors lie within the file.
#include <recllm/model/gguf_model.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(bytes), size);
  const auto read = fuzz::attempt([&] { return parse_gguf(file, "x"); });
  if (!read.value) return 0;
  for (const stored_tensor& tensor : read.value->tensors) {
    std::uint64_t count = 1;
    for (const std::int64_t extent : tensor.shape) count *= static_cast<std::uint64_t>(extent);
    expect(count <= 2 * size, "tensor '", tensor.name, "' of ", count, " values in ", size, " bytes");
    std::vector<float> values(count);
    to_floats(tensor, values);
    (void)hugging_face_name(tensor.name);
  }
  const auto config = fuzz::attempt([&] { return gguf_config(*read.value, "x"); });
  if (config.value) config.value->check();
  fuzz::attempt([&] { return read_gguf_tokenizer(*read.value, "x"); });
  return 0;
}
