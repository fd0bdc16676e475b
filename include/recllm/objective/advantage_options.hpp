// The settings of advantage estimators, and what an estimator is.
#pragma once

#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>

namespace recllm {

/// What group-relative advantages are divided by: the deviation of the rewards of the group, of all rewards
/// of the step, or nothing.
enum class advantage_scale { group_deviation, batch_deviation, none };

/// The divisor of a variance of n numbers: n - 1 or n.
enum class deviation { sample, population };

/// What a completion without others of its prompt gets: 0, or its reward compared with 0 (verl).
enum class lone_completion { zero, keeps_reward };

/// The last step of several_rewards: none, or whitening in which every completion (TRL) or every token counts
/// alike.
enum class last_normalisation { none, per_sequence, per_token };

/// What estimators go by tokens that the mask leaves out, say the output of a tool between two turns, as.
enum class masked_tokens {
  carry,  ///< not there: what comes after joins what was before (verl's gae)
  zero,   ///< steps of reward and value 0, which discount (TRL's gae)
  reset   ///< the end of an episode: nothing flows across
};

/// Settings of the estimators; each names those it reads.
struct advantage_options {
  advantage_scale scale = advantage_scale::group_deviation;
  double epsilon = 1e-4;  ///< added to the deviation, >= 0
  deviation divisor = deviation::sample;
  lone_completion lone = lone_completion::zero;
  last_normalisation last = last_normalisation::per_sequence;
  double gamma = 1.0;  ///< discount a token, in [0, 1]
  masked_tokens masked = masked_tokens::reset;
};

/// What an objective's `advantage` holds: a step and settings -> B x T, 0 where the mask is 0. A new
/// estimator is one more function of this signature, in namespace `advantage`.
using advantage_estimator = token_matrix<double> (*)(const scored_step&, const advantage_options&);

}  // namespace recllm
