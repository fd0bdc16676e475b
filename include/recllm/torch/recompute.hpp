// Activations computed again in the backward pass instead of being kept: memory for time. Chen et al., arXiv
// 1604.06174.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// What a layer's forward pass leaves for its backward pass; the gradients are the same bit for bit.
enum class layer_activations {
  kept,       ///< all of it
  recomputed  ///< the layer's input, N x d; its forward pass runs again in the backward pass
};

/// A function of its inputs alone.
using tensor_function = std::function<at::Tensor(at::TensorList inputs)>;

namespace detail {

/// A function whose graph is made in the backward pass and forgotten there.
class recomputed_function : public torch::autograd::Function<recomputed_function> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::TensorList inputs,
                            const std::function<at::Tensor()>& now, const tensor_function& again) {
    context->save_for_backward(inputs.vec());
    context->saved_data["again"] = at::IValue::make_capsule(c10::make_intrusive<kept>(again));
    return now();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& slopes) {
    const at::AutoGradMode with_graph(true);
    torch::autograd::variable_list inputs, asked;
    for (const at::Tensor& input : context->get_saved_variables()) {
      inputs.push_back(input.detach().requires_grad_(context->needs_input_grad(inputs.size())));
      if (inputs.back().requires_grad()) asked.push_back(inputs.back());
    }
    const auto function = context->saved_data.at("again").toCapsule();
    const at::Tensor out = static_cast<const kept&>(*function).again(inputs);
    const torch::autograd::variable_list found =
        torch::autograd::grad({out}, asked, slopes, std::nullopt, false, /*allow_unused=*/true);
    torch::autograd::variable_list all(inputs.size() + 2);  // nothing for now and again
    for (std::size_t i = 0, next = 0; i < inputs.size(); ++i)
      if (inputs[i].requires_grad()) all[i] = found[next++];
    return all;
  }

 private:
  struct kept : torch::CustomClassHolder {
    explicit kept(tensor_function f) : again(std::move(f)) {}
    tensor_function again;
  };
};

}  // namespace detail

/// `now()` without the graph behind it: where the gradient of `inputs` is asked for, `again(inputs)` computes
/// the same a second time. What `again` borrows must live until then.
[[nodiscard]] inline at::Tensor recomputed(const std::function<at::Tensor()>& now,
                                           const tensor_function& again, at::TensorList inputs) {
  return detail::recomputed_function::apply(inputs, now, again);
}

}  // namespace recllm::torch_bridge
