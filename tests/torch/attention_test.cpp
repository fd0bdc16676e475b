// Merged attention against attention of each completion with its own copy of the prompt, and against the
// mask.
#include <recllm/torch/attention.hpp>

#include <recllm/core/random.hpp>
#include <recllm/torch/causal_lm.hpp>

#include "support/catch.hpp"
#include "support/relative_difference.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;

namespace {

/// Softmax attention of one sequence in double, written out.
at::Tensor by_hand(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::int64_t shared = q.size(1) / k.size(1);
  const at::Tensor keys = k.repeat_interleave(shared, 1).transpose(0, 1),
                   values = v.repeat_interleave(shared, 1);
  at::Tensor scores =
      q.transpose(0, 1).matmul(keys.transpose(1, 2)) / std::sqrt(static_cast<double>(q.size(2)));
  scores = scores.masked_fill(at::ones({q.size(0), q.size(0)}, at::kBool).triu(1), -INFINITY);
  return at::softmax(scores, -1).matmul(values.transpose(0, 1)).transpose(0, 1);
}

struct text {
  token_ids tokens;
};

}  // namespace

TEST_CASE("merged attention is that of every completion with a prompt of its own") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 20)));
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::int64_t kv_heads = 1 + static_cast<std::int64_t>(rng.below(3)),
                     heads = kv_heads * (1 + static_cast<std::int64_t>(rng.below(3))),
                     size = 2 * (1 + static_cast<std::int64_t>(rng.below(20)));
  std::vector<token_ids> prompts, completions;
  std::vector<prompt_group> groups;
  prompts.reserve(8), completions.reserve(64);
  for (std::size_t g = 1 + rng.below(3); g > 0; --g) {
    prompt_group group{prompts.emplace_back(1 + rng.below(40), 0), {}};
    for (std::size_t c = rng.below(7); c > 0; --c)
      group.completions.emplace_back(completions.emplace_back(rng.below(3) == 0 ? 0 : rng.below(30), 0));
    groups.push_back(group);
  }
  const packed_batch batch = pack(groups, at::kCPU, prompt_attention::merged);
  const std::int64_t tokens = batch.tokens.numel();
  torch::manual_seed(seed);
  std::vector<at::Tensor> inputs;
  for (const std::int64_t of : {heads, kv_heads, kv_heads})
    inputs.push_back((2.0 * at::randn({tokens, of, size})).requires_grad_());
  const at::Tensor out = attend(batch, inputs[0], inputs[1], inputs[2]);
  const at::Tensor slopes = at::randn(out.sizes());
  out.backward(slopes);

  std::vector<at::Tensor> exact;
  for (const at::Tensor& input : inputs) exact.push_back(input.detach().to(at::kDouble).requires_grad_());
  at::Tensor expected = at::zeros({tokens, heads, size}, at::kDouble);
  std::int64_t first = 0;
  for (const prompt_group& group : groups) {
    const std::int64_t prompt = static_cast<std::int64_t>(group.prompt.size());
    const at::Tensor asked = at::arange(first, first + prompt);
    const auto of = [&](const at::Tensor& places) {
      return by_hand(exact[0].index_select(0, places), exact[1].index_select(0, places),
                     exact[2].index_select(0, places));
    };
    expected = expected.index_add(0, asked, of(asked));
    std::int64_t next = first + prompt;
    for (const auto& completion : group.completions) {
      const std::int64_t length = static_cast<std::int64_t>(completion.size());
      const at::Tensor said = at::arange(next, next + length);
      expected = expected.index_add(0, said, of(at::cat({asked, said})).narrow(0, prompt, length));
      next += length;
    }
    first = next;
  }
  expected.backward(slopes.to(at::kDouble));
  CHECK(relative_difference(out, expected) < 1e-5);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    CHECK(relative_difference(inputs[i].grad(), exact[i].grad()) < 1e-5);
}

TEST_CASE("a policy's log-probs and gradients are the same by merged and by masked attention") {
  const auto of = [](prompt_attention attention) {
    return causal_lm<text, text>(
        qwen({.vocab_size = 31, .hidden_size = 32, .initializer_range = 0.3}, random_stream(4)),
        {.decode = [](token_ids tokens) { return text{std::move(tokens)}; },
         .sampling = {.max_new_tokens = 9, .end_tokens = {3}},
         .optimizer = {},
         .attention = attention});
  };
  const auto masked = of(prompt_attention::masked), merged = of(prompt_attention::merged);
  const std::vector<text> prompts{{{1, 2, 5, 7, 9, 11}}, {{4}}};
  const auto r = masked.sample(prompts, 6, random_stream(8));
  auto plain = masked.trace(r, {0, r.rows()}), shared = merged.trace(r, {0, r.rows()});
  CHECK((plain.log_probs() - shared.log_probs()).cwiseAbs().maxCoeff() < 1e-5f);
  CHECK((r.log_probs - shared.log_probs()).cwiseAbs().maxCoeff() < 1e-5f);
  const token_matrix<float> slopes = r.mask * 0.1f + r.log_probs;
  plain.backward(slopes);
  shared.backward(slopes);
  for (const auto& [name, weight] : masked.model().weights()) {
    INFO(name);
    const at::Tensor difference = weight.grad() - merged.model().weights().at(name).grad();
    CHECK(difference.abs().max().item<float>() <
          1e-5f * std::max(1.0f, weight.grad().abs().max().item<float>()));
  }
}
