// Weights to begin with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge::detail {

/// Floats of mean 0 and this deviation, drawn row by row.
[[nodiscard]] inline at::Tensor normal_weight(const std::vector<std::int64_t>& shape, double deviation,
                                              random_stream& draws) {
  at::Tensor weight = at::empty(shape, at::kFloat);
  std::generate_n(weight.data_ptr<float>(), weight.numel(),
                  [&] { return static_cast<float>(deviation * draws.normal()); });
  return weight;
}

}  // namespace recllm::torch_bridge::detail
