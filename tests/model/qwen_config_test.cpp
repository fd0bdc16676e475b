// config.json in both spellings, its defaults, and what cannot be.
#include <recllm/model/qwen_config.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

const std::string sizes =
    R"("vocab_size":5,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2)";

qwen_config parsed(const std::string& fields, const std::string& type = "llama") {
  return parse_qwen_config("{\"model_type\":\"" + type + "\"," + sizes + fields + "}", "config.json");
}

}  // namespace

TEST_CASE("the spelling of transformers 4 and of 5 says the same") {
  const qwen_config old = parsed(
      R"(,"rope_theta":500000.0,"max_position_embeddings":131072,"rope_scaling":{"rope_type":"llama3","factor":32.0,
         "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192})");
  const qwen_config now = parsed(
      R"(,"max_position_embeddings":131072,"rope_scaling":null,"rope_parameters":{"rope_type":"llama3","factor":32.0,
         "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_theta":500000.0})");
  for (const qwen_config& c : {old, now}) {
    CHECK(c.rope.rope_type == "llama3");
    CHECK(c.rope.rope_theta == 500000.0);
    CHECK(c.rope.factor == 32.0);
    CHECK(c.rope.original_max_position_embeddings == 8192);
  }
  CHECK(parsed(R"(,"rope_scaling":{"type":"linear","factor":2})").rope.rope_type == "linear");
  const qwen_config yarn = parsed(
      R"(,"max_position_embeddings":64,"rope_scaling":{"type":"yarn","factor":4.0,"attention_factor":null})");
  CHECK(yarn.rope.original_max_position_embeddings == 64);
  CHECK_FALSE(yarn.rope.attention_factor);
}

TEST_CASE("what config.json leaves out is the architecture's default") {
  const qwen_config llama = parsed("");
  CHECK(llama.num_key_value_heads == 2);
  CHECK(llama.head_size() == 4);
  CHECK_FALSE(llama.tie_word_embeddings);
  CHECK_FALSE(llama.has_bias("q_proj"));
  CHECK(llama.rope.rope_theta == 10000.0);
  CHECK(parsed("", "qwen3").head_size() == 128);
  const qwen_config qwen2 = parsed(R"(,"attention_bias":false)", "qwen2");
  CHECK(qwen2.has_bias("k_proj"));
  CHECK_FALSE(qwen2.has_bias("o_proj"));
  const qwen_config biased = parsed(R"(,"attention_bias":true,"mlp_bias":true)");
  CHECK(biased.has_bias("o_proj"));
  CHECK(biased.has_bias("down_proj"));
  const qwen_config ends = parsed(R"(,"bos_token_id":1,"eos_token_id":[2,3],"pad_token_id":null)");
  CHECK(ends.bos_token_id == 1);
  CHECK_FALSE(ends.pad_token_id);
  CHECK(ends.eos_token_id == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("what is written is read as the same") {
  for (const std::string type : {"qwen2", "qwen3", "llama"})
    for (const std::string rope : {"default", "linear", "llama3", "yarn"}) {
      qwen_config c{.model_type = type,
                    .vocab_size = 7,
                    .hidden_size = 12,
                    .num_attention_heads = 3,
                    .num_key_value_heads = 1,
                    .head_dim = 6,
                    .tie_word_embeddings = type == "llama"};
      c.rope.rope_type = rope;
      c.rope.rope_theta = 5e5;
      if (rope != "default") c.rope.factor = 3.5;
      if (rope == "llama3" || rope == "yarn") c.rope.original_max_position_embeddings = 77;
      if (rope == "llama3") c.rope.low_freq_factor = 1.5;
      if (rope == "yarn") c.rope.mscale = 0.7, c.rope.mscale_all_dim = 0.5, c.rope.truncate = false;
      c.attention_bias = type != "qwen2";
      c.mlp_bias = type == "llama";
      c.eos_token_id = {5};
      const std::string text = qwen_config_json(c, "bfloat16");
      INFO(text);
      CHECK(qwen_config_json(parse_qwen_config(text, "config.json"), "bfloat16") == text);
    }
}

TEST_CASE("a config that cannot be names file and field") {
  const auto refused = [](const std::string& fields, const std::string& why,
                          const std::string& type = "llama") {
    CHECK_THROWS_WITH(parsed(fields, type), Contains(why) && Contains("config.json"));
  };
  CHECK_THROWS_WITH(parse_qwen_config("{", "c"), "recllm: qwen_config: c is not a JSON object");
  CHECK_THROWS_WITH(parse_qwen_config("{}", "c"), "recllm: qwen_config: c: field 'model_type' is missing");
  CHECK_THROWS_WITH(read_qwen_config("no.json"), "recllm: qwen_config: cannot open no.json");
  CHECK_THROWS_WITH(parse_qwen_config(R"({"model_type":"qwen2","vocab_size":"many"})", "c"),
                    "recllm: qwen_config: c: field 'vocab_size' = \"many\" has the wrong type");
  refused("", "model_type 'gpt2', expected qwen2, qwen3 or llama", "gpt2");
  refused(R"(,"num_key_value_heads":0)", "num_key_value_heads = 0");
  refused(R"(,"num_key_value_heads":1e9)", "'num_key_value_heads' = 1000000000.0 has the wrong type");
  refused(R"(,"head_dim":5)", "head_dim = 5");
  refused(R"(,"max_position_embeddings":9223372036854775807)", "max_position_embeddings");
  refused(R"(,"rope_scaling":"linear")", "'rope_scaling' = \"linear\", expected an object");
  refused(R"(,"rope_scaling":{"type":"dynamic","factor":2})", "rope_type 'dynamic'");
  refused(R"(,"rope_scaling":{"type":"linear"})", "'factor' of rope_type linear is missing");
  refused(R"(,"rope_scaling":{"type":"linear","factor":0})", "rope factor = 0");
  refused(R"(,"rope_scaling":{"type":"llama3","factor":2,"low_freq_factor":4})", "high_freq_factor = 4");
  refused(R"(,"partial_rotary_factor":0.5)", "'partial_rotary_factor' is not supported");
  refused(R"(,"hidden_act":"gelu")", "field 'hidden_act' = \"gelu\", expected \"silu\" or \"swish\"");
  refused(R"(,"eos_token_id":[2,"x"])", "field 'eos_token_id' holds \"x\", expected a token's number");
  refused(R"(,"quantization_config":{"bits":4})", "'quantization_config' is not supported");
  refused(R"(,"use_sliding_window":true,"sliding_window":8,"max_window_layers":0)", "'use_sliding_window'",
          "qwen2");
  refused(R"(,"layer_types":["sliding_attention"])", "'layer_types' is not supported", "qwen3");
}
