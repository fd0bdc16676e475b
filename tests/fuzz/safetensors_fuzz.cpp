// Safetensors files: what is read lies within the file, covers its data, and reads as many values as it says.
#include <recllm/model/safetensors_file.hpp>

#include "fuzz/fuzz.hpp"

using namespace recllm;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(bytes), size);
  const auto read = fuzz::attempt([&] { return parse_safetensors(file, "x"); });
  if (!read.value) return 0;
  std::uint64_t covered = 8 + detail::load<std::uint64_t>(file.data());
  for (const stored_tensor& tensor : *read.value) {
    covered += tensor.bytes.size();
    std::uint64_t count = 1;
    for (const std::int64_t extent : tensor.shape) count *= static_cast<std::uint64_t>(extent);
    expect(count * detail::find_tensor_type(tensor.type)->block_bytes == tensor.bytes.size(), "another size");
    std::vector<float> values(count);
    fuzz::attempt([&] { return to_floats(tensor, values), true; });
  }
  expect(covered == size, "tensors of ", covered, " bytes in a file of ", size);
  return 0;
}
