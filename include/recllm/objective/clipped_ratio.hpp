// The clipped surrogate of PPO and GRPO, with every limit that is put on its ratio.
//
//   -min(ratio A, clip(ratio, 1 - low, 1 + high) A)
//
// Schulman et al., PPO, arXiv 1707.06347, equation 7; different bounds: DAPO, arXiv 2503.14476, equation 10;
// dual clip: Ye et al., arXiv 1912.09729, equation 5; delta: INTELLECT-2, arXiv 2505.07291.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>

#include <recllm/core/check.hpp>
#include <recllm/objective/surrogate.hpp>

namespace recllm {

/// Ratios policy / old policy that still earn: [1 - low, 1 + high]; an absent side has no bound, and no bound
/// at all is the paper's equation for GRPO. For advantages < 0 the loss |A| ratio has no upper bound but
/// these two.
struct clipped_ratio {
  std::optional<double> low = std::nullopt;   ///< in [0, 1]
  std::optional<double> high = std::nullopt;  ///< >= 0
  std::optional<double> dual_clip =
      std::nullopt;                            ///< > 1: for advantages < 0 the loss is at most dual_clip |A|
  std::optional<double> delta = std::nullopt;  ///< > 0: ratios are capped here before they are compared (TRL)

  static constexpr bool through_ratio = true;

  /// Throws std::invalid_argument for settings out of range.
  void check(const char* function) const {
    require(!low || (*low >= 0.0 && *low <= 1.0), "recllm: ", function,
            ": clip_low must be in [0, 1], but is ", low.value_or(0.0),
            "; 0.2 keeps ratios above 0.8, std::nullopt is no clip");
    require(!high || *high >= 0.0, "recllm: ", function, ": clip_high must be 0 or more, but is ",
            high.value_or(0.0), "; 0.2 keeps ratios below 1.2, std::nullopt is no clip");
    require(!dual_clip || *dual_clip > 1.0, "recllm: ", function, ": dual_clip must be > 1, but is ",
            dual_clip.value_or(0.0), "; 3 is usual, std::nullopt is none");
    require(!delta || *delta > 0.0, "recllm: ", function, ": delta must be > 0, but is ", delta.value_or(0.0),
            "; it should be above 1 + clip_high, std::nullopt is none");
  }

  [[nodiscard]] ratio_bounds bounds() const {
    return {low ? 1.0 - *low : 0.0, high ? 1.0 + *high : infinity,
            std::min(dual_clip.value_or(infinity), highest_loss())};
  }

  /// All of the above is a clamp of the ratio whose bounds depend on the advantage's sign. On a bound the
  /// slope is the inner one, as automatic differentiation of clamp has it. NaN passes through.
  template <class X>
  [[nodiscard]] token_loss<X> operator()(X ratio, X, X advantage) const {
    const ratio_bounds inside = bounds();
    const X upper =
        select(advantage > 0.0, X(std::min(inside.high, delta.value_or(infinity))), X(inside.cap));
    const X lower = select(advantage > 0.0, X(0.0), X(inside.low));
    return {-(limit(ratio, lower, upper) * advantage),
            drop_if((ratio > upper) | (ratio < lower), -(ratio * advantage))};
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  /// min(min(ratio, delta) A, clip(ratio) A) for A < 0: delta acts only above the clip range.
  [[nodiscard]] double highest_loss() const {
    return delta ? std::max(*delta, high ? 1.0 + *high : 0.0) : infinity;
  }
};

static_assert(Surrogate<clipped_ratio>);

}  // namespace recllm
