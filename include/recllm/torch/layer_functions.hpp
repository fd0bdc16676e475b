// RMSNorm, RoPE and SwiGLU with their gradients: by kernels of one pass (recllm/kernel/rows.hpp), or by
// libtorch's operators. torch/qwen.hpp has the equations and their sources.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <recllm/kernel/rows.hpp>
#include <recllm/torch/kernels.hpp>
#include <recllm/torch/rope.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Calls work(first, count) for stretches of rows, in parallel.
template <class Work>
void for_row_stretches(std::int64_t rows, const Work& work) {
  at::parallel_for(0, rows, 16, [&](std::int64_t first, std::int64_t last) {
    work(first, static_cast<std::size_t>(last - first));
  });
}

/// The same as work(zero, first, count), `zero` of the type that the tensor's kernel computes with.
template <class Work>
void for_typed_rows(const at::Tensor& of, std::int64_t rows, const Work& work) {
  with_kernel_type(of, [&](auto zero) {
    for_row_stretches(rows, [&](std::int64_t first, std::size_t count) { work(zero, first, count); });
  });
}

/// Row r of the last dimension's rows.
template <class T>
T* row_of(const at::Tensor& t, std::int64_t r) {
  return static_cast<T*>(t.data_ptr()) + r * t.size(-1);
}
inline std::int64_t rows_of(const at::Tensor& t) { return t.numel() / t.size(-1); }
inline std::size_t width_of(const at::Tensor& t) { return static_cast<std::size_t>(t.size(-1)); }

/// dx += RMSNorm's pullback of dout; returns dL/dweight.
inline at::Tensor pull_back_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                                 const at::Tensor& dout, at::Tensor& dx) {
  const std::int64_t rows = rows_of(x), parts = std::max<std::int64_t>(1, at::get_num_threads());
  const at::Tensor dweights = at::zeros({parts, x.size(-1)}, at::kFloat);  // a row a thread
  with_kernel_type(x, [&]<class T>(T) {
    at::parallel_for(0, parts, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t part = from; part < to; ++part) {
        const std::int64_t first = rows * part / parts, last = rows * (part + 1) / parts;
        kernel::rms_norm_slopes(row_of<T>(x, first), row_of<T>(weight, 0), epsilon, row_of<T>(dout, first),
                                static_cast<std::size_t>(last - first), width_of(x), row_of<T>(dx, first),
                                row_of<float>(dweights, part));
      }
    });
  });
  return dweights.sum(0).to(weight.scalar_type());
}

class fused_norm : public torch::autograd::Function<fused_norm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double epsilon) {
    at::Tensor out = at::empty_like(x);
    for_typed_rows(x, rows_of(x), [&]<class T>(T, std::int64_t first, std::size_t count) {
      kernel::rms_norm(row_of<T>(x, first), row_of<T>(weight, 0), epsilon, count, width_of(x),
                       row_of<T>(out, first));
    });
    context->save_for_backward({x, weight});
    context->saved_data["epsilon"] = epsilon;
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list dout) {
    const variable_list saved = context->get_saved_variables();
    at::Tensor dx = at::zeros_like(saved[0]);
    const at::Tensor dweight = pull_back_norm(saved[0], saved[1], context->saved_data["epsilon"].toDouble(),
                                              dout[0].contiguous(), dx);
    return {dx, dweight, {}};
  }
};

class fused_add_norm : public torch::autograd::Function<fused_add_norm> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& delta,
                               const at::Tensor& weight, double epsilon) {
    at::Tensor after = x.clone(), out = at::empty_like(x);
    for_typed_rows(x, rows_of(x), [&]<class T>(T, std::int64_t first, std::size_t count) {
      kernel::add_rms_norm(row_of<T>(after, first), row_of<T>(delta, first), row_of<T>(weight, 0), epsilon,
                           count, width_of(x), row_of<T>(out, first));
    });
    context->save_for_backward({after, weight});
    context->saved_data["epsilon"] = epsilon;
    return {after, out};
  }
  static variable_list backward(AutogradContext* context, variable_list slopes) {
    const variable_list saved = context->get_saved_variables();
    at::Tensor dx = slopes[0].clone(at::MemoryFormat::Contiguous);
    const at::Tensor dweight = pull_back_norm(saved[0], saved[1], context->saved_data["epsilon"].toDouble(),
                                              slopes[1].contiguous(), dx);
    return {dx, dx, dweight, {}};
  }
};

