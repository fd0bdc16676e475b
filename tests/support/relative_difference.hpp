// How far a tensor is from what it should be.
#pragma once

#include <recllm/torch/torch.hpp>

/// The greatest difference over the greatest expected value; 0 of equal tensors.
inline double relative_difference(const at::Tensor& got, const at::Tensor& expected) {
  if (got.equal(expected)) return 0.0;
  const at::Tensor exact = expected.detach().to(at::kDouble);
  return ((got.detach().to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}
