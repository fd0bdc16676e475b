// adapter_config.json: what PEFT writes is read, what would compute otherwise is refused by its field.
#include <recllm/model/lora_options.hpp>

#include <cmath>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {
const json good{{"peft_type", "LORA"},        {"r", 4},
                {"lora_alpha", 6.5},          {"target_modules", {"v_proj", "down_proj"}},
                {"lora_dropout", 0.1},        {"bias", "none"},
                {"use_dora", false},          {"rank_pattern", json::object()},
                {"modules_to_save", nullptr}, {"revision", nullptr}};
}

TEST_CASE("an adapter's config is read and written", "[lora_options]") {
  const lora_options options = parse_lora_options(good.dump(), "x");
  CHECK(options.rank == 4);
  CHECK(options.alpha == 6.5);
  CHECK(options.target_modules == std::vector<std::string>{"v_proj", "down_proj"});
  CHECK_FALSE(options.use_rslora);
  CHECK(options.scale() == 6.5 / 4.0);
  json all = good;
  all["target_modules"] = "all-linear";
  all["use_rslora"] = true;
  const lora_options every = parse_lora_options(all.dump(), "x");
  CHECK(every.target_modules == lora_modules());
  CHECK(every.scale() == 6.5 / 2.0);

  const json written = json::parse(lora_options_json(every));
  CHECK(written["peft_type"] == "LORA");
  CHECK(written["r"] == 4);
  CHECK(written["lora_alpha"] == 6.5);
  CHECK(written["target_modules"].size() == 7);
  CHECK(lora_options_json(parse_lora_options(written.dump(), "x")) == lora_options_json(every));
}

TEST_CASE("modules are named whole, or by how they end after a dot", "[lora_options]") {
  json some = good;
  some["target_modules"] = {"model.layers.0.self_attn.q_proj", "mlp.up_proj", "v_proj"};
  const lora_options options = parse_lora_options(some.dump(), "x");
  CHECK(options.names("model.layers.0.self_attn.q_proj"));
  CHECK_FALSE(options.names("model.layers.1.self_attn.q_proj"));
  CHECK_FALSE(options.names("model.layers.10.self_attn.q_proj"));
  CHECK(options.names("model.layers.1.mlp.up_proj"));
  CHECK(options.names("model.layers.1.self_attn.v_proj"));
  CHECK_FALSE(options.names("model.layers.1.self_attn.qv_proj"));
}

TEST_CASE("adapters of another kind are refused by their field", "[lora_options]") {
  const auto with = [&](const char* field, const json& value, const std::string& expected) {
    json bad = good;
    bad[field] = value;
    CHECK_THROWS_WITH(parse_lora_options(bad.dump(), "x"), Contains(expected));
  };
  with("peft_type", "IA3", "x: field 'peft_type' = \"IA3\", expected \"LORA\"");
  with("use_dora", true, "x: field 'use_dora' = true, expected false");
  with("use_qalora", true, "x: field 'use_qalora' = true, expected false");
  with("alora_invocation_tokens", {1, 520}, "x: field 'alora_invocation_tokens' = array, expected null");
  for (const char* kind : {"use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config"})
    with(kind, json::object(), std::string("x: field '") + kind + "' = object, expected null");
  with("bias", "all", "x: field 'bias' = \"all\", expected \"none\"");
  with("modules_to_save", {"lm_head"}, "x: field 'modules_to_save' = array, expected null");
  with("rank_pattern", {{"q_proj", 4}}, "x: field 'rank_pattern' = object, expected {}");
  with("use_rslora", 1, "x: field 'use_rslora' = 1, expected true or false");
  with("r", 2.5, "x: field 'r' = 2.5, expected a positive integer");
  with("r", 0, "rank = 0, expected a positive number");
  with("lora_alpha", "x", "x: field 'lora_alpha' = \"x\", expected a number");
  with("target_modules", "q|k", "x: field 'target_modules' = \"q|k\", expected a list of names");
  with("target_modules", {"embed_tokens"}, "target_modules has \"embed_tokens\", expected q_proj");
  with("target_modules", json::array(), "target_modules is empty");
  CHECK_THROWS_WITH(parse_lora_options("[]", "x"), Contains("x is not a JSON object"));
  CHECK_THROWS_WITH(parse_lora_options("{", "x"), Contains("x is not a JSON object"));
}
