// AdamW against the update written out by hand, and its refusals.
#include <recllm/torch/adamw.hpp>

#include <cmath>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {
tensor_map make_weights() {
  tensor_map weights;
  weights["matrix"] = at::ones({2, 2}).requires_grad_();
  weights["bias"] = at::ones({2}).requires_grad_();
  return weights;
}

void give(const tensor_map& weights, float gradient) {
  for (const auto& [name, weight] : weights) weight.mutable_grad() = at::full(weight.sizes(), gradient);
}
}  // namespace

TEST_CASE("AdamW equals algorithm 2 of its paper", "[adamw]") {
  const tensor_map weights = make_weights();
  adamw optimizer({.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-6, .weight_decay = 0.1});
  double matrix = 1.0, bias = 1.0, first = 0.0, second = 0.0;
  const double rate = 0.05;
  for (int step = 1; step <= 5; ++step) {
    const double g = 0.3 * step;
    give(weights, static_cast<float>(g));
    CHECK(optimizer.step(weights, {.learning_rate = rate}) == Approx(g * std::sqrt(6.0)));
    first = 0.8 * first + 0.2 * g;
    second = 0.9 * second + 0.1 * g * g;
    const double move =
        rate * (first / (1 - std::pow(0.8, step))) / (std::sqrt(second / (1 - std::pow(0.9, step))) + 1e-6);
    matrix -= rate * 0.1 * matrix + move;
    bias -= move;
    CHECK(weights.at("matrix")[1][1].item<float>() == Approx(matrix).epsilon(1e-5));
    CHECK(weights.at("bias")[0].item<float>() == Approx(bias).epsilon(1e-5));
  }
}

TEST_CASE("clipping scales the gradient to the given norm", "[adamw]") {
  const tensor_map clipped = make_weights(), scaled = make_weights();
  adamw a({.epsilon = 1.0}), b({.epsilon = 1.0});
  give(clipped, 5.0f);
  give(scaled, static_cast<float>(1.0 / std::sqrt(6.0)));
  CHECK(a.step(clipped, {.learning_rate = 0.1, .max_grad_norm = 1.0}) == Approx(5.0 * std::sqrt(6.0)));
  b.step(scaled, {.learning_rate = 0.1});
  CHECK(clipped.at("bias")[0].item<float>() == Approx(scaled.at("bias")[0].item<float>()));
}

TEST_CASE("a state of other weights is refused", "[adamw]") {
  const tensor_map weights = make_weights();
  adamw optimizer;
  give(weights, 1.0f);
  optimizer.step(weights, {.learning_rate = 0.1});
  tensor_map state = optimizer.state();
  adamw other;
  other.load_state(state, weights);
  state["first_moment.bias"] = at::zeros({3});
  CHECK_THROWS_WITH(other.load_state(state, weights), Catch::Contains("'first_moment.bias'"));
  state.erase("steps");
  state["first_moment.bias"] = at::zeros({2});
  CHECK_THROWS_WITH(other.load_state(state, weights), Catch::Contains("lacks 'steps'"));
}

TEST_CASE("bf16 weights are the rounding of a float32 master that moves as float32 weights do", "[adamw]") {
  tensor_map rounded = make_weights(), exact = make_weights();
  for (auto& [name, weight] : rounded) weight = weight.detach().to(at::kBFloat16).requires_grad_();
  adamw of_rounded, of_exact;
  for (int step = 1; step <= 40; ++step) {  // each move is far below bf16's step of 2^-8 at 1
    const float slope = static_cast<float>(at::BFloat16(0.25f * static_cast<float>(step % 3)));
    give(exact, slope);
    for (const auto& [name, weight] : rounded)
      weight.mutable_grad() = at::full(weight.sizes(), slope, weight.options().requires_grad(false));
    CHECK(of_rounded.step(rounded, {.learning_rate = 5e-4}) == of_exact.step(exact, {.learning_rate = 5e-4}));
  }
  for (const auto& [name, weight] : exact) {
    CHECK(weight.flatten()[0].item<float>() < 0.99f);
    CHECK(at::equal(rounded.at(name), weight.to(at::kBFloat16)));
    CHECK(at::equal(of_rounded.state().at("master." + name), weight));
  }
  adamw resumed;
  resumed.load_state(of_rounded.state(), rounded);
  CHECK(resumed.state().contains("master.matrix"));
  tensor_map without = of_rounded.state();
  without.erase("master.matrix");
  CHECK_THROWS_WITH(resumed.load_state(without, rounded), Catch::Matchers::Contains("lacks 'master.matrix'"));
}
