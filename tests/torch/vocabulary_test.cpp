// Scores and their pullback, block by block, against autograd through the whole logits.
#include <recllm/torch/vocabulary.hpp>

#include <cstdint>
#include <utility>

#include "support/catch.hpp"

using namespace recllm::torch_bridge;

TEST_CASE("blocks of rows give autograd's log-probs and gradients", "[vocabulary]") {
  const kernels how = GENERATE(kernels::fused, kernels::plain);
  for (const auto& [vocabulary, rows] :
       {std::pair<std::int64_t, std::int64_t>{7, 5}, {1 << 14, 600}}) {  // one block; three blocks
    INFO("vocabulary " << vocabulary << (how == kernels::fused ? ", fused" : ", plain"));
    const std::int64_t width = 3;
    const double temperature = 0.8;
    const at::Tensor hidden = at::linspace(-1, 1, rows * width).view({rows, width}).requires_grad_();
    const at::Tensor head =
        at::linspace(-2, 1, vocabulary * width).sin().view({vocabulary, width}).requires_grad_();
    const at::Tensor targets = at::arange(rows, at::kLong) * 3 % 7;
    const at::Tensor slope = at::linspace(-1, 2, rows);

    const at::Tensor all = at::log_softmax(hidden.matmul(head.t()) / temperature, 1);
    const at::Tensor log_probs = all.gather(1, targets.unsqueeze(1)).squeeze(1);
    const token_scores scores = score_tokens(hidden.detach(), head.detach(), targets, temperature, {}, how);
    CHECK((scores.log_probs - log_probs).abs().max().item<float>() < 1e-5f);
    CHECK((scores.entropies + (all.exp() * all).sum(1)).abs().max().item<float>() < 1e-3f);

    torch::autograd::backward({(log_probs * slope).sum()}, {});
    const auto pull_back = [&](const at::Tensor& entropy_slope) {
      return score_and_pull_back(
          hidden.detach(), head.detach(), targets, temperature,
          [&](std::int64_t first, std::int64_t count, const token_scores& here) {
            CHECK(here.log_probs.equal(scores.log_probs.narrow(0, first, count)));
            CHECK(here.entropies.equal(scores.entropies.narrow(0, first, count)));
            return score_slopes{slope.narrow(0, first, count), entropy_slope.defined()
                                                                   ? entropy_slope.narrow(0, first, count)
                                                                   : at::Tensor()};
          },
          {}, true, how);
    };
    const auto [dhidden, dhead] = pull_back({});
    CHECK((dhidden - hidden.grad()).norm().item<float>() <= 1e-4f * hidden.grad().norm().item<float>());
    CHECK((dhead - head.grad()).norm().item<float>() <= 1e-4f * head.grad().norm().item<float>());

    // The entropies' way back, on top: the gradients gather.
    const at::Tensor entropy_slope = at::linspace(1, -2, rows).cos();
    const at::Tensor again =
        at::log_softmax(hidden.to(at::kDouble).matmul(head.to(at::kDouble).t()) / temperature, 1);
    torch::autograd::backward({-((again.exp() * again).sum(1) * entropy_slope).sum()}, {});
    const auto [dhidden_both, dhead_both] = pull_back(entropy_slope);
    const float tolerance = vocabulary == 7 ? 1e-5f : 1e-4f;  // float32 sums of many terms that cancel
    CHECK((dhidden_both - hidden.grad()).norm().item<float>() <=
          tolerance * hidden.grad().norm().item<float>());
    CHECK((dhead_both - head.grad()).norm().item<float>() <= tolerance * head.grad().norm().item<float>());
  }
}
