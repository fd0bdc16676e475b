// A product by a weight that was brought into the order in which the processor reads it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <recllm/kernel/linear.hpp>
#include <recllm/torch/arena.hpp>
#include <recllm/torch/kernels.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// y = x W^T + b on the CPU for a few rows; x and y are float32, W float32 or bf16. By kernel/linear.hpp
/// where that has vectors of AVX2 or more. bf16, to which x is then rounded too, is multiplied by AMX or else
/// by oneDNN; where neither can, in float32. Elsewhere by at::linear.
class packed_linear {
 public:
  packed_linear() = default;

  /// W: out x in; b: out, or none. What kernel/linear.hpp reads lies in `memory`.
  packed_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, arena& memory)
      : weight_(weight.contiguous()), out_(weight.size(0)), in_(weight.size(1)) {
    const bool exact = weight.scalar_type() == at::kFloat;
    const bool vectors = kernel::lanes_here() >= 8, onednn = !exact && onednn_multiplies_bf16();
    if (exact ? vectors : kernel::has_amx() || (vectors && !onednn)) {
      way_ = way::kernel;
      if (bias) bias_ = bias->to(at::kFloat).contiguous();
      if (!kernel::has_amx()) weight_ = weight_.to(at::kFloat);
      detail::with_kernel_type(weight_, [&]<class T>(T) {
        const at::Tensor packed =
            memory.empty({static_cast<std::int64_t>(kernel::packed_weight_size<T>(
                             static_cast<std::size_t>(out_), static_cast<std::size_t>(in_)))},
                         weight_.scalar_type());
        kernel::pack_weight(static_cast<const T*>(weight_.data_ptr()), static_cast<std::size_t>(out_),
                            static_cast<std::size_t>(in_), static_cast<T*>(packed.data_ptr()));
        weight_ = packed;
      });
      return;
    }
    bias_ = bias;
    if (!onednn) return;
    way_ = way::onednn;
    weight_ = operation("mkldnn::_reorder_linear_weight")
                  ->typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>()
                  .call(weight_, std::nullopt);
  }

  /// x: rows x in, float32 -> rows x out, float32.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const {
    if (way_ == way::kernel) return by_kernel(x.contiguous());
    const at::Tensor given = x.to(weight_.scalar_type());
    if (way_ == way::libtorch) return at::linear(given, weight_, bias_).to(at::kFloat);
    using linear =
        at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, c10::string_view,
                   c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);
    static const auto product = operation("mkldnn::_linear_pointwise")->typed<linear>();
    return product.call(given, weight_, bias_, "none", c10::List<std::optional<at::Scalar>>(), std::nullopt)
        .to(at::kFloat);
  }

 private:
  enum class way { libtorch, onednn, kernel };

  static std::optional<c10::OperatorHandle> operation(const char* name) {
    return c10::Dispatcher::singleton().findSchema({name, ""});
  }

  /// On x86-64 it wants AVX-512, and throws where that is not there.
  static bool onednn_multiplies_bf16() {
#ifdef __x86_64__
    if (at::get_cpu_capability() != "AVX512") return false;
#endif
    return operation("mkldnn::_linear_pointwise").has_value();
  }

  [[nodiscard]] at::Tensor by_kernel(const at::Tensor& x) const {
    const std::size_t rows = static_cast<std::size_t>(x.size(0)), in = static_cast<std::size_t>(in_),
                      out = static_cast<std::size_t>(out_);
    const at::Tensor y = at::empty({x.size(0), out_}, at::kFloat);
    const float* bias = bias_ ? bias_->const_data_ptr<float>() : nullptr;
    detail::with_kernel_type(weight_, [&]<class T>(T) {
      const at::Tensor given =
          at::empty({static_cast<std::int64_t>(kernel::packed_rows_size<T>(rows, in))}, weight_.options());
      T* const packed = static_cast<T*>(given.data_ptr());
      kernel::pack_rows(x.const_data_ptr<float>(), rows, in, packed);
      const std::size_t panel = kernel::panel_rows<T>();
      const auto panels = static_cast<std::int64_t>((out + panel - 1) / panel);
      at::parallel_for(0, panels, 1, [&](std::int64_t first, std::int64_t last) {
        kernel::linear(packed, static_cast<const T*>(weight_.const_data_ptr()), bias, rows, in, out,
                       static_cast<std::size_t>(first) * panel,
                       std::min(static_cast<std::size_t>(last) * panel, out), y.data_ptr<float>());
      });
    });
    return y;
  }

  at::Tensor weight_;  // as `way_` reads it
  std::optional<at::Tensor> bias_;
  std::int64_t out_ = 0, in_ = 0;
  way way_ = way::libtorch;
};

}  // namespace recllm::torch_bridge
