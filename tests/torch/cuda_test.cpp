// What a GPU computes is what the CPU computes: log-probs, gradients, draws, steps and files. Skipped where
// libtorch finds no CUDA device.
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/device.hpp>
#include <recllm/torch/ranking.hpp>
#include <recllm/torch/value_head.hpp>

#include <algorithm>
#include <optional>

#include <recllm/grpo.hpp>
#include <recllm/train/train.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

namespace {

/// The GPU, or nothing, and the test's output says why.
std::optional<at::Device> find_gpu() try {
  return pick_device("cuda");
} catch (const std::invalid_argument& reason) {
  WARN("skipped: no CUDA device: " << reason.what());
  return std::nullopt;
}

struct text {
  token_ids tokens;
};
using policy = causal_lm<text, text>;

constexpr std::int64_t vocabulary = 41;
const std::vector<text> prompts{{{3, 7, 1}}, {{5}}, {{2, 2, 9, 11, 4, 6, 30, 12}}};

/// The same weights on every device.
qwen make_model(at::Device device) {
  return qwen(
      {.vocab_size = vocabulary, .hidden_size = 32, .intermediate_size = 48, .initializer_range = 0.3},
      random_stream(3), device);
}

/// Epsilon keeps rounding of gradients that are 0 out of the steps.
policy::options settings() {
  return {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
          .sampling = {.max_new_tokens = 7, .temperature = 0.8, .end_tokens = {0}},
          .optimizer = {.epsilon = 1e-3}};
}

/// Every third token, less the one before.
token_ids every_third(const text&, std::span<const std::int64_t> so_far) {
  token_ids tokens;
  for (std::int64_t token = 0; token < vocabulary; token += 3)
    if (so_far.empty() || token != so_far.back()) tokens.push_back(token);
  return tokens;
}

token_matrix<float> random_slopes(const token_rollouts<text>& r, std::uint64_t seed) {
  random_stream draws(seed);
  token_matrix<float> slopes(r.rows(), r.mask.cols());
  for (Eigen::Index i = 0; i < slopes.size(); ++i) slopes.data()[i] = static_cast<float>(draws.normal());
  return slopes;
}

/// How far the GPU's tensor is from the CPU's, as a share of its norm, or of `least` where that is more.
double apart(const at::Tensor& on_gpu, const at::Tensor& on_cpu, double least) {
  const at::Tensor exact = on_cpu.to(at::kDouble);
  return (on_gpu.cpu().to(at::kDouble) - exact).norm().item<double>() /
         std::max(least, exact.norm().item<double>());
}

double reward_of(const text&, const text& answer) { return static_cast<double>(answer.tokens[0] % 3); }

}  // namespace

TEST_CASE("log-probs, entropies and gradients on a GPU are the CPU's", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  for (const bool constrained : {false, true})
    for (const layer_activations activations : {layer_activations::kept, layer_activations::recomputed}) {
      policy::options how = settings();
      how.activations = activations;
      how.dropout = 0.1;
      if (constrained) how.allowed = every_third;
      const policy here(make_model(at::kCPU), how), there(make_model(*gpu), how);
      CHECK(there.model().device() == *gpu);
      const auto r = here.sample(prompts, 4, random_stream(8));
      const row_block all{0, r.rows()};
      CHECK((there.log_probs(r, all) - here.log_probs(r, all)).abs().maxCoeff() < 1e-4f);
      auto trace = here.trace(r, all), trace_there = there.trace(r, all);
      CHECK((trace_there.log_probs() - trace.log_probs()).abs().maxCoeff() < 1e-4f);
      CHECK((trace_there.entropies() - trace.entropies()).abs().maxCoeff() < 1e-4f);
      const token_matrix<float> slopes = random_slopes(r, 5), of_entropies = random_slopes(r, 6);
      trace.backward(slopes, of_entropies);
      trace_there.backward(slopes, of_entropies);
      for (const auto& [name, weight] : here.model().weights()) {
        INFO(name);
        CHECK(apart(there.model().weights().at(name).grad(), weight.grad(), 0.1) < 1e-4);
      }
    }
}

