// A matrix product by weights that were brought into the order in which the processor's library reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// y = x W^T + b on the CPU, x and y float32 and W float32 or bf16 (x is then rounded to bf16). Libraries:
/// MKL for float32, oneDNN for bf16; where libtorch was built without them at::linear.
class packed_linear {
 public:
  packed_linear() = default;

  /// W: out x in. `rows` of x are to be expected.
  packed_linear(at::Tensor weight, std::optional<at::Tensor> bias, std::int64_t rows)
      : weight_(std::move(weight)), bias_(std::move(bias)) {
    expect(rows);
  }

  /// Packs the weights for so many rows; others are computed too, but slower.
  void expect(std::int64_t rows) {
    const bool exact = weight_.scalar_type() == at::kFloat;
    if (rows == rows_ || (packed_.defined() && !exact)) return;
    rows_ = rows;
    if (exact && operation("mkl::_mkl_linear"))
      packed_ = operation("mkl::_mkl_reorder_linear_weight")
                    ->typed<at::Tensor(const at::Tensor&, std::int64_t)>()
                    .call(weight_, rows);
    else if (!exact && operation("mkldnn::_linear_pointwise"))
      packed_ = operation("mkldnn::_reorder_linear_weight")
                    ->typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>()
                    .call(weight_, c10::SymInt(rows));
  }

  /// x: N x in, float32 -> N x out, float32.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const {
    if (weight_.scalar_type() == at::kFloat) {
      if (!packed_.defined() || x.size(0) != rows_) return at::linear(x, weight_, bias_);
      static const auto product =
          operation("mkl::_mkl_linear")
              ->typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                 const std::optional<at::Tensor>&, std::int64_t)>();
      return product.call(x, packed_, weight_, bias_, rows_);
    }
    const at::Tensor rounded = x.to(weight_.scalar_type());
    if (!packed_.defined()) return at::linear(rounded, weight_, bias_).to(at::kFloat);
    using pointwise =
        at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, c10::string_view,
                   c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);
    static const auto product = operation("mkldnn::_linear_pointwise")->typed<pointwise>();
    return product.call(rounded, packed_, bias_, "none", c10::List<std::optional<at::Scalar>>(), std::nullopt)
        .to(at::kFloat);
  }

 private:
  static std::optional<c10::OperatorHandle> operation(const char* name) {
    return c10::Dispatcher::singleton().findSchema({name, ""});
  }

  at::Tensor weight_, packed_;
  std::optional<at::Tensor> bias_;
  std::int64_t rows_ = 0;
};

}  // namespace recllm::torch_bridge
