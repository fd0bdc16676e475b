// Which code computes what lies between matrix products.
#pragma once

#include <recllm/kernel/simd.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Both compute the same to rounding.
enum class kernels {
  fused,  ///< one pass over the data each (recllm/kernel/), and packed weights in sampling, where there is
          ///< such a kernel: on the CPU, in float32; a layer's q, k and v by one product
  plain   ///< libtorch's operators
};

/// Whether kernels compute with such numbers: float32 or bf16, on the CPU.
[[nodiscard]] inline bool has_kernel_type(const at::Tensor& t) {
  return t.is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16);
}

/// Whether a kernel can read these tensors, of one type, number after number.
template <class... Tensors>
[[nodiscard]] bool kernel_can_read(const at::Tensor& first, const Tensors&... more) {
  return has_kernel_type(first) && first.is_contiguous() &&
         ((more.scalar_type() == first.scalar_type() && more.is_cpu() && more.is_contiguous()) && ...);
}

namespace detail {

/// Calls work(zero) with a number of the type that the tensor's kernel computes with: float or
/// kernel::bfloat16.
template <class Work>
void with_kernel_type(const at::Tensor& t, const Work& work) {
  if (t.scalar_type() == at::kBFloat16)
    work(kernel::bfloat16{});
  else
    work(0.0f);
}

}  // namespace detail

}  // namespace recllm::torch_bridge
