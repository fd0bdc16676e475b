// AdamW: Loshchilov and Hutter, arXiv 1711.05101, algorithm 2 (decay decoupled from the gradient). Of weights
// in bf16 it moves a float32 master copy, whose rounding they are: Micikevicius et al., arXiv 1710.03740.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/types.hpp>
#include <recllm/torch/precision.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// AdamW's settings; the learning rate comes with each update.
struct adamw_options {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  ///< on matrices only: norms and biases are not decayed
};

namespace detail {
inline void clear_gradients(const tensor_map& weights) {
  for (const auto& [name, weight] : weights) weight.mutable_grad() = at::Tensor();
}
}  // namespace detail

/// The optimizer's state: first and second moments of each weight, a master copy where it is of bf16, and the
/// number of steps.
class adamw {
 public:
  explicit adamw(adamw_options options = {}) : options_(options) {}

  /// Applies the gathered gradients to `weights`, clears them, and returns their global norm before clipping.
  /// A norm that is not finite clears the gradients and throws non_finite_error; weights and state stay.
  double step(const tensor_map& weights, const update& how) {
    const at::NoGradGuard no_grad;
    double squares = 0.0;
    for (const auto& [name, weight] : weights)
      if (weight.grad().defined())
        squares += std::pow(weight.grad().to(exact_type(weight)).norm().item<double>(), 2);
    const double norm = std::sqrt(squares);
    if (!std::isfinite(norm)) {
      detail::clear_gradients(weights);
      throw non_finite_error(
          message("recllm: adamw: the gradient's norm is ", norm, "; the weights are unchanged"));
    }
    const double scale = how.max_grad_norm > 0.0 && norm > how.max_grad_norm ? how.max_grad_norm / norm : 1.0;
    ++steps_;
    for (const bool decayed : {false, true}) apply(weights, decayed, how.learning_rate, scale);
    detail::clear_gradients(weights);
    return norm;
  }

  /// Steps done so far.
  [[nodiscard]] std::int64_t steps() const { return steps_; }

  /// The state as tensors, for a checkpoint.
  [[nodiscard]] tensor_map state() const {
    tensor_map all;
    all["steps"] = at::full({1}, steps_, at::kLong);
    for (const auto& [name, moment] : first_) all["first_moment." + name] = moment;
    for (const auto& [name, moment] : second_) all["second_moment." + name] = moment;
    for (const auto& [name, weight] : master_) all["master." + name] = weight;
    return all;
  }

  /// Takes up a saved state. Throws std::invalid_argument where it does not belong to `weights`.
  void load_state(const tensor_map& saved, const tensor_map& weights) {
    const auto find = [&](const std::string& name) {
      const auto found = saved.find(name);
      require(found != saved.end(), "recllm: adamw: the saved state lacks '", name, "'");
      return found->second;
    };
    tensor_map first, second, master;
    for (const auto& [name, weight] : weights) {
      const auto take = [&](tensor_map& into, const std::string& kind) {
        const at::Tensor& found = into[name] = find(kind + name).to(weight.device());
        require(found.sizes() == weight.sizes(), "recllm: adamw: the saved '", kind, name,
                "' has another shape than the weight");
      };
      if (!saved.contains("first_moment." + name)) continue;
      take(first, "first_moment.");
      take(second, "second_moment.");
      if (exact_type(weight) != weight.scalar_type()) take(master, "master.");
    }
    steps_ = find("steps").item<std::int64_t>();
    first_ = std::move(first);
    second_ = std::move(second);
    master_ = std::move(master);
  }

 private:
  void apply(const tensor_map& weights, bool decayed, double learning_rate, double scale) {
    std::vector<at::Tensor> params, grads, first, second, steps;
    std::vector<std::pair<at::Tensor, at::Tensor>> rounded;  // a bf16 weight and its master
    for (const auto& [name, weight] : weights) {
      if (!weight.grad().defined() || (weight.dim() > 1) != decayed) continue;
      const at::ScalarType exact = exact_type(weight);
      if (exact != weight.scalar_type()) {
        if (!master_.contains(name)) master_[name] = weight.detach().to(exact);
        rounded.emplace_back(weight.detach(), master_[name]);
      }
      const at::Tensor moved = exact == weight.scalar_type() ? weight.detach() : master_[name];
      if (!first_.contains(name)) {
        first_[name] = at::zeros_like(moved);
        second_[name] = at::zeros_like(moved);
      }
      params.push_back(moved);
      grads.push_back(weight.grad().to(exact) * scale);
      first.push_back(first_[name]);
      second.push_back(second_[name]);
      // The kernel reads the count of this step.
      steps.push_back(at::full({}, static_cast<double>(steps_), weight.options().dtype(at::kFloat)));
    }
    if (params.empty()) return;
    at::_fused_adamw_(params, grads, first, second, {}, steps, learning_rate, options_.beta1, options_.beta2,
                      decayed ? options_.weight_decay : 0.0, options_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
    for (const auto& [weight, master] : rounded) weight.copy_(master);
  }

  adamw_options options_;
  std::int64_t steps_ = 0;
  tensor_map first_, second_, master_;
};

namespace detail {

/// Writes model.safetensors and optimizer.safetensors into the folder.
inline void save_weights(const std::filesystem::path& folder, const tensor_map& weights,
                         const adamw& optimizer) {
  std::filesystem::create_directories(folder);
  write_safetensors(folder / "model.safetensors", weights);
  write_safetensors(folder / "optimizer.safetensors", optimizer.state());
}

/// Takes up what save_weights() wrote of weights of the same names and shapes. Throws std::invalid_argument
/// that begins with `who` where it does not fit; weights and optimizer are then as they were.
inline void load_weights(const char* who, const std::filesystem::path& folder, const tensor_map& weights,
                         adamw& optimizer) {
  const tensor_map saved = read_safetensors(folder / "model.safetensors");
  for (const auto& [name, weight] : weights) {
    const auto found = saved.find(name);
    require(found != saved.end() && found->second.sizes() == weight.sizes(), "recllm: ", who, ": ",
            folder / "model.safetensors", " lacks '", name, "' of shape ", weight.sizes());
  }
  optimizer.load_state(read_safetensors(folder / "optimizer.safetensors"), weights);
  const at::NoGradGuard no_grad;
  for (const auto& [name, weight] : weights) weight.copy_(saved.at(name));
}

}  // namespace detail

}  // namespace recllm::torch_bridge