TEST_CASE("greedy tokens, draws and rankings on a GPU are the CPU's", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  for (const bool constrained : {false, true}) {
    policy::options how = settings();
    if (constrained) how.allowed = every_third;
    const policy here(make_model(at::kCPU), how), there(make_model(*gpu), how);
    CHECK(there.greedy(prompts).tokens == here.greedy(prompts).tokens);
    const auto r = there.sample(prompts, 6, random_stream(8));
    CHECK(r.tokens == here.sample(prompts, 6, random_stream(8)).tokens);
    CHECK((there.log_probs(r, {0, r.rows()}) - r.log_probs).abs().maxCoeff() < 1e-4f);
  }
  const qwen here = make_model(at::kCPU), there = make_model(*gpu);
  std::vector<token_ids> asked;
  for (const text& prompt : prompts) asked.push_back(prompt.tokens);
  const generation_options how{
      .max_new_tokens = 7,
      .end_tokens = {},
      .truncation = {.repetition_penalty = 1.3, .top_k = 20, .top_p = 0.9, .min_p = 0.01}};
  const auto drawn_here = generate(here, asked, 5, how, random_stream(4)),
             drawn_there = generate(there, asked, 5, how, random_stream(4));
  for (std::size_t row = 0; row < drawn_here.size(); ++row)
    CHECK(drawn_there[row].tokens == drawn_here[row].tokens);
  const token_ids items{4, 8, 15, 16, 23};
  const auto scores_here = next_item_log_probs(here, asked, items),
             scores_there = next_item_log_probs(there, asked, items);
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (std::size_t item = 0; item < items.size(); ++item)
      CHECK(scores_there[i][item] == Approx(scores_here[i][item]).margin(1e-4));
}

TEST_CASE("a GPU draws no token that is not allowed", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  // Parallel sums of the same numbers differ in their last bits, and a token of probability 0 may seem to
  // have some: many draws over a wide vocabulary with many gaps.
  constexpr std::int64_t words = 20'000;
  const qwen model({.vocab_size = words, .hidden_size = 16, .intermediate_size = 16}, random_stream(1), *gpu);
  token_ids even;
  for (std::int64_t token = 0; token < words; token += 2) even.push_back(token);
  std::size_t forbidden = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const generated& one :
         generate(model, std::vector<token_ids>{{1, 2, 3}}, 1000, {.max_new_tokens = 1, .end_tokens = {}},
                  random_stream(seed), [&](std::size_t, std::span<const std::int64_t>) { return even; }))
      forbidden += one.tokens[0] % 2 != 0;
  CHECK(forbidden == 0);
}

TEST_CASE("GRPO on a GPU moves the weights, or the adapters, as on the CPU", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  for (const bool adapters : {false, true}) {
    const auto trained = [&](at::Device device) {
      qwen model = make_model(device);
      if (adapters) model.add_lora({.rank = 4}, random_stream(9));
      policy p(std::move(model), settings());
      const policy reference = p;
      for (const step_metrics& m :
           train(p, grpo{.kl_coef = 0.1}, reward_of, prompts,
                 {.steps = 3, .group_size = 6, .micro_rows = 6, .learning_rate = 1e-2}, &reference))
        CHECK(m.grad_norm > 0.0);
      return p;
    };
    const policy here = trained(at::kCPU), there = trained(*gpu);
    const qwen before = make_model(at::kCPU);
    for (const auto& [name, weight] : here.model().weights()) {
      const at::Tensor& moved = there.model().weights().at(name);
      INFO(name);
      CHECK((moved.cpu() - weight).abs().max().item<double>() < 1e-4);
      if (weight.requires_grad() && before.weights().contains(name) && !name.ends_with("k_proj.bias"))
        CHECK_FALSE(at::allclose(moved.cpu(), before.weights().at(name), 0.0, 1e-3));
    }
  }
}

