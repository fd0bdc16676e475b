// Mask + normalisation -> one weight per token, taken once from the whole step, so that the split into
// micro-batches cannot change the gradient.
#pragma once

#include <concepts>
#include <cstddef>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// How tokens are averaged into a loss over B completions; |o| is a completion's number of tokens.
class normalisation {
 public:
  /// 1 / (B |o|): every completion counts alike. GRPO, arXiv 2402.03300, equation 3.
  static const normalisation per_sequence;
  /// 1 / (all tokens of the step): every token counts alike. DAPO, arXiv 2503.14476, section 3.3.
  static const normalisation per_token;
  /// 1 / (B length): every token counts alike and alike in every step. Dr. GRPO, arXiv 2503.20783,
  /// section 3.2. `length` in tokens, > 0, as a rule the longest completion allowed; 1 gives the mean over
  /// completions of the sum over tokens. Throws std::invalid_argument for 0.
  [[nodiscard]] static normalisation constant_length(std::size_t length) {
    require(length > 0,
            "recllm: constant_length: the length must be > 0 tokens, but is 0; pass the longest completion "
            "allowed");
    return {way::constant_length, length};
  }

  bool operator==(const normalisation&) const = default;

  /// B x T: the weight of each token; see token_weights.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> operator()(const token_view<S>& mask) const {
    const double rows = static_cast<double>(mask.rows());
    const row_values<double> lengths = mask.template cast<double>().rowwise().sum();
    const double tokens = lengths.sum();
    token_matrix<S> weights = mask;
    for (Eigen::Index row = 0; row < mask.rows(); ++row) {
      double divisor = rows * static_cast<double>(length_);
      if (way_ == way::per_sequence) divisor = rows * lengths(row);
      if (way_ == way::per_token) divisor = tokens;
      if (divisor > 0.0) weights.row(row) *= static_cast<S>(1.0 / divisor);
    }
    return weights;
  }

 private:
  enum class way { per_sequence, per_token, constant_length };
  constexpr normalisation(way how, std::size_t length) : way_(how), length_(length) {}

  way way_;
  std::size_t length_;
};

inline constexpr normalisation normalisation::per_sequence{way::per_sequence, 0};
inline constexpr normalisation normalisation::per_token{way::per_token, 0};

/// The weight of each token in a step's loss, B x T. `mask`: B x T of the whole step, 1 = counted, 0 = not. A
/// completion without tokens has weights 0 and still counts in B; a step without tokens has weights 0.
template <std::floating_point S>
[[nodiscard]] token_matrix<S> token_weights(const token_matrix<S>& mask, const normalisation& how) {
  return how(token_view<S>(mask));
}

}  // namespace recllm
