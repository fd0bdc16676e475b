// RMSNorm, RoPE, SwiGLU and the products around them with their gradients: by kernels of one pass
// (recllm/kernel/rows.hpp), or by libtorch's operators. torch/qwen.hpp has the equations and their sources.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

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

/// dL/dx, to which `more` is added where it is defined, and dL/dweight of RMSNorm.
inline std::pair<at::Tensor, at::Tensor> pull_back_norm(const at::Tensor& x, const at::Tensor& weight,
                                                        double epsilon, const at::Tensor& dout,
                                                        const at::Tensor& more) {
  at::Tensor dx = at::empty_like(x);
  const std::int64_t rows = rows_of(x), parts = std::max<std::int64_t>(1, at::get_num_threads());
  const at::Tensor dweights = at::zeros({parts, x.size(-1)}, at::kFloat);  // a row a thread
  with_kernel_type(x, [&]<class T>(T) {
    at::parallel_for(0, parts, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t part = from; part < to; ++part) {
        const std::int64_t first = rows * part / parts, last = rows * (part + 1) / parts;
        kernel::rms_norm_slopes(row_of<T>(x, first), row_of<T>(weight, 0), epsilon, row_of<T>(dout, first),
                                more.defined() ? row_of<T>(more, first) : nullptr,
                                static_cast<std::size_t>(last - first), width_of(x), row_of<T>(dx, first),
                                row_of<float>(dweights, part));
      }
    });
  });
  return {dx, dweights.sum(0).to(weight.scalar_type())};
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
    const auto [dx, dweight] = pull_back_norm(saved[0], saved[1], context->saved_data["epsilon"].toDouble(),
                                              dout[0].contiguous(), {});
    return {dx, dweight, {}};
  }
};

class fused_add_norm : public torch::autograd::Function<fused_add_norm> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& delta,
                               const at::Tensor& weight, double epsilon) {
    at::Tensor after = at::empty_like(x), out = at::empty_like(x);
    for_typed_rows(x, rows_of(x), [&]<class T>(T, std::int64_t first, std::size_t count) {
      kernel::add_rms_norm(row_of<T>(x, first), row_of<T>(delta, first), row_of<T>(weight, 0), epsilon, count,
                           width_of(x), row_of<T>(after, first), row_of<T>(out, first));
    });
    context->save_for_backward({after, weight});
    context->saved_data["epsilon"] = epsilon;
    return {after, out};
  }
  static variable_list backward(AutogradContext* context, variable_list slopes) {
    const variable_list saved = context->get_saved_variables();
    const auto [dx, dweight] = pull_back_norm(saved[0], saved[1], context->saved_data["epsilon"].toDouble(),
                                              slopes[1].contiguous(), slopes[0].contiguous());
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
    const bool whole_rows = x.stride(2) == 1 && x.stride(1) == x.size(2);
    const at::Tensor from = whole_rows ? x : x.contiguous();
    const at::Tensor out = at::empty(x.sizes(), x.options());
    const std::int64_t heads = x.size(1);
    for_typed_rows(x, x.size(0), [&]<class T>(T, std::int64_t first, std::size_t count) {
      for (std::int64_t r = first; r < first + static_cast<std::int64_t>(count); ++r)
        kernel::rotate_heads(static_cast<const T*>(from.const_data_ptr()) + r * from.stride(0),
                             static_cast<std::size_t>(heads), width_of(x), row_of<float>(cosine, r),
                             row_of<float>(sine, r), row_of<T>(out, r * heads), back);
    });
    return out;
  }
};

inline void put_swiglu(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& out) {
  for_typed_rows(gate, rows_of(gate), [&]<class T>(T, std::int64_t first, std::size_t count) {
    kernel::swiglu(row_of<T>(gate, first), row_of<T>(up, first), count * width_of(gate),
                   row_of<T>(out, first));
  });
}

/// Puts silu(gate) * up, dL/dgate and dL/dup into these, given dL/dout; `dgate`, put last, may be any of the
/// others' place.
inline void pull_back_swiglu(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& dout,
                             const at::Tensor& out, const at::Tensor& dgate, const at::Tensor& dup) {
  for_typed_rows(gate, rows_of(gate), [&]<class T>(T, std::int64_t first, std::size_t count) {
    kernel::swiglu_slopes(row_of<T>(gate, first), row_of<T>(up, first), row_of<T>(dout, first),
                          count * width_of(gate), row_of<T>(out, first), row_of<T>(dgate, first),
                          row_of<T>(dup, first));
  });
}

class fused_swiglu : public torch::autograd::Function<fused_swiglu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    at::Tensor out = at::empty_like(gate);
    put_swiglu(gate, up, out);
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list dout) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dgate = at::empty_like(saved[0]), dup = at::empty_like(saved[0]),
                     slopes = dout[0].contiguous();
    pull_back_swiglu(saved[0], saved[1], slopes, dgate, dgate, dup);
    return {dgate, dup};
  }
};

