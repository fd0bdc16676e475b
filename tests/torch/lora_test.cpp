// Adapters against the model they are merged into, the chain rule, and files in PEFT's format.
#include <recllm/torch/lora.hpp>

#include <fstream>

#include <nlohmann/json.hpp>

#include <recllm/core/random.hpp>
#include <recllm/grpo.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/train/train.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

namespace {

qwen make_model(std::uint64_t seed) {
  return qwen({.vocab_size = 23, .hidden_size = 16, .intermediate_size = 24, .initializer_range = 0.3},
              random_stream(seed));
}

/// Adapters whose B is not 0.
qwen adapted(std::uint64_t seed, lora_options options) {
  qwen model = make_model(seed);
  model.add_lora(options, random_stream(seed + 1));
  const at::NoGradGuard no_grad;
  std::uint64_t number = 0;
  for (const auto& [name, weight] : model.weights()) {
    random_stream draws = random_stream(seed + 2).split(number++);
    if (name.ends_with("lora_B.weight"))
      for (float *w = weight.data_ptr<float>(), *end = w + weight.numel(); w != end; ++w)
        *w = static_cast<float>(0.2 * draws.normal());
  }
  return model;
}

at::Tensor states(const qwen& model, layer_activations activations = layer_activations::kept) {
  const token_ids prompt{3, 7, 1, 4}, one{5, 6}, other{8, 2, 9};
  const std::vector<prompt_group> groups{{prompt, {one, other}}};
  return model.hidden(pack(groups, at::kCPU), std::identity{}, activations);
}

double furthest(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

struct text {
  token_ids tokens;
};
const std::vector<text> prompts{{{3, 7, 1}}, {{5, 2}}};

causal_lm<text, text> policy_of(qwen model) {
  return causal_lm<text, text>(std::move(model),
                               {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
                                .sampling = {.max_new_tokens = 5, .end_tokens = {}},
                                .optimizer = {}});
}

void write_json(const std::filesystem::path& path, const nlohmann::json& root) {
  std::ofstream(path) << root;
}
nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

}  // namespace

TEST_CASE("new adapters change nothing and leave nothing else to train", "[lora]") {
  const qwen plain = make_model(4);
  qwen model = plain;
  model.add_lora({.rank = 3}, random_stream(5));
  CHECK(at::allclose(states(model), states(plain), 1e-5, 1e-6));  // q, k and v by one product, or by three
  std::size_t trained = 0;
  for (const auto& [name, weight] : model.weights()) {
    CHECK(weight.requires_grad() == (name.find("lora_") != std::string::npos));
    trained += weight.requires_grad();
  }
  CHECK(trained == 2 * 7 * 2);  // layers, projections, A and B
  const at::Tensor a = model.weights().at("model.layers.1.mlp.down_proj.lora_A.weight");
  CHECK(a.sizes() == at::IntArrayRef({3, 24}));
  CHECK(a.abs().max().item<double>() <= 1.0 / std::sqrt(24.0));
  CHECK(a.abs().max().item<double>() > 0.8 / std::sqrt(24.0));
}

TEST_CASE("a model with adapters computes what the merged one does", "[lora]") {
  for (const bool rslora : {false, true}) {
    const qwen model = adapted(11, {.rank = 4, .alpha = 6.0, .use_rslora = rslora});
    qwen merged = model;
    merged.merge_lora();
    CHECK_FALSE(merged.lora());
    CHECK(merged.weights().size() == make_model(11).weights().size());
    CHECK(furthest(states(model), states(merged)) < 1e-5);
    CHECK(furthest(states(model), states(make_model(11))) > 1e-2);
    for (const auto& [name, weight] : merged.weights()) CHECK(weight.requires_grad());
  }
}

TEST_CASE("gradients of A and B are those of W by the chain rule", "[lora]") {
  for (const layer_activations activations : {layer_activations::kept, layer_activations::recomputed}) {
    const qwen model =
        adapted(21, {.rank = 2, .alpha = 3.0, .target_modules = {"q_proj", "o_proj", "up_proj"}});
    qwen merged = model;
    merged.merge_lora();
    at::manual_seed(1);
    const at::Tensor slope = at::randn_like(states(model));
    states(model, activations).backward(slope);
    states(merged).backward(slope);
    const double scale = 3.0 / 2.0;
    std::size_t compared = 0;
    for (const auto& [name, weight] : model.weights()) {
      if (!name.ends_with("lora_A.weight")) {
        if (!name.ends_with("lora_B.weight")) CHECK_FALSE(weight.grad().defined());
        continue;
      }
      const std::string module = name.substr(0, name.size() - std::string("lora_A.weight").size());
      const at::Tensor& b = model.weights().at(module + "lora_B.weight");
      const at::Tensor dw = merged.weights().at(module + "weight").grad();
      CHECK(furthest(weight.grad(), scale * b.t().matmul(dw)) < 1e-4);
      CHECK(furthest(b.grad(), scale * dw.matmul(weight.t())) < 1e-4);
      ++compared;
    }
    CHECK(compared == 6);
  }
}

TEST_CASE("copies share frozen weights and have adapters of their own", "[lora]") {
  const qwen model = adapted(31, {});
  const qwen copy = model;
  for (const auto& [name, weight] : model.weights())
    CHECK((copy.weights().at(name).data_ptr() == weight.data_ptr()) == !weight.requires_grad());
}

TEST_CASE("GRPO moves the adapters and nothing else; a saved run goes on alike", "[lora]") {
  const auto goal = [](const text&, const text& answer) { return static_cast<double>(answer.tokens[0] % 3); };
  const train_options how{.steps = 3, .group_size = 6, .learning_rate = 1e-2};
  auto policy = policy_of(adapted(41, {.rank = 2}));
  const auto reference = policy;
  for (const auto& m : train(policy, grpo{.kl_coef = 0.1}, goal, prompts, how, &reference))
    CHECK(m.grad_norm > 0.0);
  for (const auto& [name, weight] : policy.model().weights())
    CHECK(at::equal(weight, reference.model().weights().at(name)) == !weight.requires_grad());

  const temporary_folder folder;
  policy.save(folder.path);
  auto resumed = policy_of(adapted(41, {.rank = 2}));
  resumed.load(folder.path);
  for (auto* p : {&policy, &resumed})
    for (const auto& m : train(*p, grpo{.kl_coef = 0}, goal, prompts, how)) CHECK(m.grad_norm > 0.0);
  for (const auto& [name, weight] : policy.model().weights())
    CHECK(at::equal(weight, resumed.model().weights().at(name)));
}

TEST_CASE("adapters are written as PEFT names them and read back", "[lora]") {
  const temporary_folder folder;
  const qwen model =
      adapted(51, {.rank = 5, .alpha = 7.5, .target_modules = {"v_proj", "down_proj"}, .use_rslora = true});
  model.save_lora(folder.path);
  const nlohmann::json config = read_json(folder.path / "adapter_config.json");
  CHECK(config["peft_type"] == "LORA");
  CHECK(config["r"] == 5);
  CHECK(config["lora_alpha"] == 7.5);
  CHECK(config["target_modules"] == nlohmann::json{"v_proj", "down_proj"});
  const tensor_map stored = read_safetensors(folder.path / "adapter_model.safetensors");
  CHECK(stored.size() == 8);
  CHECK(stored.at("base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight").sizes() ==
        at::IntArrayRef({5, 16}));
  qwen again = make_model(51);
  again.load_lora(folder.path);
  CHECK(at::equal(states(again), states(model)));
  again.load_lora(folder.path);  // in place of the first
  CHECK(at::equal(states(again), states(model)));

  adapted(52, {.rank = 2, .target_modules = {"model.layers.1.self_attn.q_proj", "mlp.up_proj"}})
      .save_lora(folder.path);
  again.load_lora(folder.path);
  std::size_t trained = 0;
  for (const auto& [name, weight] : again.weights()) trained += weight.requires_grad();
  CHECK(trained == 2 * (1 + 2));  // A and B of a projection of one layer and of one of two layers
}

TEST_CASE("adapters that do not fit are refused by name", "[lora]") {
  const temporary_folder folder;
  adapted(61, {}).save_lora(folder.path);
  const std::filesystem::path path = folder.path / "adapter_config.json";
  const nlohmann::json good = read_json(path);
  qwen model = make_model(61);
  const auto with = [&](const char* field, const nlohmann::json& value, const std::string& expected) {
    nlohmann::json bad = good;
    bad[field] = value;
    write_json(path, bad);
    CHECK_THROWS_WITH(model.load_lora(folder.path), Contains(expected));
    CHECK_FALSE(model.lora());
  };
  with("use_dora", true, path.string() + ": field 'use_dora' = true, expected false");
  with("r", 4, "lora_A.weight' has shape [8, 16], expected [4, 16]");
  with("target_modules", {"q_proj"}, "belongs to no projection of the model that target_modules names");
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(model.load_lora(folder.path), Contains("cannot open"));

  qwen twice = adapted(61, {});
  CHECK_THROWS_WITH(twice.add_lora({}, random_stream(1)), Contains("has adapters already"));
  CHECK_THROWS_WITH(twice.save(folder.path), Contains("merge_lora() first"));
  CHECK_THROWS_WITH(model.merge_lora(), Contains("has no adapters"));
  CHECK_THROWS_WITH(model.save_lora(folder.path), Contains("has no adapters"));
  CHECK_THROWS_WITH(model.add_lora({.rank = 0}, random_stream(1)), Contains("rank = 0"));
}
