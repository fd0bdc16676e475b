// The decoder against logits, log-probs, greedy ids, loss and gradients that transformers computed.
#include <recllm/torch/causal_lm.hpp>

#include <fstream>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/shared_files.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};

causal_lm<text, text> policy_of(const qwen& model) {
  return causal_lm<text, text>(
      model,
      {.decode = [](token_ids tokens) { return text{std::move(tokens)}; }, .sampling = {}, .optimizer = {}});
}

void expect_golden(const char* name) {
  const auto folder = shared_file((std::string("data/tiny/") + name).c_str());
  if (!folder) return;
  std::ifstream in(*folder / "golden.json");
  const nlohmann::json golden = nlohmann::json::parse(in);
  const qwen model(*folder);
  const auto policy = policy_of(model);

  for (const nlohmann::json& entry : golden["cases"]) {
    const token_ids ids = entry["input_ids"].get<token_ids>();
    INFO(name << ", " << ids.size() << " tokens");
    const std::vector<token_ids> contexts{ids};
    const at::Tensor logits = at::linear(last_hidden(model, contexts), model.head()).squeeze(0).detach();
    const at::Tensor expected = torch::tensor(entry["last_logits"].get<std::vector<float>>());
    CHECK((logits - expected).abs().max().item<float>() < 1e-4f);

    if (ids.size() > 1) {
      const std::vector<text> prompts{{{ids.front()}}}, completions{{token_ids(ids.begin() + 1, ids.end())}};
      const auto rows = policy.given(prompts, completions);
      const token_matrix<float> log_probs = policy.log_probs(rows, {0, 1});
      const auto token_log_probs = entry["token_logprobs"].get<std::vector<float>>();
      REQUIRE(static_cast<std::size_t>(log_probs.cols()) == token_log_probs.size());
      for (Eigen::Index t = 0; t < log_probs.cols(); ++t)
        CHECK(log_probs(0, t) == Approx(token_log_probs[static_cast<std::size_t>(t)]).margin(1e-4));
    }

    const token_ids greedy = entry["greedy_ids"].get<token_ids>();
    const auto out = generate(
        model, contexts, 1,
        {.max_new_tokens = static_cast<std::int64_t>(greedy.size()), .temperature = 0.0, .end_tokens = {}},
        random_stream(0));
    CHECK(out[0].tokens == greedy);
  }

  const token_ids ids = golden["cases"][3]["input_ids"].get<token_ids>();
  const std::vector<text> prompts{{{ids.front()}}}, completions{{token_ids(ids.begin() + 1, ids.end())}};
  const auto rows = policy.given(prompts, completions);
  auto trace = policy.trace(rows, {0, 1});
  const float count = static_cast<float>(ids.size() - 1);
  CHECK(-trace.log_probs().sum() / count == Approx(golden["sft_loss_case3"].get<float>()).epsilon(1e-5));
  trace.backward(token_matrix<float>::Constant(1, trace.log_probs().cols(), -1.0f / count));
  for (const auto& [parameter, expected] : golden["grads_case3"].items()) {
    INFO(name << ", gradient of " << parameter);
    const at::Tensor gradient = policy.model().weights().at(parameter).grad();
    CHECK(gradient.norm().item<double>() == Approx(expected["norm"].get<double>()).epsilon(1e-3));
    // A sum may cancel: it is compared on the scale of the norm.
    CHECK(gradient.sum().item<double>() ==
          Approx(expected["sum"].get<double>())
              .margin(1e-3 * expected["norm"].get<double>() * std::sqrt(gradient.numel())));
    const auto head = expected["head"].get<std::vector<float>>();
    for (std::size_t i = 0; i < head.size(); ++i)
      CHECK(gradient.flatten()[static_cast<std::int64_t>(i)].item<float>() ==
            Approx(head[i]).epsilon(1e-3).margin(1e-6));
  }
}

}  // namespace

TEST_CASE("Qwen2 equals transformers", "[qwen]") { expect_golden("qwen2_tied"); }

TEST_CASE("Llama equals transformers", "[qwen]") { expect_golden("llama_tied"); }

