// Losses of single completions that are labelled good or bad: kto.
#pragma once

#include <algorithm>
#include <cmath>

#include <recllm/core/check.hpp>
#include <recllm/objective/preference_pair.hpp>

namespace recllm {

/// One completion; log-probs are sums over its tokens, nats.
struct labelled_log_probs {
  double policy = 0.0;
  double reference = 0.0;
  bool desirable = true;  ///< the label
};

/// Settings of kto_loss.
struct unpaired_options {
  double beta = 0.1;                ///< > 0: how dear it is to leave the reference
  double desirable_weight = 1.0;    ///< >= 0
  double undesirable_weight = 1.0;  ///< >= 0
  double kl = 0.0;  ///< estimate of KL(policy || reference), nats, a constant; below 0 it counts as 0
};

/// A loss, its slope with respect to labelled_log_probs::policy and the reward that it implies.
struct unpaired_loss {
  double value = 0.0;
  double slope = 0.0;
  double reward = 0.0;  ///< beta * log(policy / reference)
};

/// weight (1 - sigmoid(+-beta (h - kl))), h = log(policy / reference), + for desirable, - for undesirable.
/// Ethayarajh et al., KTO, arXiv 2402.01306; kl = 0 is the unpaired APO-zero of D'Oosterlinck et
/// al., arXiv 2408.06266. Throws std::invalid_argument for settings out of range.
[[nodiscard]] inline unpaired_loss kto_loss(const labelled_log_probs& p, const unpaired_options& how) {
  require(how.beta > 0.0 && std::isfinite(how.beta), "recllm: kto_loss: beta must be > 0, but is ", how.beta,
          "; 0.1 is usual");
  require(how.desirable_weight >= 0.0 && how.undesirable_weight >= 0.0 &&
              std::isfinite(how.desirable_weight) && std::isfinite(how.undesirable_weight),
          "recllm: kto_loss: desirable_weight and undesirable_weight must be 0 or more, but are ",
          how.desirable_weight, " and ", how.undesirable_weight);
  const double h = p.policy - p.reference;
  const double sign = p.desirable ? 1.0 : -1.0;
  const double weight = p.desirable ? how.desirable_weight : how.undesirable_weight;
  // Written so that a NaN estimate is not taken for 0.
  const double x = sign * how.beta * (h - (how.kl < 0.0 ? 0.0 : how.kl));
  return {weight * detail::sigmoid(-x), -weight * sign * how.beta * detail::sigmoid(x) * detail::sigmoid(-x),
          how.beta * h};
}

}  // namespace recllm
