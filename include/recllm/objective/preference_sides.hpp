// Losses that hold the chosen and the rejected completion each to a mark of its own: nca, bco, sppo, apo.
//
//   c = log(pi / ref)(chosen),   r = log(pi / ref)(rejected)
//
// length_normalised divides each by its completion's number of tokens.
#pragma once

#include <recllm/objective/preference_pair.hpp>

namespace recllm {

/// -log sigmoid(beta c) - log sigmoid(-beta c) / 2 - log sigmoid(-beta r) / 2. Chen et al., NCA, arXiv
/// 2402.05369, for two completions, of which one is preferred for certain.
[[nodiscard]] inline pair_loss nca_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_log_ratios(p, how, [&](double chosen, double rejected) -> detail::value_and_slopes {
    const double c = how.beta * chosen, r = how.beta * rejected;
    return {detail::softplus(-c) + 0.5 * detail::softplus(c) + 0.5 * detail::softplus(r),
            how.beta * (0.5 * detail::sigmoid(c) - detail::sigmoid(-c)), how.beta * 0.5 * detail::sigmoid(r)};
  });
}

/// -log sigmoid(beta c - delta) - log sigmoid(-(beta r - delta)): a classifier of the two. Jung et al., BCO,
/// arXiv 2404.04656. The shift is state and stays the caller's: see bco_step_loss for one from
/// the data.
struct bco_loss {
  double delta = 0.0;  ///< the reward of neither: mean of beta c and beta r; 0 is TRL's bco_pair

  [[nodiscard]] pair_loss operator()(const pair_log_probs& p, const pair_options& how) const {
    return detail::of_log_ratios(p, how, [&](double chosen, double rejected) -> detail::value_and_slopes {
      const double c = how.beta * chosen - delta, r = how.beta * rejected - delta;
      return {detail::softplus(-c) + detail::softplus(r), -how.beta * detail::sigmoid(-c),
              how.beta * detail::sigmoid(r)};
    });
  }
};

/// (c - 1 / (2 beta))^2 + (r + 1 / (2 beta))^2. Wu et al., SPPO, arXiv 2405.00675, equation 4.7, where the
/// chosen completion wins for certain.
[[nodiscard]] inline pair_loss sppo_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_log_ratios(p, how, [&](double chosen, double rejected) -> detail::value_and_slopes {
    const double c = chosen - 0.5 / how.beta, r = rejected + 0.5 / how.beta;
    return {c * c + r * r, 2.0 * c, 2.0 * r};
  });
}

/// 1 - sigmoid(beta c) + sigmoid(beta r): chosen up, rejected down, where chosen completions are better than
/// the policy's. D'Oosterlinck et al., APO, arXiv 2408.06266, equation 7.
[[nodiscard]] inline pair_loss apo_zero_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_log_ratios(p, how, [&](double chosen, double rejected) -> detail::value_and_slopes {
    const double c = how.beta * chosen, r = how.beta * rejected;
    return {detail::sigmoid(-c) + detail::sigmoid(r), -how.beta * detail::sigmoid(c) * detail::sigmoid(-c),
            how.beta * detail::sigmoid(r) * detail::sigmoid(-r)};
  });
}

/// sigmoid(beta c) + 1 - sigmoid(beta (c - r)): both down, rejected more, where the policy's own completions
/// are better than the chosen. D'Oosterlinck et al., APO, arXiv 2408.06266, equation 8.
[[nodiscard]] inline pair_loss apo_down_loss(const pair_log_probs& p, const pair_options& how) {
  return detail::of_log_ratios(p, how, [&](double chosen, double rejected) -> detail::value_and_slopes {
    const double c = how.beta * chosen, x = how.beta * (chosen - rejected);
    const double apart = how.beta * detail::sigmoid(x) * detail::sigmoid(-x);
    return {detail::sigmoid(c) + detail::sigmoid(-x),
            how.beta * detail::sigmoid(c) * detail::sigmoid(-c) - apart, apart};
  });
}

}  // namespace recllm