TEST_CASE("a model survives its own folder", "[qwen]") {
  const auto folder = std::filesystem::temp_directory_path() / "recllm_qwen_test";
  for (const bool tied : {true, false}) {
    const qwen model(
        {.vocab_size = 13, .hidden_size = 8, .intermediate_size = 12, .tie_word_embeddings = tied},
        random_stream(3));
    model.save(folder);
    const qwen again(folder);
    REQUIRE(again.weights().size() == model.weights().size());
    for (const auto& [name, weight] : model.weights()) CHECK(at::equal(weight, again.weights().at(name)));
    CHECK(again.config().tie_word_embeddings == tied);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a config that cannot be says which field", "[qwen]") {
  CHECK_THROWS_WITH(qwen({.vocab_size = 0}, random_stream(1)), Catch::Contains("vocab_size = 0"));
  CHECK_THROWS_WITH(
      qwen({.vocab_size = 5, .num_attention_heads = 4, .num_key_value_heads = 3}, random_stream(1)),
      Catch::Contains("num_key_value_heads = 3"));
}

TEST_CASE("a token that the model has no room for is named", "[qwen]") {
  const qwen model({.vocab_size = 13, .hidden_size = 8, .intermediate_size = 12}, random_stream(3));
  const token_ids beyond{4, 13};
  const std::vector<prompt_group> groups{{beyond, {}}};
  CHECK_THROWS_WITH(model.hidden(pack(groups, at::kCPU)),
                    Catch::Contains("token 13, expected less than vocab_size = 13"));
}

TEST_CASE("a folder whose weights do not fit says which tensor", "[qwen]") {
  const auto folder = std::filesystem::temp_directory_path() / "recllm_qwen_weights_test";
  const qwen model({.vocab_size = 13, .hidden_size = 8, .intermediate_size = 12}, random_stream(3));
  const auto expect = [&](auto&& spoil, const std::string& sentence) {
    model.save(folder);
    tensor_map weights = read_safetensors(folder / "model.safetensors");
    spoil(weights);
    write_safetensors(folder / "model.safetensors", weights);
    CHECK_THROWS_WITH(qwen(folder), Catch::Contains(sentence));
  };
  expect([](tensor_map& w) { w.erase("model.norm.weight"); }, "'model.norm.weight' is missing");
  expect([](tensor_map& w) { w["model.norm.weight"] = at::ones({9}); }, "'model.norm.weight' has shape [9]");
  expect([](tensor_map& w) { w["model.norm.weight"].fill_(NAN); }, "not finite");
  expect(
      [](tensor_map& w) {
        w["model.layers.2.mlp.up_proj.weight"] = at::ones({12, 8});
      },
      "there are tensors of 3 layers, the config's num_hidden_layers is 2");
  std::filesystem::remove_all(folder);
}

namespace {

qwen small_model(bool tied) {
  return qwen({.vocab_size = 23,
               .hidden_size = 16,
               .intermediate_size = 24,
               .initializer_range = 0.3,
               .tie_word_embeddings = tied},
              random_stream(3));
}

const std::vector<token_ids> contexts{{3, 7, 1, 4}, {22, 0}};

}  // namespace

TEST_CASE("frozen weights gather no gradient and stay when the rest is trained", "[qwen]") {
  for (const bool tied : {true, false}) {
    qwen model = small_model(tied);
    model.set_trainable([](const std::string& name) { return name.starts_with("model.layers.1.mlp"); });
    auto policy = policy_of(model);
    const auto before = policy;
    const std::vector<text> prompts{{{3, 7}}}, completions{{{1, 4, 9}}};
    const auto rows = policy.given(prompts, completions);
    policy.trace(rows, {0, 1}).backward(token_view<float>(token_matrix<float>::Ones(1, 3)));
    CHECK(policy.step({.learning_rate = 0.1}) > 0.0);
    for (const auto& [name, weight] : policy.model().weights()) {
      const at::Tensor& old = before.model().weights().at(name);
      CHECK(at::equal(weight, old) == !name.starts_with("model.layers.1.mlp"));
      CHECK((weight.data_ptr() == old.data_ptr()) == !weight.requires_grad());
    }
    qwen thawed = policy.model();  // what others share is not trained in place
    thawed.set_trainable([](const std::string&) { return true; });
    CHECK(thawed.head().data_ptr() != policy.model().head().data_ptr());
  }
}

TEST_CASE("only the head may be trained, and a model without anything to train says so", "[qwen]") {
  qwen model = small_model(false);
  model.set_trainable([](const std::string& name) { return name == "lm_head.weight"; });
  auto policy = policy_of(model);
  const std::vector<text> prompts{{{3, 7}}}, completions{{{1, 4, 9}}};
  policy.trace(policy.given(prompts, completions), {0, 1})
      .backward(token_view<float>(token_matrix<float>::Ones(1, 3)));
  CHECK(policy.step({.learning_rate = 0.1}) > 0.0);
  CHECK_FALSE(at::equal(policy.model().head(), model.head()));
  model.set_trainable([](const std::string&) { return false; });
  CHECK_THROWS_WITH(policy_of(model).step({}), Catch::Matchers::Contains("every weight is frozen"));
}

TEST_CASE("new tokens get the mean row; old tokens' logits stay", "[qwen]") {
  for (const bool tied : {true, false}) {
    const qwen model = small_model(tied);
    qwen wider = model;
    wider.resize_token_embeddings(26);
    CHECK(wider.config().vocab_size == 26);
    const at::Tensor old = at::linear(last_hidden(model, contexts), model.head());
    const at::Tensor now = at::linear(last_hidden(wider, contexts), wider.head());
    CHECK(at::allclose(now.narrow(1, 0, 23), old, 1e-5, 1e-6));  // by products of other shapes
    CHECK((now.select(1, 24) - old.mean(1)).abs().max().item<float>() <
          1e-5f);  // a linear function of the row

    const token_ids title{5, 9, 9};
    wider.initialize_token(25, title);
    const at::Tensor named = at::linear(last_hidden(wider, contexts), wider.head());
    CHECK((named.select(1, 25) - (old.select(1, 5) + 2 * old.select(1, 9)) / 3).abs().max().item<float>() <
          1e-5f);
    const at::Tensor& rows = wider.weights().at("model.embed_tokens.weight");
    CHECK((rows[25] - (rows[5] + 2 * rows[9]) / 3).abs().max().item<float>() < 1e-6f);
    CHECK(rows.requires_grad());
    CHECK_THROWS_WITH(wider.resize_token_embeddings(25), Catch::Matchers::Contains("expected 26 or more"));
    CHECK_THROWS_WITH(wider.initialize_token(26, title), Catch::Matchers::Contains("token 26"));
    CHECK_THROWS_WITH(wider.initialize_token(25, {}), Catch::Matchers::Contains("like is empty"));
  }
}
