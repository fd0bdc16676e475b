// A model in bf16 against the same model in float32, to bf16's precision.
#include <recllm/torch/precision.hpp>

#include <recllm/grpo.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/train/train.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};
const std::vector<text> prompts{{{3, 7, 1}}, {{5, 2}}};

qwen make_model(at::ScalarType type) {
  qwen model({.vocab_size = 23, .hidden_size = 32, .intermediate_size = 48, .initializer_range = 0.2},
             random_stream(3));
  model.to(at::kBFloat16);  // the same rounded weights in both types
  model.to(type);
  return model;
}

auto policy_of(qwen model, prompt_attention attention = prompt_attention::merged) {
  return causal_lm<text, text>(std::move(model),
                               {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
                                .sampling = {.max_new_tokens = 4, .end_tokens = {}},
                                .optimizer = {},
                                .attention = attention});
}

}  // namespace

TEST_CASE("bf16 log-probs and gradients are float32's to bf16's precision", "[precision]") {
  for (const prompt_attention attention : {prompt_attention::masked, prompt_attention::merged}) {
    const auto exact = policy_of(make_model(at::kFloat), attention);
    const auto rounded = policy_of(make_model(at::kBFloat16), attention);
    const auto r = exact.sample(prompts, 4, random_stream(8));
    const token_matrix<float> difference = exact.log_probs(r, {0, 8}) - rounded.log_probs(r, {0, 8});
    CHECK(difference.abs().maxCoeff() < 0.1f);
    CHECK(difference.abs().maxCoeff() > 0.0f);
    const token_matrix<float> slopes = token_matrix<float>::Ones(8, 4);
    for (const auto* p : {&exact, &rounded}) p->trace(r, {0, 8}).backward(token_view<float>(slopes));
    for (const auto& [name, weight] : exact.model().weights()) {
      const at::Tensor& gradient = rounded.model().weights().at(name).grad();
      INFO(name);
      CHECK(gradient.scalar_type() == at::kBFloat16);
      // A key's bias shifts all scores of a query alike: its gradient is 0 but for rounding and rotation.
      const double share = name.ends_with("k_proj.bias") ? 0.2 : 0.05;
      CHECK((gradient.to(at::kFloat) - weight.grad()).norm().item<double>() <
            share * weight.grad().norm().item<double>());
    }
  }
}

TEST_CASE("bf16 samples are scored as they were drawn", "[precision]") {
  const auto policy = policy_of(make_model(at::kBFloat16));
  const auto r = policy.sample(prompts, 8, random_stream(9));
  CHECK((policy.log_probs(r, {0, 16}) - r.log_probs).abs().maxCoeff() < 0.1f);
}

TEST_CASE("a run in bf16 is taken up to the bit", "[precision]") {
  const auto goal = [](const text&, const text& answer) { return static_cast<double>(answer.tokens[0] % 3); };
  const train_options how{.steps = 1, .group_size = 6, .learning_rate = 1e-3};
  auto policy = policy_of(make_model(at::kBFloat16));
  for (const auto& m : train(policy, grpo{.kl_coef = 0}, goal, prompts, how)) CHECK(m.grad_norm > 0.0);
  const temporary_folder folder;
  policy.save(folder.path);
  auto resumed = policy_of(make_model(at::kBFloat16));
  resumed.load(folder.path);
  CHECK(resumed.model().type() == at::kBFloat16);
  for (auto* p : {&policy, &resumed})
    for (const auto& m : train(*p, grpo{.kl_coef = 0}, goal, prompts, how)) CHECK(m.grad_norm > 0.0);
  for (const auto& [name, weight] : policy.model().weights())
    CHECK(at::equal(weight, resumed.model().weights().at(name)));
  CHECK_THROWS_WITH(make_model(at::kFloat).to(at::kInt),
                    Catch::Matchers::Contains("expected Float or BFloat16"));
}
