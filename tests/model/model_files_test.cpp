// Folders and GGUF files as models: shards, missing and misnamed files, order of rows.
#include <recllm/model/model_files.hpp>

#include <fstream>

#include "model/file_builders.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace model_files_test;
using Catch::Matchers::Contains;

namespace {

struct folder : temporary_folder {
  folder() {
    write(
        "config.json",
        R"({"model_type":"llama","vocab_size":5,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,)"
        R"("num_attention_heads":2})");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string file(const char* name) const { return (path / name).string(); }
};

std::string one(const std::string& name, float value) {
  return safetensors("{\"" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", raw(value));
}

float value_of(const model_files& files, const std::string& name) {
  float value = 0;
  files.expect(name, std::vector<std::int64_t>{1});
  files.read(name, {&value, 1});
  return value;
}

gguf_builder described(const std::string& type) {
  gguf_builder builder;
  builder.text("general.architecture", type)
      .number(type + ".embedding_length", 4)
      .number(type + ".feed_forward_length", 6)
      .number(type + ".block_count", 1)
      .number(type + ".attention.head_count", 2)
      .number(type + ".attention.head_count_kv", 1)
      .number(type + ".attention.key_length", 4)
      .number(type + ".context_length", 64)
      .real(type + ".attention.layer_norm_rms_epsilon", 0.5f)
      .real(type + ".rope.freq_base", 7.0f);
  return builder;
}

}  // namespace

TEST_CASE("one file, shards, and which is taken") {
  const folder model;
  model.write("model.safetensors.index.json",
              R"({"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  model.write("m-1.safetensors", one("a", 1));
  model.write("m-2.safetensors", one("b", 2));
  const model_files shards(model.path);
  CHECK(value_of(shards, "a") == 1);
  CHECK(value_of(shards, "b") == 2);
  CHECK_FALSE(shards.contains("c"));
  CHECK_THROWS_WITH(
      value_of(shards, "c"),
      "recllm: model_files: " + model.file("model.safetensors.index.json") + ": tensor 'c' is missing");
  CHECK_THROWS_WITH(shards.expect("a", std::vector<std::int64_t>{2, 3}),
                    "recllm: model_files: " + model.file("m-1.safetensors") +
                        ": tensor 'a' has shape [1], the config asks for [2, 3]");
  model.write("model.safetensors", one("a", 3));
  CHECK(value_of(model_files(model.path), "a") == 3);
}

TEST_CASE("shards that are missing, misnamed or hold a tensor twice") {
  const folder model;
  const auto refused = [&](const std::string& index, const std::string& why) {
    model.write("model.safetensors.index.json", index);
    CHECK_THROWS_WITH(model_files(model.path), Contains(why));
  };
  model.write("m-1.safetensors", one("a", 1));
  refused("{", "expected an object with the field weight_map");
  refused(R"({"weight_map":[]})", "expected an object with the field weight_map");
  refused(R"({"weight_map":{"a":1}})", "weight_map['a'] = 1, expected a file's name");
  refused(R"({"weight_map":{"a":"gone.safetensors"}})", "cannot open " + model.file("gone.safetensors"));
  for (const std::string name : {"../m-1.safetensors", "/etc/x.safetensors", "..", "", "a/b.safetensors",
                                 "config.json", "a\\\\b.safetensors", "model.safetensors.index.json"})
    refused(R"({"weight_map":{"a":")" + name + "\"}}",
            "expected the name of a .safetensors file beside the index");
  model.write("m-2.safetensors", one("a", 1));
  refused(R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})", "tensor 'a' is there twice");
  const folder empty;
  CHECK_THROWS_WITH(model_files(empty.path), Contains("cannot open " + empty.file("model.safetensors")));
  CHECK_THROWS_WITH(model_files(empty.path / "no.gguf"), Contains("cannot open"));
}

TEST_CASE("a GGUF file's config, names and order of rows") {
  const folder model;
  for (const std::string type : {"llama", "qwen2", "qwen3"}) {
    // One column: the value is the row's number. Two heads of four rows; ggml's llama pairs rows 2 i and 2 i
    // + 1.
    model.write("m.gguf", described(type)
                              .floats("token_embd.weight", {3, 4}, std::vector<float>(12, 1))
                              .floats("blk.0.attn_q.weight", {8, 1}, {0, 1, 2, 3, 4, 5, 6, 7})
                              .floats("blk.0.attn_k.bias", {4}, {0, 1, 2, 3})
                              .floats("blk.0.attn_v.weight", {4, 1}, {0, 1, 2, 3})
                              .floats("something.else", {1}, {1})
                              .number("tokenizer.ggml.eos_token_id", 2)
                              .file());
    const model_files files(model.path / "m.gguf");
    const qwen_config& c = files.config();
    CHECK(c.model_type == type);
    CHECK(c.vocab_size == 3);
    CHECK(c.head_size() == 4);
    CHECK(c.rms_norm_eps == 0.5);
    CHECK(c.rope.rope_theta == 7.0);
    CHECK(c.tie_word_embeddings);
    CHECK(c.eos_token_id == std::vector<std::int64_t>{2});
    std::vector<float> q(8), k(4), v(4);
    files.read("model.layers.0.self_attn.q_proj.weight", q);
    files.read("model.layers.0.self_attn.k_proj.bias", k);
    files.read("model.layers.0.self_attn.v_proj.weight", v);
    const bool parted = type == "llama";
    CHECK(q ==
          (parted ? std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7} : std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
    CHECK(k == (parted ? std::vector<float>{0, 2, 1, 3} : std::vector<float>{0, 1, 2, 3}));
    CHECK(v == std::vector<float>{0, 1, 2, 3});
  }
}

TEST_CASE("a GGUF file that is no such model says which key") {
  const folder model;
  const auto refused = [&](const gguf_builder& builder, const std::string& why) {
    model.write("m.gguf", builder.file());
    CHECK_THROWS_WITH(model_files(model.path / "m.gguf"), Contains(why));
  };
  refused(gguf_builder(), "key 'general.architecture' is missing");
  refused(gguf_builder().text("general.architecture", "gpt2"), "general.architecture is 'gpt2'");
  refused(gguf_builder().text("general.architecture", "llama").text("llama.embedding_length", "4"),
          "key 'llama.embedding_length' = \"4\" has the wrong type");
  refused(described("llama"), "tensor 'token_embd.weight' is missing");
  const auto embedded = [] {
    return described("llama").floats("token_embd.weight", {3, 4}, std::vector<float>(12));
  };
  refused(embedded().text("llama.rope.scaling.type", "longrope"), "rope.scaling.type is 'longrope'");
  refused(embedded().floats("rope_freqs.weight", {2}, {1, 1}), "tensor 'rope_freqs.weight'");
  CHECK_THROWS_WITH(
      read_gguf_tokenizer(
          parse_gguf(bytes_of(gguf_builder().text("tokenizer.ggml.model", "gpt2").file()), "x"), "x"),
      "recllm: gguf: x: key 'tokenizer.ggml.tokens' is missing");
}

TEST_CASE("the tokenizer of a GGUF file") {
  const std::string file =
      gguf_builder()
          .text("tokenizer.ggml.model", "gpt2")
          .text("tokenizer.ggml.pre", "qwen2")
          .texts("tokenizer.ggml.tokens", {"a", "b", "ab"})
          .texts("tokenizer.ggml.merges", {"a b"})
          .add("tokenizer.ggml.token_type", 9,
               raw<std::uint32_t>(5) + raw<std::uint64_t>(3) + raw_list<std::int32_t>({1, 1, 3}))
          .file();
  const gguf_tokenizer t = read_gguf_tokenizer(parse_gguf(bytes_of(file), "x"), "x");
  CHECK(t.pre == "qwen2");
  CHECK(t.tokens == std::vector<std::string>{"a", "b", "ab"});
  CHECK(t.merges == std::vector<std::string>{"a b"});
  CHECK(t.token_type == std::vector<std::int64_t>{1, 1, 3});
  CHECK(t.chat_template.empty());
}
