// The output layer: log-probs of chosen tokens and their pullback, a block of rows at a time, so that
// [batch, time, vocabulary] is never held.
//
//   logp_m = z_m,y - log sum_v exp z_m,v    with z = h W^T / temperature
//   dL/dz_m,v = g_m (1[v = y_m] - p_m,v) - u_m p_m,v (log p_m,v + H_m)
//   for g = dL/dlogp, u = dL/dH, p = softmax(z), H_m = - sum_v p_m,v log p_m,v
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <recllm/kernel/softmax.hpp>
#include <recllm/torch/kernels.hpp>
#include <recllm/torch/precision.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Log-probs and entropies of M tokens, nats.
struct token_scores {
  at::Tensor log_probs;  ///< M
  at::Tensor entropies;  ///< M, of the whole distribution at each token
};

/// Slopes of some tokens: dL/dlogp and dL/dentropy, or undefined for 0, both `count`.
struct score_slopes {
  at::Tensor dloss_dlogp, dloss_dentropy;
};

/// `bias(first, count)`: added to the logits of those rows, count x V, or undefined for nothing; see
/// constraint_bias.
using logit_bias = std::function<at::Tensor(std::int64_t first, std::int64_t count)>;

namespace detail {
/// Rows whose logits fit in about 16 MiB of floats.
inline std::int64_t vocabulary_rows(std::int64_t vocabulary) {
  return std::max<std::int64_t>(1, (std::int64_t{1} << 22) / vocabulary);
}

/// Calls `block(first, count)` over M rows.
template <class Block>
void for_row_blocks(std::int64_t rows, std::int64_t vocabulary, Block&& block) {
  const std::int64_t most = vocabulary_rows(vocabulary);
  for (std::int64_t first = 0; first < rows; first += most) block(first, std::min(most, rows - first));
}

/// Logits of one block of rows after another, in one place.
class block_logits {
 public:
  block_logits(const at::Tensor& hidden, const at::Tensor& head, double temperature, const logit_bias& bias)
      : hidden_(hidden), head_(head), temperature_(temperature), bias_(bias) {
    // Rows that lie a power of two apart would share a few lines of the processor's cache.
    constexpr std::int64_t gap = 16;
    const std::int64_t rows = std::min(vocabulary_rows(head.size(0)), hidden.size(0));
    if (head.scalar_type() == at::kFloat) room_ = at::empty({rows, head.size(0) + gap}, head.options());
  }

  /// count x V, of the model's type, float32 where something is done to them; valid until the next call.
  [[nodiscard]] at::Tensor operator()(std::int64_t first, std::int64_t count) const {
    const at::Tensor rows = hidden_.narrow(0, first, count);
    at::Tensor logits;
    if (room_.defined()) {
      logits = room_.narrow(0, 0, count).narrow(1, 0, head_.size(0));
      at::mm_out(logits, rows, head_.t());
    } else {
      logits = at::linear(rows, head_);
    }
    const at::Tensor added = bias_ ? bias_(first, count) : at::Tensor();
    if (temperature_ == 1.0 && !added.defined()) return logits;
    const at::Tensor scaled = logits.to(exact_type(head_)).div_(temperature_);
    return added.defined() ? scaled.add_(added) : scaled;
  }

 private:
  at::Tensor hidden_, head_, room_;
  double temperature_;
  const logit_bias& bias_;
};

/// Whether a kernel can read these logits' rows.
inline bool kernel_can_read_rows(const at::Tensor& logits) {
  return logits.is_cpu() && logits.stride(1) == 1 &&
         (logits.scalar_type() == at::kFloat || logits.scalar_type() == at::kBFloat16);
}

/// Calls work(row, i) for each row of a block of logits, in parallel.
template <class Work>
void for_each_row(const at::Tensor& logits, const Work& work) {
  with_kernel_type(logits, [&]<class T>(T) {
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i)
        work(static_cast<T*>(logits.data_ptr()) + i * logits.stride(0), i);
    });
  });
}

/// dL/dlogits of a block's rows, count x V; logits were divided by the temperature already.
inline at::Tensor plain_slopes(const at::Tensor& logits, const at::Tensor& targets, double temperature,
                               const score_slopes& slopes) {
  const at::Tensor slope = slopes.dloss_dlogp.unsqueeze(1) / temperature;
  const at::Tensor log_probs = at::log_softmax(logits.to(exact_type(logits)), 1);
  const at::Tensor probabilities = log_probs.exp();
  at::Tensor dlogits = probabilities * slope.neg();
  if (slopes.dloss_dentropy.defined()) {
    const at::Tensor entropy = (probabilities * log_probs).sum(1, true).neg_();
    dlogits.sub_(
        (log_probs + entropy).mul_(probabilities).mul_(slopes.dloss_dentropy.unsqueeze(1) / temperature));
  }
  return dlogits.scatter_add_(1, targets.unsqueeze(1), slope);
}

