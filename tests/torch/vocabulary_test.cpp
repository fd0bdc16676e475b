// Scores and their pullback, block by block, against autograd through the whole logits in float64.
#include <recllm/torch/vocabulary.hpp>

#include <cstdint>
#include <utility>

#include "support/catch.hpp"
#include "support/relative_difference.hpp"

using namespace recllm::torch_bridge;

TEST_CASE("blocks of rows give autograd's log-probs and gradients", "[vocabulary]") {
  const kernels how = GENERATE(kernels::fused, kernels::plain);
  for (const auto& [vocabulary, rows] :
       {std::pair<std::int64_t, std::int64_t>{7, 5}, {1 << 12, 2400}}) {  // one block; three blocks
    INFO("vocabulary " << vocabulary << (how == kernels::fused ? ", fused" : ", plain"));
    const std::int64_t width = 16;  // libtorch's float32 products of few columns err by 1e-5 and more
    const double temperature = 0.8;
    const at::Tensor hidden = at::linspace(-0.5, 0.5, rows * width).view({rows, width});
    const at::Tensor head = at::linspace(-2, 1, vocabulary * width).sin().view({vocabulary, width});
    const at::Tensor targets = at::arange(rows, at::kLong) * 3 % 7;
    const at::Tensor slope = at::linspace(-1, 2, rows);

    const at::Tensor exact_hidden = hidden.to(at::kDouble).requires_grad_(),
                     exact_head = head.to(at::kDouble).requires_grad_();
    const at::Tensor all = at::log_softmax(exact_hidden.matmul(exact_head.t()) / temperature, 1),
                     log_probs = all.gather(1, targets.unsqueeze(1)).squeeze(1),
                     entropies = (all.exp() * all).sum(1).neg();
    const token_scores scores = score_tokens(hidden, head, targets, temperature, {}, how);
    CHECK((scores.log_probs - log_probs).abs().max().item<double>() < 1e-5);
    CHECK(relative_difference(scores.entropies, entropies) <= 1e-5);

    torch::autograd::backward({(log_probs * slope).sum()}, {}, /*retain_graph=*/true);
    const auto pull_back = [&](const at::Tensor& entropy_slope) {
      return score_and_pull_back(
          hidden, head, targets, temperature,
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
    CHECK(relative_difference(dhidden, exact_hidden.grad()) <= 1e-5);
    CHECK(relative_difference(dhead, exact_head.grad()) <= 1e-5);

    // The entropies' way back, on top: the gradients gather.
    const at::Tensor entropy_slope = at::linspace(1, -2, rows).cos();
    torch::autograd::backward({(entropies * entropy_slope).sum()}, {});
    const auto [dhidden_both, dhead_both] = pull_back(entropy_slope);
    CHECK(relative_difference(dhidden_both, exact_hidden.grad()) <= 1e-5);
    CHECK(relative_difference(dhead_both, exact_head.grad()) <= 1e-5);
  }
}
