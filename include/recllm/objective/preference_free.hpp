// Losses that need no reference: simpo, cpo, orpo.
//
//   c, r = log pi of the chosen and the rejected completion;  |c|, |r| = their tokens (at least 1 each)
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include <recllm/core/check.hpp>
#include <recllm/objective/preference_pair.hpp>

namespace recllm {

namespace detail {

/// log(1 - exp(x)) of x <= 0, exact near 0 and far below; -infinity at 0.
inline double log1mexp(double x) {
  return x > -std::numbers::ln2 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

/// log(exp(a) + exp(b)), either of which may be -infinity.
inline double log_add_exp(double a, double b) {
  const double top = std::max(a, b);
  return std::isinf(top) ? top : top + softplus(std::min(a, b) - top);
}

/// Adds coef * -log pi(chosen) / |c|. Throws std::invalid_argument for a negative coef.
inline pair_loss with_nll(pair_loss loss, const policy_log_probs& p, double coef, const char* who) {
  require(coef >= 0.0 && std::isfinite(coef), "recllm: ", who, ": nll_coef must be 0 or more, but is ", coef);
  if (coef == 0.0) return loss;
  const double length = std::max(1.0, p.chosen_length);
  loss.value -= coef * p.chosen / length;
  loss.dchosen -= coef / length;
  return loss;
}

/// smoothed_logistic(beta (c - r) - gamma), c and r divided by their lengths or not.
inline pair_loss without_reference(const policy_log_probs& p, const pair_options& how, double gamma) {
  check(how);
  const double chosen_share = share_of(p.chosen_length, how),
               rejected_share = share_of(p.rejected_length, how);
  const double chosen = how.beta * p.chosen * chosen_share, rejected = how.beta * p.rejected * rejected_share;
  const auto [value, slope] = smoothed_logistic(chosen - rejected - gamma, how.label_smoothing);
  return {value, how.beta * slope * chosen_share, -how.beta * slope * rejected_share, chosen, rejected};
}

}  // namespace detail

/// -log sigmoid(beta c / |c| - beta r / |r| - gamma); always length-normalised, smoothed like sigmoid_loss.
/// The rewards are beta c / |c| and beta r / |r|. Meng et al., SimPO, arXiv 2405.14734, where beta is 2 or
/// more.
struct simpo_loss {
  double gamma = 0.5;  ///< >= 0: by how much the chosen reward should win (TRL's default)

  [[nodiscard]] pair_loss operator()(const policy_log_probs& p, const pair_options& how) const {
    require(gamma >= 0.0 && std::isfinite(gamma), "recllm: simpo_loss: gamma must be 0 or more, but is ",
            gamma);
    return detail::without_reference(p, {how.beta, how.label_smoothing, true}, gamma);
  }
};

/// -log sigmoid(beta (c - r)) - nll_coef c / |c|, smoothed like sigmoid_loss. The rewards are beta c and beta
/// r. Xu et al., CPO, arXiv 2401.08417, equation 3 (there the last term is not divided by |c|; TRL takes its
/// mean over all chosen tokens of a batch).
struct cpo_loss {
  double nll_coef = 1.0;  ///< >= 0: of imitating the chosen completion

  [[nodiscard]] pair_loss operator()(const policy_log_probs& p, const pair_options& how) const {
    return detail::with_nll(detail::without_reference(p, how, 0.0), p, nll_coef, "cpo_loss");
  }
};

/// -beta log sigmoid(log(odds(c) / odds(r))) - nll_coef c / |c|, odds(c) = P / (1 - P) with P = exp(c / |c|).
/// The rewards are beta c / |c| and beta r / |r|. Hong et al., ORPO, arXiv 2403.07691, equations 4, 6 and 7;
/// beta is its lambda. Reads no label_smoothing.
///
/// At P = 1 of the chosen the first term is 0, at P = 1 of the rejected infinite, at both NaN. A completion
/// without tokens has no odds, and its pair no first term.
struct orpo_loss {
  double nll_coef = 1.0;  ///< >= 0: of imitating the chosen completion

  [[nodiscard]] pair_loss operator()(const policy_log_probs& p, const pair_options& how) const {
    detail::check(how);
    const double chosen_share = 1.0 / std::max(1.0, p.chosen_length);
    const double rejected_share = 1.0 / std::max(1.0, p.rejected_length);
    const double c = p.chosen * chosen_share, r = p.rejected * rejected_share;
    pair_loss loss{.chosen_reward = how.beta * c, .rejected_reward = how.beta * r};
    if (p.chosen_length == 0.0 || p.rejected_length == 0.0)
      return detail::with_nll(loss, p, nll_coef, "orpo_loss");
    const double other_c = detail::log1mexp(c), other_r = detail::log1mexp(r);
    const double log_odds_r = r - other_r;
    const double x = c - other_c - log_odds_r;
    // The slopes are sigmoid(-x) / (1 - P), in logarithms: the factors are 0 and infinity where P nears 1.
    loss.value = how.beta * detail::softplus(-x);
    loss.dchosen = -how.beta * chosen_share * std::exp(-detail::log_add_exp(other_c, c - log_odds_r));
    loss.drejected = how.beta * rejected_share * std::exp(-detail::softplus(x) - other_r);
    return detail::with_nll(loss, p, nll_coef, "orpo_loss");
  }
};

}  // namespace recllm