TEST_CASE("bf16 on a GPU is bf16 on the CPU to its precision", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  const auto rounded = [&](at::Device device) {
    qwen model = make_model(device);
    model.to(at::kBFloat16);
    return policy(std::move(model), settings());
  };
  policy here = rounded(at::kCPU), there = rounded(*gpu);
  const auto r = there.sample(prompts, 6, random_stream(8));
  const row_block all{0, r.rows()};
  const token_matrix<float> before = there.log_probs(r, all);
  CHECK((before - r.log_probs).abs().mean() < 0.1f);
  CHECK((before - here.log_probs(r, all)).abs().mean() < 0.1f);
  const token_matrix<float> slopes = random_slopes(r, 5);
  for (policy* p : {&here, &there}) p->trace(r, all).backward(token_view<float>(slopes));
  for (const auto& [name, weight] : here.model().weights()) {
    const at::Tensor& gradient = there.model().weights().at(name).grad();
    INFO(name);
    CHECK(gradient.scalar_type() == at::kBFloat16);
    CHECK(apart(gradient, weight.grad(), 0.1) < (name.ends_with("k_proj.bias") ? 0.5 : 0.1));
  }
  for (policy* p : {&here, &there}) CHECK(p->step({.learning_rate = 1e-2, .max_grad_norm = 1.0}) > 0.0);
  CHECK(there.model().type() == at::kBFloat16);
  const token_matrix<float> after = there.log_probs(r, all);
  CHECK((after - before).abs().maxCoeff() > 0.05f);
  CHECK((after - here.log_probs(r, all)).abs().mean() < 0.2f);
}

TEST_CASE("what a GPU saves a CPU loads, and the other way round", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  for (const bool adapters : {false, true})
    for (const auto& [from, to] : {std::pair{*gpu, at::Device(at::kCPU)}, {at::Device(at::kCPU), *gpu}}) {
      const auto fresh = [&](at::Device device) {
        qwen model = make_model(device);
        if (adapters) model.add_lora({.rank = 4}, random_stream(9));
        return policy(std::move(model), settings());
      };
      policy saved = fresh(from), loaded = fresh(to);
      const auto r = saved.sample(prompts, 3, random_stream(2));
      const auto step = [&](policy& p) {
        p.trace(r, {0, r.rows()}).backward(token_view<float>(r.mask));
        p.step({.learning_rate = 1e-2});
      };
      step(saved);
      const temporary_folder folder;
      saved.save(folder.path);
      loaded.load(folder.path);
      CHECK(loaded.model().device() == to);
      for (const auto& [name, weight] : saved.model().weights())
        CHECK(at::equal(weight.cpu(), loaded.model().weights().at(name).cpu()));
      step(saved);
      step(loaded);
      for (const auto& [name, weight] : saved.model().weights()) {
        INFO(name);
        CHECK((weight.cpu() - loaded.model().weights().at(name).cpu()).abs().max().item<double>() < 1e-4);
      }
    }
}

TEST_CASE("a critic on a GPU values and learns as on the CPU", "[cuda]") {
  const auto gpu = find_gpu();
  if (!gpu) return;
  const value_head_options how{.initializer_range = 0.2, .optimizer = {.epsilon = 1e-3}};
  value_head here(make_model(at::kCPU), how), there(make_model(*gpu), how);
  const policy asked(make_model(at::kCPU), settings());
  const auto r = asked.sample(prompts, 4, random_stream(8));
  const row_block all{0, r.rows()};
  const token_matrix<float> slopes = random_slopes(r, 5);
  for (int step = 0; step < 2; ++step) {
    CHECK((there.values(r, all) - here.values(r, all)).abs().maxCoeff() < 1e-4f);
    for (value_head* critic : {&here, &there}) {
      critic->trace_values(r, all).backward(token_view<float>(slopes));
      critic->step({.learning_rate = 1e-2, .max_grad_norm = 1.0});
    }
  }
  for (const auto& [name, weight] : here.head())
    CHECK((there.head().at(name).cpu() - weight).abs().max().item<double>() < 1e-4);
}
