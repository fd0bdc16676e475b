// Weights in bf16, sums and exponentials in float32.
#pragma once

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// The type that what must not be rounded to 8 bits is computed in: float32 for a weight of bf16, else its
/// own.
[[nodiscard]] inline at::ScalarType exact_type(const at::Tensor& weight) {
  return weight.scalar_type() == at::kBFloat16 ? at::kFloat : weight.scalar_type();
}

}  // namespace recllm::torch_bridge
