// Recomputed activations leave the gradients as they are, to the bit.
#include <recllm/torch/recompute.hpp>

#include <recllm/torch/causal_lm.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

struct text {
  token_ids tokens;
};

}  // namespace

TEST_CASE("a recomputed function's gradient is the function's", "[recompute]") {
  torch::manual_seed(1);
  const at::Tensor x = at::randn({3, 4}).requires_grad_(), w = at::randn({4, 2}).requires_grad_(),
                   fixed = at::randn({3, 2});
  int calls = 0;
  const tensor_function f = [&](at::TensorList in) {
    ++calls;
    return in[0].matmul(in[1]).tanh() * in[2];
  };
  const std::vector<at::Tensor> inputs{x, w, fixed};
  const at::Tensor plain = f(inputs), saving = recomputed([&] { return f(inputs); }, f, inputs);
  CHECK(at::equal(plain, saving));
  calls = 0;
  const auto expected = torch::autograd::grad({plain.square().sum()}, {x, w}),
             found = torch::autograd::grad({saving.square().sum()}, {x, w});
  CHECK(calls == 1);
  CHECK(at::equal(expected[0], found[0]));
  CHECK(at::equal(expected[1], found[1]));
  const auto one = torch::autograd::grad({recomputed([&] { return f(inputs); }, f, inputs).sum()}, {w});
  CHECK(at::equal(one[0], torch::autograd::grad({f(inputs).sum()}, {w})[0]));

  const at::NoGradGuard no_grad;
  CHECK_FALSE(recomputed([&] { return f(inputs); }, f, inputs).requires_grad());
}

TEST_CASE("weights changed between the passes are noticed", "[recompute]") {
  at::Tensor w = at::ones({2}).requires_grad_();
  const tensor_function square = [](at::TensorList in) { return in[0].square(); };
  const std::vector<at::Tensor> inputs{w};
  const at::Tensor y = recomputed([&] { return square(inputs); }, square, inputs).sum();
  {
    const at::NoGradGuard no_grad;
    w.add_(1.0);
  }
  CHECK_THROWS_WITH(y.backward(), Catch::Contains("modified by an inplace operation"));
}

TEST_CASE("a policy's gradients are the same to the bit, dropout included", "[recompute]") {
  const double dropout = GENERATE(0.0, 0.3);
  const prompt_attention attention = GENERATE(prompt_attention::masked, prompt_attention::merged);
  const std::string type = GENERATE("qwen2", "qwen3");
  INFO(type << ", dropout " << dropout << ", merged " << (attention == prompt_attention::merged));
  const std::vector<text> prompts{{{1, 2, 5, 7, 9, 11}}, {{4}}};
  const auto gradients = [&](layer_activations activations) {
    causal_lm<text, text> policy(
        qwen({.model_type = type, .vocab_size = 31, .hidden_size = 32, .initializer_range = 0.3},
             random_stream(4)),
        {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
         .sampling = {.max_new_tokens = 9, .end_tokens = {3}},
         .optimizer = {},
         .dropout = dropout,
         .attention = attention,
         .activations = activations});
    const auto r = policy.sample(prompts, 6, random_stream(8));
    const auto step = [&](Eigen::Index first, Eigen::Index count) {
      auto trace = policy.trace(r, {first, count});
      const token_matrix<float> slopes = 0.1f * r.mask.middleRows(first, count) + trace.log_probs();
      trace.backward(slopes);
    };
    step(0, 7);
    step(7, 5);
    tensor_map all;
    for (const auto& [name, weight] : policy.model().weights()) all[name] = weight.grad();
    return all;
  };
  const tensor_map kept = gradients(layer_activations::kept);
  for (const auto& [name, gradient] : gradients(layer_activations::recomputed)) {
    INFO(name);
    CHECK(gradient.abs().sum().item<float>() > 0.0f);
    CHECK(at::equal(gradient, kept.at(name)));
  }
}