/// Several x W^T + b of the same x by one product, of whose columns they are views. Parts: all W, then all b
/// where there are any.
class joined_linear : public torch::autograd::Function<joined_linear> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x, at::TensorList parts,
                               std::int64_t weights) {
    const auto count = static_cast<std::size_t>(weights);
    const at::Tensor weight = at::cat(parts.slice(0, count));
    const bool biased = parts.size() > count;
    const at::Tensor y = biased ? at::linear(x, weight, at::cat(parts.slice(count))) : at::linear(x, weight);
    std::vector<std::int64_t> sizes;
    for (const at::Tensor& part : parts.slice(0, count)) sizes.push_back(part.size(0));
    context->save_for_backward({x, weight});
    context->saved_data["sizes"] = sizes;
    context->saved_data["biased"] = biased;
    return y.split_with_sizes(sizes, 1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& slopes) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], dy = at::cat(slopes, 1);
    const auto sizes = context->saved_data.at("sizes").toIntVector();
    const bool biased = context->saved_data.at("biased").toBool();
    variable_list all(1 + sizes.size() * (biased ? 2 : 1));
    const auto put = [&](const at::Tensor& joined, std::size_t first) {
      std::ranges::copy(joined.split_with_sizes(sizes), all.begin() + static_cast<std::ptrdiff_t>(first));
    };
    if (context->needs_input_grad(0)) all[0] = dy.mm(weight);
    if (context->needs_input_grad(1)) put(dy.t().mm(x), 1);
    if (biased && context->needs_input_grad(1 + sizes.size())) put(dy.sum(0), 1 + sizes.size());
    all.resize(all.size() + 1);  // nothing for the number of weights
    return all;
  }
};

/// swiglu(x W_gate^T, x W_up^T) W_down^T, some rows at a time, so that what lies between the products is
/// small. Of the products gate and up are kept; the backward pass computes swiglu again.
class fused_mlp : public torch::autograd::Function<fused_mlp> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gate_weight,
                            const at::Tensor& up_weight, const at::Tensor& down_weight) {
    const std::int64_t inner = gate_weight.size(0);
    const at::Tensor gate = x.new_empty({x.size(0), inner}), up = at::empty_like(gate),
                     middle = x.new_empty({std::min(x.size(0), most_rows), inner});
    at::Tensor out = at::empty_like(x);
    for_stretches(x.size(0), [&](const auto& rows) {
      at::Tensor g = rows(gate), u = rows(up), y = rows(out);
      const at::Tensor m = middle.narrow(0, 0, g.size(0));
      at::mm_out(g, rows(x), gate_weight.t());
      at::mm_out(u, rows(x), up_weight.t());
      put_swiglu(g, u, m);
      at::mm_out(y, m, down_weight.t());
    });
    context->save_for_backward({x, gate, up, gate_weight, up_weight, down_weight});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& slopes) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gate = saved[1], &up = saved[2], dout = slopes[0].contiguous();
    at::Tensor dx = at::empty_like(x);
    variable_list dweights(3);
    for (std::size_t i = 0; i < 3; ++i)
      if (context->needs_input_grad(1 + i)) dweights[i] = at::empty_like(saved[3 + i]);
    const at::Tensor room = x.new_empty({3, std::min(x.size(0), most_rows), gate.size(1)});
    bool further = false;
    for_stretches(x.size(0), [&](const auto& rows) {
      const std::int64_t count = rows(x).size(0);
      at::Tensor dgate = room[0].narrow(0, 0, count), dx_rows = rows(dx);
      const at::Tensor dup = room[1].narrow(0, 0, count), m = room[2].narrow(0, 0, count);
      at::mm_out(dgate, rows(dout), saved[5]);
      pull_back_swiglu(rows(gate), rows(up), dgate, m, dgate, dup);
      at::mm_out(dx_rows, dgate, saved[3]);
      dx_rows.addmm_(dup, saved[4]);
      const auto add = [&](at::Tensor& sum, const at::Tensor& dy, const at::Tensor& input) {
        if (sum.defined()) at::addmm_out(sum, sum, dy.t(), input, further ? 1 : 0);
      };
      add(dweights[0], dgate, rows(x));
      add(dweights[1], dup, rows(x));
      add(dweights[2], rows(dout), m);
      further = true;
    });
    return {dx, dweights[0], dweights[1], dweights[2]};
  }

 private:
  static constexpr std::int64_t most_rows = 1024;  // as fast as all rows in one product

  /// Calls work(rows) for stretches of about as many rows, once at least; rows(t) are those of t.
  template <class Work>
  static void for_stretches(std::int64_t n, const Work& work) {
    const std::int64_t parts = std::max<std::int64_t>(1, (n + most_rows - 1) / most_rows);
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t first = n * part / parts, last = n * (part + 1) / parts;
      work([&](const at::Tensor& t) { return t.narrow(0, first, last - first); });
    }
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
  if (how == kernels::fused && has_kernel_type(x) && kernel_can_read(cosine, sine))
    return detail::fused_rotation::apply(x, cosine, sine);
  return rotate(x, cosine.to(x.scalar_type()), sine.to(x.scalar_type()));
}

/// SwiGLU: silu(gate) * up.
[[nodiscard]] inline at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up, kernels how) {
  if (how == kernels::fused && kernel_can_read(gate, up)) return detail::fused_swiglu::apply(gate, up);
  return at::silu(gate) * up;
}

/// Several projections of the same rows: x W^T + b for each weight, with its bias where there are any.
[[nodiscard]] inline std::vector<at::Tensor> joined_linear(const at::Tensor& x,
                                                           const std::vector<at::Tensor>& weights,
                                                           const std::vector<at::Tensor>& biases) {
  std::vector<at::Tensor> parts = weights;
  parts.insert(parts.end(), biases.begin(), biases.end());
  return detail::joined_linear::apply(x, at::TensorList(parts), static_cast<std::int64_t>(weights.size()));
}

/// swiglu(x W_gate^T, x W_up^T) W_down^T of rows that kernels can read.
[[nodiscard]] inline at::Tensor swiglu_mlp(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& up,
                                           const at::Tensor& down) {
  return detail::fused_mlp::apply(x, gate, up, down);
}

}  // namespace recllm::torch_bridge
