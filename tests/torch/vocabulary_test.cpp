// Scores and their pullback, block by block, against autograd through the whole logits.
#include <recllm/torch/vocabulary.hpp>

#include "support/catch.hpp"

using namespace recllm::torch_bridge;

TEST_CASE("blocks of rows give autograd's log-probs and gradients", "[vocabulary]") {
  for (const std::int64_t vocabulary : {std::int64_t{7}, std::int64_t{1} << 21}) {  // one block; three blocks
    INFO("vocabulary " << vocabulary);
    const std::int64_t rows = 5, width = 3;
    const double temperature = 0.8;
    const at::Tensor hidden = at::linspace(-1, 1, rows * width).view({rows, width}).requires_grad_();
    const at::Tensor head =
        at::linspace(-2, 1, vocabulary * width).sin().view({vocabulary, width}).requires_grad_();
    const at::Tensor targets = torch::tensor({0L, 3L, 6L, 3L, 1L});
    const at::Tensor slope = torch::tensor({0.5, -1.0, 0.0, 2.0, 0.25}).to(at::kFloat);

    const at::Tensor all = at::log_softmax(hidden.matmul(head.t()) / temperature, 1);
    const at::Tensor log_probs = all.gather(1, targets.unsqueeze(1)).squeeze(1);
    const token_scores scores = score_tokens(hidden.detach(), head.detach(), targets, temperature);
    CHECK((scores.log_probs - log_probs).abs().max().item<float>() < 1e-5f);
    CHECK((scores.entropies + (all.exp() * all).sum(1)).abs().max().item<float>() < 1e-3f);

    torch::autograd::backward({(log_probs * slope).sum()}, {});
    const auto [dhidden, dhead] =
        pull_back_scores(hidden.detach(), head.detach(), targets, temperature, slope);
    CHECK((dhidden - hidden.grad()).norm().item<float>() <= 1e-4f * hidden.grad().norm().item<float>());
    CHECK((dhead - head.grad()).norm().item<float>() <= 1e-4f * head.grad().norm().item<float>());

    // The entropies' way back, on top: the gradients gather.
    const at::Tensor entropy_slope = torch::tensor({1.0, 0.5, -2.0, 0.0, 0.25}).to(at::kFloat);
    const at::Tensor again =
        at::log_softmax(hidden.to(at::kDouble).matmul(head.to(at::kDouble).t()) / temperature, 1);
    torch::autograd::backward({-((again.exp() * again).sum(1) * entropy_slope).sum()}, {});
    const auto [dhidden_both, dhead_both] =
        pull_back_scores(hidden.detach(), head.detach(), targets, temperature, slope, {}, entropy_slope);
    const float tolerance = vocabulary == 7 ? 1e-5f : 1e-2f;  // float32 sums of two million terms that cancel
    CHECK((dhidden_both - hidden.grad()).norm().item<float>() <=
          tolerance * hidden.grad().norm().item<float>());
    CHECK((dhead_both - head.grad()).norm().item<float>() <= tolerance * head.grad().norm().item<float>());
  }
}
