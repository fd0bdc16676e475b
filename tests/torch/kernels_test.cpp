// Fused kernels against libtorch's operators: scores, gradients and samples of the same model.
#include <recllm/torch/kernels.hpp>

#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/layer_functions.hpp>

#include "support/catch.hpp"
#include "support/relative_difference.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};
using policy = causal_lm<text, text>;

qwen_config config_of(const std::string& type) {
  return {.model_type = type,
          .vocab_size = 37,
          .hidden_size = 48,
          .intermediate_size = 56,
          .num_hidden_layers = 2,
          .num_attention_heads = 4,
          .num_key_value_heads = 2,
          .head_dim = 16,
          .initializer_range = 0.15,
          .tie_word_embeddings = type != "llama"};
}

policy policy_of(qwen model, kernels how, layer_activations activations = layer_activations::kept) {
  model.set_how(how);
  return policy(std::move(model),
                {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
                 .allowed = {},
                 .sampling = {.max_new_tokens = 11, .temperature = 0.8, .end_tokens = {3, 5, 9, 20}},
                 .optimizer = {},
                 .activations = activations});
}

const std::vector<text> prompts{{{1, 2, 5, 7, 9, 11}}, {{4}}, {{8, 8, 6}}};

/// The same model with adapters that change something.
qwen with_lora(qwen model) {
  model.add_lora({.rank = 3, .alpha = 5, .target_modules = {"q_proj", "v_proj", "down_proj"}},
                 random_stream(6));
  const at::NoGradGuard no_grad;
  for (const auto& [name, weight] : model.weights())
    if (name.ends_with("lora_B.weight"))
      weight.copy_(at::sin(at::arange(weight.numel()).view(weight.sizes())) * 0.2);
  return model;
}

}  // namespace

TEST_CASE("fused and plain kernels score, pull back and sample alike") {
  const std::string type = GENERATE("qwen2", "qwen3", "llama");
  const bool adapted = GENERATE(false, true);
  const layer_activations activations = GENERATE(layer_activations::kept, layer_activations::recomputed);
  INFO(type << (adapted ? " with adapters" : ""));
  const qwen base(config_of(type), random_stream(4));
  const qwen model = adapted ? with_lora(base) : base;
  const policy fused = policy_of(model, kernels::fused, activations),
               plain = policy_of(model, kernels::plain);
  REQUIRE(fused_decoder::can_decode(fused.model()));
  REQUIRE_FALSE(fused_decoder::can_decode(plain.model()));

  const auto r = fused.sample(prompts, 6, random_stream(8)),
             same = plain.sample(prompts, 6, random_stream(8));
  CHECK(r.tokens == same.tokens);
  CHECK((r.log_probs - same.log_probs).cwiseAbs().maxCoeff() < 1e-5f);
  CHECK(fused.greedy(prompts).tokens == plain.greedy(prompts).tokens);

  auto ours = fused.trace(r, {0, r.rows()}), theirs = plain.trace(r, {0, r.rows()});
  CHECK((ours.log_probs() - theirs.log_probs()).cwiseAbs().maxCoeff() < 1e-5f);
  CHECK((ours.log_probs() - r.log_probs).cwiseAbs().maxCoeff() < 1e-5f);
  CHECK((ours.entropies() - theirs.entropies()).cwiseAbs().maxCoeff() < 1e-5f);
  const token_matrix<float> slopes = r.mask * 0.1f + r.log_probs, of_entropies = r.mask * 0.3f;
  ours.backward(slopes, of_entropies);
  theirs.backward(slopes, of_entropies);
  for (const auto& [name, weight] : plain.model().weights()) {
    INFO(name);
    const at::Tensor &gradient = fused.model().weights().at(name).grad(), &expected = weight.grad();
    REQUIRE(gradient.defined() == expected.defined());
    if (!expected.defined()) continue;
    CHECK((gradient - expected).abs().max().item<float>() <
          1e-5f * std::max(1.0f, expected.abs().max().item<float>()));
  }
}

TEST_CASE("fused kernels in bf16 are plain ones to bf16's precision") {
  qwen model(config_of("qwen3"), random_stream(4));
  model.to(at::kBFloat16);
  const policy fused = policy_of(model, kernels::fused), plain = policy_of(model, kernels::plain);
  const auto r = fused.sample(prompts, 6, random_stream(8));
  CHECK((fused.log_probs(r, {0, r.rows()}) - r.log_probs).cwiseAbs().maxCoeff() < 0.15f);
  auto ours = fused.trace(r, {0, r.rows()}), theirs = plain.trace(r, {0, r.rows()});
  CHECK((ours.log_probs() - theirs.log_probs()).cwiseAbs().maxCoeff() < 0.15f);
  ours.backward(token_view<float>(r.mask));
  theirs.backward(token_view<float>(r.mask));
  for (const auto& [name, weight] : plain.model().weights()) {
    INFO(name);
    const at::Tensor gradient = fused.model().weights().at(name).grad().to(at::kFloat),
                     expected = weight.grad().to(at::kFloat);
    CHECK((gradient - expected).norm().item<double>() < 0.06 * expected.norm().item<double>());
  }
}

TEST_CASE("what a row continues with does not depend on the rows that have ended") {
  const policy p = policy_of(qwen(config_of("qwen2"), random_stream(9)), kernels::fused);
  const auto r = p.sample(prompts, 40, random_stream(5));  // rows end, the others go on in smaller batches
  std::size_t ended = 0;
  for (const auto& tokens : r.tokens) ended += tokens.size() < 11 ? 1 : 0;
  REQUIRE(ended > 30);
  CHECK((p.log_probs(r, {0, r.rows()}) - r.log_probs).cwiseAbs().maxCoeff() < 1e-5f);
}

TEST_CASE("the gradients of an MLP's rows, none to several stretches, are autograd's") {
  const std::int64_t rows = GENERATE(0, 3, 1024, 1025, 2500);
  INFO(rows << " rows");
  at::manual_seed(rows);
  const at::Tensor x = at::randn({rows, 8}), slopes = at::randn({rows, 8});
  const std::vector<at::Tensor> inputs{x, at::randn({12, 8}), at::randn({12, 8}), at::randn({8, 12})};
  for (const at::Tensor& t : inputs) t.set_requires_grad(true);
  const auto gradients = [&](const at::Tensor& y) { return torch::autograd::grad({y}, inputs, {slopes}); };
  const at::Tensor ours = swiglu_mlp(inputs[0], inputs[1], inputs[2], inputs[3]),
                   theirs =
                       at::linear(at::silu(at::linear(x, inputs[1])) * at::linear(x, inputs[2]), inputs[3]);
  CHECK(relative_difference(ours, theirs) <= 1e-5);
  const auto got = gradients(ours), expected = gradients(theirs);
  for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(relative_difference(got[i], expected[i]) <= 1e-5);
}
