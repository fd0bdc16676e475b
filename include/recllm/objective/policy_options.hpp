// Whose ratio a policy loss reads, what holds it, and what is added to it.
#pragma once

#include <optional>

#include <recllm/objective/divergence.hpp>

namespace recllm {

/// Whose ratio policy / old policy a surrogate reads.
enum class ratio_level {
  token,
  sequence,       ///< exp(mean log-ratio of the completion's tokens), which all of them share
  sequence_token  ///< the same value, but a token's slope flows to that token's log-prob only
};

/// Which tokens clipped_low and clipped_high count.
enum class clip_counting {
  held_back,  ///< whose slope the clip made 0: advantage < 0 below the range, > 0 above it (TRL; verl's grpo)
  outside     ///< whose ratio is outside the range, whatever the advantage (verl's cispo)
};

/// Settings of policy_loss().
struct policy_loss_options {
  ratio_level level = ratio_level::token;
  /// > 0: log-ratios are clamped to [-limit, limit], those of completions to at most the limit; slope 0
  /// beyond.
  std::optional<double> log_ratio_limit = std::nullopt;
  double kl_coef = 0.0;  ///< >= 0
  recllm::kl_estimator kl_estimator = recllm::kl_estimator::k3;
  double entropy_coef = 0.0;  ///< of the entropy bonus; 0 reads no entropies
  clip_counting counting = clip_counting::held_back;
};

}  // namespace recllm
