// What sampling does to logits before it draws: penalties and truncations, as transformers' logits
// processors.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Which tokens may be drawn at all; the defaults leave every distribution as it is. In this order, after the
/// temperature; a token that one removes is gone for the next.
struct truncation_options {
  double repetition_penalty = 1.0;  ///< > 0: before the temperature; see penalise_repetition()
  std::int64_t top_k = 0;           ///< the k likeliest and what ties with the last of them; 0 = all
  double top_p = 1.0;               ///< in (0, 1]: the fewest likeliest that hold this mass
  double min_p = 0.0;               ///< in [0, 1): those of this share or more of the likeliest's probability

  /// Whether it removes or changes anything.
  [[nodiscard]] bool neutral() const {
    return repetition_penalty == 1.0 && top_k == 0 && top_p == 1.0 && min_p == 0.0;
  }

  /// Throws std::invalid_argument that names the field out of its range.
  void check() const {
    require(repetition_penalty > 0.0, "recllm: truncation_options: repetition_penalty = ", repetition_penalty,
            ", expected a positive number");
    require(top_k >= 0, "recllm: truncation_options: top_k = ", top_k, ", expected 0 or more");
    require(top_p > 0.0 && top_p <= 1.0, "recllm: truncation_options: top_p = ", top_p,
            ", expected more than 0, 1 at most");
    require(min_p >= 0.0 && min_p < 1.0, "recllm: truncation_options: min_p = ", min_p,
            ", expected 0 or more, less than 1");
  }
};

/// Divides the positive logits of the tokens in each row's text by `penalty` and multiplies the negative ones
/// (Keskar et al., arXiv 1909.05858, section 4.1). logits: M x V, changed in place; texts[m]: prompt and
/// completion so far.
inline void penalise_repetition(at::Tensor& logits, std::span<const token_ids> texts, double penalty) {
  for (std::size_t m = 0; m < texts.size(); ++m) {
    if (texts[m].empty()) continue;
    at::Tensor row = logits[static_cast<std::int64_t>(m)];
    const at::Tensor places = torch::tensor(texts[m], at::kLong).to(logits.device());
    const at::Tensor said = row.index_select(0, places);
    row.index_copy_(0, places, at::where(said.lt(0), said * penalty, said / penalty));
  }
}

/// The logits (M x V) with -inf where top-k (Fan et al., arXiv 1805.04833), top-p (Holtzman et al., arXiv
/// 1904.09751) or min-p (Nguyen et al., arXiv 2407.01082) removes the token. The likeliest token always
/// stays.
[[nodiscard]] inline at::Tensor truncate_logits(at::Tensor logits, const truncation_options& how) {
  constexpr double removed = -std::numeric_limits<double>::infinity();
  if (how.top_k > 0 && how.top_k < logits.size(1)) {
    const at::Tensor least = std::get<0>(logits.topk(how.top_k, 1)).narrow(1, how.top_k - 1, 1);
    logits = logits.masked_fill(logits.lt(least), removed);
  }
  if (how.top_p < 1.0) {
    const auto [ascending, order] = logits.sort(/*stable=*/true, 1, /*descending=*/false);
    const at::Tensor outside = at::softmax(ascending, 1).cumsum(1).le(1.0 - how.top_p);
    outside.narrow(1, -1, 1).fill_(false);
    logits = logits.masked_fill(outside.scatter(1, order, outside), removed);
  }
  if (how.min_p > 0.0) {
    const at::Tensor least = logits.amax(1, true) + std::log(how.min_p);
    logits = logits.masked_fill(logits.lt(least), removed);
  }
  return logits;
}

}  // namespace recllm::torch_bridge