/// The same in place of the logits, by a kernel.
inline at::Tensor fused_slopes(const at::Tensor& logits, const at::Tensor& targets, double temperature,
                               const token_scores& scores, const score_slopes& slopes) {
  const float share = static_cast<float>(1.0 / temperature);
  const auto value = [](const at::Tensor& t, std::int64_t i) {
    return t.defined() ? t.const_data_ptr<float>()[i] : 0.0f;
  };
  for_each_row(logits, [&]<class T>(T* row, std::int64_t i) {
    kernel::slopes(row, static_cast<std::size_t>(logits.size(1)),
                   static_cast<std::size_t>(targets.const_data_ptr<std::int64_t>()[i]),
                   kernel::softmax_scores{value(scores.log_probs, i), value(scores.entropies, i)},
                   share * value(slopes.dloss_dlogp, i), share * value(slopes.dloss_dentropy, i));
  });
  return logits;
}

/// The scores of a block's rows, into their places.
inline void score_block(const at::Tensor& logits, const at::Tensor& targets, std::int64_t first,
                        const token_scores& scores, kernels how) {
  const std::int64_t count = logits.size(0);
  if (how == kernels::fused && kernel_can_read_rows(logits)) {
    for_each_row(logits, [&]<class T>(T* row, std::int64_t i) {
      const kernel::softmax_scores of =
          kernel::score(row, static_cast<std::size_t>(logits.size(1)),
                        static_cast<std::size_t>(targets.const_data_ptr<std::int64_t>()[first + i]));
      scores.log_probs.data_ptr<float>()[first + i] = of.log_prob;
      scores.entropies.data_ptr<float>()[first + i] = of.entropy;
    });
    return;
  }
  const at::Tensor log_probs = at::log_softmax(logits.to(exact_type(logits)), 1);
  scores.log_probs.narrow(0, first, count)
      .copy_(log_probs.gather(1, targets.narrow(0, first, count).unsqueeze(1)).squeeze(1));
  scores.entropies.narrow(0, first, count).copy_(log_probs.exp().mul_(log_probs).sum(1).neg_());
}

/// Room for M scores of hidden states under a head.
inline token_scores room_for_scores(const at::Tensor& hidden, const at::Tensor& head) {
  const at::TensorOptions exact = hidden.options().dtype(exact_type(head));
  return {at::empty({hidden.size(0)}, exact), at::empty({hidden.size(0)}, exact)};
}
}  // namespace detail

/// Scores of `targets` (M, int64) given `hidden` (M x d) under softmax(hidden head^T / temperature + bias);
/// head is V x d.
[[nodiscard]] inline token_scores score_tokens(const at::Tensor& hidden, const at::Tensor& head,
                                               const at::Tensor& targets, double temperature,
                                               const logit_bias& bias = {}, kernels how = kernels::fused) {
  const at::NoGradGuard no_grad;
  token_scores scores = detail::room_for_scores(hidden, head);
  const detail::block_logits logits(hidden, head, temperature, bias);
  detail::for_row_blocks(hidden.size(0), head.size(0), [&](std::int64_t first, std::int64_t count) {
    detail::score_block(logits(first, count), targets, first, scores, how);
  });
  return scores;
}

/// Scores as score_tokens() does, and pulls back what `slopes_of(first, count, scores)` -> score_slopes
/// answers for each stretch of tokens as soon as it is scored: one matrix of logits serves both. Returns
/// dL/dhidden (M x d) and, with_head, dL/dhead (V x d, not contiguous; float32 for a head of bf16).
template <class SlopesOf>
[[nodiscard]] std::pair<at::Tensor, at::Tensor> score_and_pull_back(
    const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets, double temperature,
    SlopesOf&& slopes_of, const logit_bias& bias = {}, bool with_head = true, kernels how = kernels::fused) {
  const at::NoGradGuard no_grad;
  const token_scores scores = detail::room_for_scores(hidden, head);
  const detail::block_logits logits_of(hidden, head, temperature, bias);
  at::Tensor dhidden = at::empty_like(hidden), dhead;  // d x V: products of this shape are faster
  if (with_head) dhead = at::zeros({head.size(1), head.size(0)}, head.options().dtype(exact_type(head)));
  detail::for_row_blocks(hidden.size(0), head.size(0), [&](std::int64_t first, std::int64_t count) {
    const at::Tensor logits = logits_of(first, count);
    detail::score_block(logits, targets, first, scores, how);
    const auto here = [&](const at::Tensor& all) { return all.narrow(0, first, count); };
    const score_slopes slopes =
        slopes_of(first, count, token_scores{here(scores.log_probs), here(scores.entropies)});
    at::Tensor dlogits = how == kernels::fused && detail::kernel_can_read_rows(logits)
                             ? detail::fused_slopes(logits, here(targets), temperature,
                                                    {here(scores.log_probs), here(scores.entropies)}, slopes)
                             : detail::plain_slopes(logits, here(targets), temperature, slopes);
    dlogits = dlogits.to(head.scalar_type());
    here(dhidden).copy_(dlogits.matmul(head));
    if (!with_head) return;
    if (dhead.scalar_type() == head.scalar_type())
      dhead.addmm_(here(hidden).t(), dlogits);
    else
      dhead.add_(here(hidden).t().matmul(dlogits));
  });
  return {dhidden, with_head ? dhead.t() : dhead};
}

}  // namespace recllm::torch_bridge
