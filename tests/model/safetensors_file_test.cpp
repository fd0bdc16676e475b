// Headers of safetensors files, honest and not, and the values of each type.
#include <recllm/model/safetensors_file.hpp>

#include "model/file_builders.hpp"
#include "support/catch.hpp"

using namespace recllm;
using namespace model_files_test;
using Catch::Matchers::Contains;

namespace {

std::vector<stored_tensor> parsed(const std::string& file) {
  return parse_safetensors(bytes_of(file), "x.safetensors");
}

void refused(const std::string& header, std::size_t data_bytes, const std::string& why) {
  INFO(header);
  CHECK_THROWS_WITH(parsed(safetensors(header, std::string(data_bytes, '\0'))),
                    Contains("recllm: safetensors: x.safetensors: ") && Contains(why));
}

}  // namespace

TEST_CASE("tensors of each float type are read as floats") {
  // 1, -2, 0.5 in bf16 are 3F80, C000, 3F00, in half precision 3C00, C000, 3800; 0001 is half's least, 2^-24.
  const std::string file = safetensors(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[6,14]},)"
      R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"h":{"dtype":"F16","shape":[4],"data_offsets":[14,22]},)"
      R"("n":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},"s":{"dtype":"F32","shape":[],"data_offsets":[22,26]}})",
      raw_list<std::uint16_t>({0x3F80, 0xC000, 0x3F00}) + raw_list<float>({1.5f, -7.25f}) +
          raw_list<std::uint16_t>({0x3C00, 0xC000, 0x3800, 0x0001}) + raw(9.0f));
  const auto tensors = parsed(file);
  REQUIRE(tensors.size() == 5);
  const auto values = [&](std::size_t i, std::size_t count) {
    std::vector<float> all(count);
    to_floats(tensors[i], all);
    return all;
  };
  CHECK(tensors[0].shape == std::vector<std::int64_t>{2, 1});
  CHECK(values(0, 2) == std::vector{1.5f, -7.25f});
  CHECK(values(1, 3) == std::vector{1.0f, -2.0f, 0.5f});
  CHECK(values(2, 4) == std::vector{1.0f, -2.0f, 0.5f, 0x1p-24f});
  CHECK(values(3, 0).empty());
  CHECK(tensors[4].shape.empty());
  CHECK(values(4, 1) == std::vector{9.0f});
}

TEST_CASE("a header that lies is refused") {
  CHECK_THROWS_WITH(parsed("abc"), Contains("the file has 3 bytes, expected 8"));
  CHECK_THROWS_WITH(parsed(raw<std::uint64_t>(1'000'000'000'000) + "{}"),
                    Contains("claims 1000000000000 bytes"));
  CHECK_THROWS_WITH(parsed(raw<std::uint64_t>(~std::uint64_t{0}) + "{}"), Contains("the header claims"));
  CHECK_THROWS_WITH(parsed("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
                    Contains("a Git LFS pointer, not the file itself"));
  refused("[]", 0, "not a JSON object");
  refused("{", 0, "not a JSON object");
  refused("{\"w\":" + std::string(100'000, '[') + "}", 0, "not a JSON object");
  refused(R"({"w":{"dtype":"F32"}})", 4, "tensor 'w': expected the fields");
  refused(R"({"w":7})", 4, "tensor 'w': expected the fields");
  refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "expected the fields");
  refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[-1,3]}})", 4, "expected the fields");
  refused(R"({"w":{"dtype":"I4","shape":[1],"data_offsets":[0,4]}})", 4, "dtype I4, expected F32");
  refused(R"({"w":{"dtype":"Q8_0","shape":[32],"data_offsets":[0,34]}})", 34, "dtype Q8_0, expected F32");
  refused(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape does not fit: it holds -1");
  refused(R"({"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "shape does not fit");
  refused(R"({"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
          "shape does not fit");
  refused(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4,
          "shape does not fit");
  refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8, "data_offsets [0, 4) for 8 bytes");
  refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 8, "data_offsets [4, 12)");
  refused(
      R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      4, "tensor 'w' is there twice");
  refused(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
      12, "two tensors overlap at byte 4");
  refused(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
      12, "no tensor holds the bytes from 4 to 8");
  refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 12,
          "no tensor holds the bytes from 4 to 12");
}
