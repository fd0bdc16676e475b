// The shortest way to a trace: log-probs and the function that pulls their slopes back.
#pragma once

#include <utility>

#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// What a policy's trace() may return: `traced{log_probs, [&](token_view<float> dloss_dlogp) { ... }}`, both
/// of count x T. What the function borrows must outlive the trace; train() and fit() keep policy and
/// rollouts.
template <class Pullback>
class traced {
 public:
  traced(token_matrix<float> log_probs, Pullback pull_back)
      : log_probs_(std::move(log_probs)), pull_back_(std::move(pull_back)) {}

  /// count x T, nats.
  [[nodiscard]] const token_matrix<float>& log_probs() const { return log_probs_; }

  /// Calls the function.
  void backward(const token_view<float>& dloss_dlogp) { pull_back_(dloss_dlogp); }

 private:
  token_matrix<float> log_probs_;
  Pullback pull_back_;
};

static_assert(Trace<traced<void (*)(token_view<float>)>>);

}  // namespace recllm
