// A matrix product by weights that were brought into the order in which the processor's library reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// y = x W^T + b on the CPU for a given number of rows; x and y are float32, W float32 or bf16 (x is then
/// rounded to bf16). Holds the packed weights alone. Libraries: MKL for float32, oneDNN for bf16; where
/// libtorch was built without them at::linear.
class packed_linear {
 public:
  packed_linear() = default;

  /// W: out x in; b: out, or none; x will have `rows` rows.
  packed_linear(const at::Tensor& weight, std::optional<at::Tensor> bias, std::int64_t rows)
      : weight_(weight), bias_(std::move(bias)), rows_(rows) {
    const bool exact = weight.scalar_type() == at::kFloat;
    if (exact && operation("mkl::_mkl_linear")) {
      packed_ = operation("mkl::_mkl_reorder_linear_weight")
                    ->typed<at::Tensor(const at::Tensor&, std::int64_t)>()
                    .call(weight, rows);
      // Of the weights as they were the operator reads the shape alone.
      weight_ = at::zeros({1, 1}, weight.options()).expand(weight.sizes());
    } else if (!exact && operation("mkldnn::_linear_pointwise")) {
      packed_ = operation("mkldnn::_reorder_linear_weight")
                    ->typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>()
                    .call(weight, c10::SymInt(rows));
      weight_ = at::zeros({1, 1}, weight.options());
    }
  }

  [[nodiscard]] std::int64_t rows() const { return rows_; }

  /// x: rows x in, float32 -> rows x out, float32. Throws std::invalid_argument for another number of rows.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const {
    require(x.size(0) == rows_, "recllm: packed_linear: ", x.size(0), " rows, packed for ", rows_);
    const at::Tensor given = x.to(weight_.scalar_type());
    if (!packed_.defined()) return at::linear(given, weight_, bias_).to(at::kFloat);
    if (weight_.scalar_type() == at::kFloat) {
      using linear = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const std::optional<at::Tensor>&, std::int64_t);
      static const auto product = operation("mkl::_mkl_linear")->typed<linear>();
      return product.call(given, packed_, weight_, bias_, rows_);
    }
    using linear =
        at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, c10::string_view,
                   c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);
    static const auto product = operation("mkldnn::_linear_pointwise")->typed<linear>();
    return product.call(given, packed_, bias_, "none", c10::List<std::optional<at::Scalar>>(), std::nullopt)
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