class fused_rotation : public torch::autograd::Function<fused_rotation> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cosine,
                            const at::Tensor& sine) {
    context->save_for_backward({cosine, sine});
    return turned(x, cosine, sine, false);
  }
  static variable_list backward(AutogradContext* context, variable_list dout) {
    const variable_list saved = context->get_saved_variables();
    return {turned(dout[0], saved[0], saved[1], true), {}, {}};
  }

 private:
  static at::Tensor turned(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine, bool back) {
    const at::Tensor from = x.contiguous();
    at::Tensor out = at::empty_like(from);
    const std::int64_t heads = x.size(1);
    for_typed_rows(x, x.size(0), [&]<class T>(T, std::int64_t first, std::size_t count) {
      for (std::int64_t r = first; r < first + static_cast<std::int64_t>(count); ++r)
        kernel::rotate_heads(row_of<T>(from, r * heads), static_cast<std::size_t>(heads), width_of(x),
                             row_of<float>(cosine, r), row_of<float>(sine, r), row_of<T>(out, r * heads),
                             back);
    });
    return out;
  }
};

inline at::Tensor swiglu_values(const at::Tensor& gate, const at::Tensor& up) {
  at::Tensor out = at::empty_like(gate);
  for_typed_rows(gate, rows_of(gate), [&]<class T>(T, std::int64_t first, std::size_t count) {
    kernel::swiglu(row_of<T>(gate, first), row_of<T>(up, first), count * width_of(gate),
                   row_of<T>(out, first));
  });
  return out;
}

/// Puts dL/dgate and dL/dup into these, given dL/dout, in whose place either may be put.
inline void pull_back_swiglu(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& dout,
                             const at::Tensor& dgate, const at::Tensor& dup) {
  for_typed_rows(gate, rows_of(gate), [&]<class T>(T, std::int64_t first, std::size_t count) {
    kernel::swiglu_slopes(row_of<T>(gate, first), row_of<T>(up, first), row_of<T>(dout, first),
                          count * width_of(gate), row_of<T>(dgate, first), row_of<T>(dup, first));
  });
}

class fused_swiglu : public torch::autograd::Function<fused_swiglu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    return swiglu_values(gate, up);
  }
  static variable_list backward(AutogradContext* context, variable_list dout) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dgate = at::empty_like(saved[0]), dup = at::empty_like(saved[0]);
    pull_back_swiglu(saved[0], saved[1], dout[0].contiguous(), dgate, dup);
    return {dgate, dup};
  }
};

/// swiglu(gate, up) W^T. The product's input is not kept: the backward pass computes it again.
class fused_swiglu_linear : public torch::autograd::Function<fused_swiglu_linear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up,
                            const at::Tensor& weight) {
    context->save_for_backward({gate, up, weight});
    return at::linear(swiglu_values(gate, up), weight);
  }
  static variable_list backward(AutogradContext* context, variable_list dout) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], &weight = saved[2];
    const at::Tensor inner = swiglu_values(gate, up), slopes = dout[0].mm(weight);
    at::Tensor dweight;
    if (context->needs_input_grad(2)) dweight = dout[0].t().mm(inner);
    pull_back_swiglu(gate, up, slopes, slopes, inner);
    return {slopes, inner, dweight};
  }
};

}  // namespace detail

/// RMSNorm over the last dimension.
[[nodiscard]] inline at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                                         kernels how) {
  if (how == kernels::fused && kernel_can_read(x, weight))
    return detail::fused_norm::apply(x, weight, epsilon);
  return at::rms_norm(x, weight.sizes(), weight, epsilon);
}

/// x + delta, and its RMSNorm.
[[nodiscard]] inline std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x,
                                                                    const at::Tensor& delta,
                                                                    const at::Tensor& weight, double epsilon,
                                                                    kernels how) {
  if (how == kernels::fused && kernel_can_read(x, delta, weight)) {
    const auto both = detail::fused_add_norm::apply(x, delta, weight, epsilon);
    return {both[0], both[1]};
  }
  const at::Tensor after = x + delta;
  return {after, rms_norm(after, weight, epsilon, how)};
}

/// RoPE: rotate() of N x heads x head_dim by N x 1 x head_dim, float32.
[[nodiscard]] inline at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine,
                                       kernels how) {
  if (how == kernels::fused && kernel_can_read(x) && kernel_can_read(cosine, sine))
    return detail::fused_rotation::apply(x, cosine, sine);
  return rotate(x, cosine.to(x.scalar_type()), sine.to(x.scalar_type()));
}

/// SwiGLU: silu(gate) * up.
[[nodiscard]] inline at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up, kernels how) {
  if (how == kernels::fused && kernel_can_read(gate, up)) return detail::fused_swiglu::apply(gate, up);
  return at::silu(gate) * up;
}

/// SwiGLU and the projection after it: (silu(gate) * up) W^T, without bias or adapter.
[[nodiscard]] inline at::Tensor swiglu_linear(const at::Tensor& gate, const at::Tensor& up,
                                              const at::Tensor& weight, kernels how) {
  if (how == kernels::fused && kernel_can_read(gate, up))
    return detail::fused_swiglu_linear::apply(gate, up, weight);
  return at::linear(at::silu(gate) * up, weight);
}

}  // namespace recllm::torch_bridge
