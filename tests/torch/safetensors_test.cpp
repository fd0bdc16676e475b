// Round trips, and files that lie about what they hold.
#include <recllm/torch/safetensors.hpp>

#include <fstream>

#include "support/catch.hpp"

using namespace recllm::torch_bridge;

namespace {
const std::filesystem::path file =
    std::filesystem::temp_directory_path() / "recllm_safetensors_test.safetensors";

void write(const std::string& header, std::size_t data_bytes, std::uint64_t claimed) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&claimed), sizeof claimed);
  out << header << std::string(data_bytes, '\0');
}

void expect_refused(const std::string& header, std::size_t data_bytes, const std::string& sentence) {
  write(header, data_bytes, header.size());
  CHECK_THROWS_WITH(read_safetensors(file), Catch::Contains(sentence) && Catch::Contains(file.string()));
}
}  // namespace

TEST_CASE("tensors survive a safetensors file", "[safetensors]") {
  tensor_map tensors;
  tensors["a"] = at::arange(6, at::kFloat).view({2, 3});
  tensors["half"] = at::ones({4}, at::kBFloat16);
  tensors["count"] = at::full({1}, 7, at::kLong);
  tensors["empty"] = at::zeros({0, 3});
  tensors["strided"] = at::arange(6, at::kFloat).view({2, 3}).t();
  write_safetensors(file, tensors);
  const tensor_map again = read_safetensors(file);
  REQUIRE(again.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CHECK(again.at(name).scalar_type() == tensor.scalar_type());
    CHECK(at::equal(again.at(name), tensor));
  }
}

TEST_CASE("a file that lies is refused with its name", "[safetensors]") {
  CHECK_THROWS_WITH(read_safetensors("/nowhere/x.safetensors"),
                    Catch::Contains("cannot open /nowhere/x.safetensors"));
  write("{}", 0, 1'000'000'000'000ULL);
  CHECK_THROWS_WITH(read_safetensors(file), Catch::Contains("the header claims 1000000000000 bytes"));
  std::ofstream(file) << "abc";
  CHECK_THROWS_WITH(read_safetensors(file), Catch::Contains("the file has 3 bytes, expected 8"));
  expect_refused("[]", 0, "not a JSON object");
  expect_refused("{", 0, "not a JSON object");
  expect_refused(R"({"w":{"dtype":"F32"}})", 4, "tensor 'w': expected the fields");
  expect_refused(R"({"w":{"dtype":"I4","shape":[1],"data_offsets":[0,4]}})", 4, "dtype I4");
  expect_refused(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape does not fit");
  expect_refused(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4,
                 "shape does not fit");
  expect_refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8,
                 "data_offsets [0, 4) for 8 bytes");
  expect_refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 8, "data_offsets [4, 12)");
  expect_refused(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
      12, "overlap at byte 4");
}
