// The tokenizer of a GGUF file, put together by hand.
#include <recllm/model/gguf_pretrained_tokenizer.hpp>

#include <fstream>

#include "model/file_builders.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace model_files_test;
using Catch::Matchers::Contains;

namespace {

gguf_builder described(const std::string& pre) {
  gguf_builder builder;
  builder.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", pre)
      // A space is \u0120 among byte-level tokens.
      .texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<|end|>", "1", "11", "\u0120", "\u0120a", "<kept>"})
      .texts("tokenizer.ggml.merges", {"a b", "1 1", "\u0120 a"})
      .add("tokenizer.ggml.token_type", 9,
           raw<std::uint32_t>(5) + raw<std::uint64_t>(9) +
               raw_list<std::int32_t>({1, 1, 1, 3, 1, 1, 1, 1, 4}));
  return builder;
}

}  // namespace

TEST_CASE("text is split as the name of the pre-tokenizer says") {
  const temporary_folder folder;
  const auto ids = [&](const std::string& pre, const std::string& text) {
    std::ofstream(folder.path / "m.gguf", std::ios::binary) << described(pre).file();
    return load_tokenizer_of(folder.path / "m.gguf").encode(text);
  };
  for (const std::string pre : {"gpt-2", "smollm", "qwen2", "llama-bpe"}) {
    INFO(pre);
    CHECK(ids(pre, "ab a<|end|><kept>b") == std::vector<int>{2, 7, 3, 8, 1});
    const bool digits_part = pre == "smollm" || pre == "qwen2";
    CHECK(ids(pre, "11") == (digits_part ? std::vector<int>{4, 4} : std::vector<int>{5}));
  }
  const pretrained_tokenizer t = load_tokenizer_of(folder.path / "m.gguf");
  CHECK(t.decode(std::vector<int>{2, 7, 3, 8}) == "ab a<|end|><kept>");
  CHECK(t.decode(std::vector<int>{2, 7, 3, 8}, true) == "ab a<kept>");
  t.save(folder.path / "tokenizer.json");
  CHECK(load_tokenizer_of(folder.path).encode("ab a11<|end|>") == t.encode("ab a11<|end|>"));
}

TEST_CASE("a tokenizer that is not known names the key") {
  const auto refused = [](const gguf_builder& builder, const std::string& why) {
    const std::string file = builder.file();
    const gguf_tokenizer t = read_gguf_tokenizer(parse_gguf(bytes_of(file), "x"), "x");
    CHECK_THROWS_WITH(gguf_tokenizer_json(t, "x"), "recllm: gguf: x: " + why);
  };
  refused(described("tekken"), "tokenizer.ggml.pre is 'tekken', expected gpt-2, smollm, qwen2 or llama-bpe");
  refused(gguf_builder().text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", {"a"}),
          "tokenizer.ggml.model is 'llama', expected gpt2 (byte-level BPE)");
  refused(gguf_builder()
              .text("tokenizer.ggml.model", "gpt2")
              .text("tokenizer.ggml.pre", "gpt-2")
              .texts("tokenizer.ggml.tokens", {"a", "a"}),
          "token 'a' is there twice");
}
