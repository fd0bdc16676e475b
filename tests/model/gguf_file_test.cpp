// GGUF files put together by hand: metadata, block formats against their formula, and files that lie.
#include <recllm/model/gguf_file.hpp>

#include <cmath>

#include <recllm/core/random.hpp>

#include "model/file_builders.hpp"
#include "support/catch.hpp"

using namespace recllm;
using namespace model_files_test;
using Catch::Matchers::Contains;

namespace {

gguf_contents parsed(const std::string& file) { return parse_gguf(bytes_of(file), "x.gguf"); }

std::vector<float> values(const stored_tensor& tensor, std::size_t count) {
  std::vector<float> all(count);
  to_floats(tensor, all);
  return all;
}

std::uint16_t half(float x) { return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(x)); }

}  // namespace

TEST_CASE("metadata of every type, in both versions") {
  gguf_builder builder;
  builder.text("a", "text \xC3\xA9")
      .number("b", 7)
      .real("c", 0.5f)
      .texts("d", {"x", "", "yz"})
      .add("e", 7, "\1")
      .add("f", 5, raw<std::int32_t>(-3))
      .add("g", 10, raw<std::uint64_t>(std::uint64_t{1} << 40))
      .add("h", 9,
           raw<std::uint32_t>(9) + raw<std::uint64_t>(1) + raw<std::uint32_t>(0) + raw<std::uint64_t>(2) +
               "\1\2");
  for (const std::uint32_t version : {2u, 3u}) {
    const nlohmann::json data = parsed(builder.file(version)).metadata;
    CHECK(data == nlohmann::json{{"a", "text \xC3\xA9"},
                                 {"b", 7},
                                 {"c", 0.5},
                                 {"d", {"x", "", "yz"}},
                                 {"e", true},
                                 {"f", -3},
                                 {"g", 1ULL << 40},
                                 {"h", {{1, 2}}}});
  }
}

TEST_CASE("block formats hold what their formula says") {
  constexpr std::uint64_t seed = 5;
  INFO("seed " << seed);
  random_stream rng(seed);
  std::string q8, q40, q41;
  std::vector<float> of_q8, of_q40, of_q41;
  for (int block = 0; block < 6; ++block) {
    const float d = static_cast<float>(static_cast<int>(rng.below(64)) - 32) / 64.0f, m = 0.25f - d;
    q8 += raw(half(d));
    q40 += raw(half(d));
    q41 += raw(half(d)) + raw(half(m));
    std::vector<int> four(32);
    for (int& q : four) q = static_cast<int>(rng.below(16));
    for (int i = 0; i < 32; ++i) {
      const int q = static_cast<int>(rng.below(256)) - 128;
      q8 += static_cast<char>(q);
      of_q8.push_back(d * static_cast<float>(q));
      of_q40.push_back(d * static_cast<float>(four[static_cast<std::size_t>(i)] - 8));
      of_q41.push_back(d * static_cast<float>(four[static_cast<std::size_t>(i)]) + m);
    }
    for (std::size_t i = 0; i < 16; ++i) {  // the second half of a block lies in the high bits of the first
      q40 += static_cast<char>(four[i] | four[i + 16] << 4);
      q41 += static_cast<char>(four[i] | four[i + 16] << 4);
    }
  }
  const std::string file = gguf_builder()
                               .tensor("q8", {3, 64}, 8, q8)
                               .tensor("q40", {6, 32}, 2, q40)
                               .tensor("q41", {192}, 3, q41)
                               .tensor("half", {2}, 1, raw_list<std::uint16_t>({half(1.5f), half(-2.0f)}))
                               .tensor("brain", {1, 1}, 30, raw<std::uint16_t>(0x3FC0))
                               .floats("plain", {2, 3}, {1, 2, 3, 4, 5, 6})
                               .file();
  const gguf_contents contents = parsed(file);
  REQUIRE(contents.tensors.size() == 6);
  CHECK(contents.tensors[0].shape == std::vector<std::int64_t>{3, 64});
  CHECK(values(contents.tensors[0], 192) == of_q8);
  CHECK(values(contents.tensors[1], 192) == of_q40);
  CHECK(values(contents.tensors[2], 192) == of_q41);
  CHECK(values(contents.tensors[3], 2) == std::vector{1.5f, -2.0f});
  CHECK(values(contents.tensors[4], 1) == std::vector{1.5f});
  CHECK(contents.tensors[5].shape == std::vector<std::int64_t>{2, 3});
  CHECK(values(contents.tensors[5], 6) == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a GGUF file that lies is refused") {
  const auto refused = [](const std::string& file, const std::string& why) {
    CHECK_THROWS_WITH(parsed(file), Contains("recllm: gguf: x.gguf: ") && Contains(why));
  };
  refused("GG", "does not begin with GGUF");
  refused("ABCD" + std::string(40, '\0'), "does not begin with GGUF");
  refused(gguf_builder().file(1), "version 1, expected 2 or 3");
  const std::string head = "GGUF" + raw<std::uint32_t>(3);
  refused(head + raw(~std::uint64_t{0}) + raw<std::uint64_t>(0), "more than the file can hold");
  refused(head + raw<std::uint64_t>(0) + raw(~std::uint64_t{0}), "more than the file can hold");
  refused(gguf_builder().add("k", 13, "").file(), "value type 13");
  refused(gguf_builder().add("k", 8, raw(~std::uint64_t{0})).file(), "leaves the file");
  refused(gguf_builder().add("k", 9, raw<std::uint32_t>(0) + raw(~std::uint64_t{0})).file(),
          "leaves the file");
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += raw<std::uint32_t>(9) + raw<std::uint64_t>(1);
  refused(gguf_builder().add("k", 9, deep).file(), "deeper than any model has");
  refused(gguf_builder().number("k", 1).number("k", 2).file(), "key 'k' is there twice");
  refused(gguf_builder().number("general.alignment", 0).file(), "general.alignment is 0");
  refused(gguf_builder().text("general.alignment", "\xA5").file(), "general.alignment is \"\uFFFD\"");
  refused(gguf_builder().floats("w", {1}, {1}).floats("w", {1}, {1}).file(), "tensor 'w' is there twice");
  refused(gguf_builder().tensor("w", {1, 1, 1, 1, 1}, 0, raw(1.0f)).file(), "has 5 dimensions");
  refused(gguf_builder().tensor("w", {256}, 14, std::string(210, '\0')).file(), "ggml's type 14");
  refused(gguf_builder().tensor("w", {16}, 8, std::string(34, '\0')).file(),
          "shape does not fit the file or its type");
  refused(gguf_builder().tensor("w", {64}, 0, raw(1.0f)).file(), "shape does not fit");
  refused(gguf_builder().tensor("w", {std::uint64_t{1} << 62}, 0, raw(1.0f)).file(), "shape does not fit");
  const std::string good = gguf_builder().number("k", 1).floats("w", {9}, std::vector<float>(9)).file();
  for (std::size_t length = 0; length + 28 < good.size(); ++length)  // the last 28 bytes are padding
    CHECK_THROWS_AS(parsed(good.substr(0, length)), std::invalid_argument);
  CHECK_NOTHROW(parsed(good.substr(0, good.size() - 28)));
}
