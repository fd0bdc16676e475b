// Surrogate + divergence + entropy bonus, weighted and summed: the one loop over tokens of every policy
// objective.
//
//   loss = sum over tokens of  w ( i s + kl_coef d ) - entropy_coef u H
//
// w: token_weights, i: importance, s: surrogate, d: divergence from the reference, H: entropy, u: its
// weights. Ratios of completions: Zheng et al., GSPO, arXiv 2507.18071, equation 7; at each token,
// section 4.3.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/objective/objective.hpp>
#include <recllm/objective/policy_options.hpp>
#include <recllm/objective/policy_rows.hpp>
#include <recllm/objective/surrogate.hpp>

namespace recllm {

namespace detail {

template <std::floating_point S>
void check_policy_loss(const token_batch<S>& b, bool reads_ratio, const policy_loss_options& how) {
  const auto positive = [](double x) { return x >= 0.0 && std::isfinite(x); };
  require(positive(how.kl_coef), "recllm: policy_loss: kl_coef must be 0 or more, but is ", how.kl_coef);
  require(std::isfinite(how.entropy_coef), "recllm: policy_loss: entropy_coef must be finite, but is ",
          how.entropy_coef);
  require(!how.log_ratio_limit || *how.log_ratio_limit > 0.0,
          "recllm: policy_loss: log_ratio_limit must be > 0, but is ", how.log_ratio_limit.value_or(0.0),
          "; 20 is usual, std::nullopt is none");
  require_shape(b, b.advantages, "policy_loss", "advantages");
  require_shape(b, b.weights, "policy_loss", "weights");
  const auto optional = [&](const token_view<S>& m, bool needed, const char* name, const char* mend) {
    require(!needed || m.size() != 0 || b.log_probs.size() == 0, "recllm: policy_loss: ", name, " is empty; ",
            mend);
    if (m.size() != 0) require_shape(b, m, "policy_loss", name);
  };
  optional(b.old_log_probs, reads_ratio, "old_log_probs", "pass the log-probs of the policy that sampled");
  optional(b.ref_log_probs, how.kl_coef != 0.0, "ref_log_probs",
           "kl_coef is not 0, which needs a reference: pass a reference policy or set kl_coef to 0");
  optional(b.importance, false, "importance", "");
  optional(b.entropies, how.entropy_coef != 0.0, "entropies",
           "entropy_coef is not 0: pass the entropy at each token or set entropy_coef to 0");
  optional(b.entropy_weights, false, "entropy_weights", "");
}

}  // namespace detail

/// Loss, slopes and tally of one micro-batch. A token of weight 0 adds exactly 0, whatever stands there; NaN
/// in any other shows. One pass over the tokens, no heap allocation in it. Throws std::invalid_argument for
/// settings out of range, for shapes that differ and for what is needed but empty.
template <std::floating_point S, Surrogate T>
[[nodiscard]] evaluation<S> policy_loss(const token_batch<S>& b, const T& surrogate,
                                        const policy_loss_options& how = {}) {
  detail::check_policy_loss(b, T::through_ratio, how);
  evaluation<S> e;
  e.dloss_dlogp.resize(b.log_probs.rows(), b.log_probs.cols());
  if (how.entropy_coef != 0.0) e.dloss_dentropy.resize(b.log_probs.rows(), b.log_probs.cols());
  if (b.log_probs.size() == 0) return e;

  for (Eigen::Index i = 0; i < b.log_probs.rows(); ++i) {
    const detail::row_pointers<S> row(b, i);
    detail::add_row(row, b.log_probs.cols(), how, surrogate, e, &e.dloss_dlogp(i, 0));
    if (row.entropies)
      detail::add_entropy(row, b.log_probs.cols(), how.entropy_coef, e,
                          e.dloss_dentropy.size() == 0 ? nullptr : &e.dloss_dentropy(i, 0));
  }
  return e;
}

}  // namespace recllm
