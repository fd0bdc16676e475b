// Mask + normalisation -> one weight per token, taken once from the whole step, so that the split into
// micro-batches cannot change the gradient.
#pragma once

#include <concepts>
#include <cstddef>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// How tokens are averaged into a loss over B completions of at most T tokens; |o| is a completion's number
/// of tokens. A completion without tokens has weights 0; it still counts in B unless without_empty() is asked
/// for.
class normalisation {
 public:
  /// 1 / (B |o|): every completion counts alike. GRPO, arXiv 2402.03300, equation 3.
  static const normalisation per_sequence;
  /// 1 / (all tokens of the step): every token counts alike. DAPO, arXiv 2503.14476, section 3.3; BNPO.
  static const normalisation per_token;
  /// 1 / B: the mean over completions of the sum over tokens.
  static const normalisation per_sequence_sum;
  /// 1 / (B T): constant_length of the longest completion of the step.
  static const normalisation padded_length;
  /// 1 / (B length): every token counts alike and alike in every step. Dr. GRPO, arXiv 2503.20783,
  /// section 3.2. `length` in tokens, > 0, as a rule the longest completion allowed. Throws
  /// std::invalid_argument for 0.
  [[nodiscard]] static normalisation constant_length(std::size_t length) {
    require(length > 0,
            "recllm: constant_length: the length must be > 0 tokens, but is 0; pass the longest completion "
            "allowed");
    return {way::constant_length, length};
  }
  /// 1 / divisor: a sum over the step, whatever its size. verl's "seq-mean-token-sum-norm" is this. Throws
  /// std::invalid_argument for 0.
  [[nodiscard]] static normalisation sum_over(std::size_t divisor) {
    require(divisor > 0, "recllm: sum_over: the divisor must be > 0, but is 0; 1 is the plain sum");
    return {way::sum_over, divisor};
  }

  /// The same, where B counts only completions that have tokens, as verl has it; TRL counts all.
  [[nodiscard]] constexpr normalisation without_empty() const {
    normalisation how = *this;
    how.skips_empty_ = true;
    return how;
  }

  bool operator==(const normalisation&) const = default;

  /// B x T: the weight of each token; see token_weights.
  template <std::floating_point S>
  [[nodiscard]] token_matrix<S> operator()(const token_view<S>& mask) const {
    const row_values<double> lengths = mask.template cast<double>().rowwise().sum();
    const double rows = static_cast<double>(skips_empty_ ? (lengths > 0.0).count() : mask.rows());
    token_matrix<S> weights = mask;
    for (Eigen::Index row = 0; row < mask.rows(); ++row) {
      const double divisor = divisor_of(rows, lengths(row), lengths.sum(), static_cast<double>(mask.cols()));
      if (divisor > 0.0) weights.row(row) *= static_cast<S>(1.0 / divisor);
    }
    return weights;
  }

 private:
  enum class way { per_sequence, per_token, per_sequence_sum, padded_length, constant_length, sum_over };
  constexpr normalisation(way how, std::size_t constant) : way_(how), constant_(constant) {}

  [[nodiscard]] double divisor_of(double rows, double length, double tokens, double longest) const {
    switch (way_) {
      case way::per_sequence:
        return rows * length;
      case way::per_token:
        return tokens;
      case way::per_sequence_sum:
        return rows;
      case way::padded_length:
        return rows * longest;
      case way::constant_length:
        return rows * static_cast<double>(constant_);
      case way::sum_over:
        break;
    }
    return static_cast<double>(constant_);
  }

  way way_;
  std::size_t constant_;
  bool skips_empty_ = false;
};

inline constexpr normalisation normalisation::per_sequence{way::per_sequence, 0};
inline constexpr normalisation normalisation::per_token{way::per_token, 0};
inline constexpr normalisation normalisation::per_sequence_sum{way::per_sequence_sum, 0};
inline constexpr normalisation normalisation::padded_length{way::padded_length, 0};

/// The weight of each token in a step's loss, B x T. `mask`: B x T of the whole step, 1 = counted, 0 = not. A
/// step without tokens has weights 0, so its loss is 0, never NaN.
template <std::floating_point S>
[[nodiscard]] token_matrix<S> token_weights(const token_matrix<S>& mask, const normalisation& how) {
  return how(token_view<S>(mask));
}

}  // namespace recllm
