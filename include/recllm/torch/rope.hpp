// Rotary position embeddings and the ways to stretch them over a longer context.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>

#include <recllm/model/qwen_config.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

/// Share of interpolation for each of `half` frequencies: 0 below `low`, 1 above `high`, a ramp between.
inline at::Tensor yarn_ramp(const rope_config& r, double size, std::int64_t half, at::TensorOptions options) {
  const auto dimension = [&](double turns) {  // whose wave turns so often in the original context
    return size * std::log(r.original_max_position_embeddings / (turns * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(r.rope_theta));
  };
  double low = dimension(r.beta_fast), high = dimension(r.beta_slow);
  if (r.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, size - 1.0);
  if (low == high) high += 0.001;
  return ((at::arange(half, options) - low) / (high - low)).clamp(0.0, 1.0);
}

}  // namespace detail

/// Radians a position for each pair of a head's dimensions, head_dim / 2 floats: theta^(-2 i / head_dim),
/// stretched as `config.rope` says. Sources: rope_config.
[[nodiscard]] inline at::Tensor rope_frequencies(const qwen_config& config, at::Device device = at::kCPU) {
  const rope_config& r = config.rope;
  const std::int64_t size = config.head_size();
  const at::TensorOptions options = at::TensorOptions(at::kFloat).device(device);
  const at::Tensor exponent = at::arange(0, size, 2, options) / static_cast<double>(size);
  const at::Tensor plain = at::pow(r.rope_theta, exponent).reciprocal();
  if (r.rope_type == "linear") return plain / r.factor;
  if (r.rope_type == "yarn") {
    const at::Tensor stretched = detail::yarn_ramp(r, static_cast<double>(size), size / 2, options);
    return plain / r.factor * stretched + plain * (1.0 - stretched);
  }
  if (r.rope_type == "llama3") {  // long waves are stretched, short ones are not, between them a mixture
    const at::Tensor turns = r.original_max_position_embeddings / (2.0 * std::numbers::pi) * plain;
    const at::Tensor kept =
        ((turns - r.low_freq_factor) / (r.high_freq_factor - r.low_freq_factor)).clamp(0.0, 1.0);
    return (1.0 - kept) * plain / r.factor + kept * plain;
  }
  return plain;
}

/// What yarn multiplies cos and sin by; 1 for the others.
[[nodiscard]] inline double rope_attention_factor(const rope_config& r) {
  if (r.rope_type != "yarn") return 1.0;
  if (r.attention_factor) return *r.attention_factor;
  const auto scale = [&](double weight) {
    return r.factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(r.factor) + 1.0;
  };
  const bool both = r.mscale.value_or(0.0) != 0.0 && r.mscale_all_dim.value_or(0.0) != 0.0;
  return both ? scale(*r.mscale) / scale(*r.mscale_all_dim) : scale(1.0);
}

/// cos and sin of the angles at `positions` (N, int64), N x 1 x head_dim, the half repeated.
[[nodiscard]] inline std::pair<at::Tensor, at::Tensor> rotation(const qwen_config& config,
                                                                const at::Tensor& positions) {
  const at::Tensor angle =
      positions.to(at::kFloat).unsqueeze(1) * rope_frequencies(config, positions.device());
  const at::Tensor both = at::cat({angle, angle}, 1).unsqueeze(1);
  const double factor = rope_attention_factor(config.rope);
  if (factor == 1.0) return {both.cos(), both.sin()};
  return {both.cos() * factor, both.sin() * factor};
}

/// Rotates the pairs (x_i, x_{i + head_dim / 2}), Hugging Face's order.
[[nodiscard]] inline at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine,
                                       const at::Tensor& sine) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor turned = at::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
  return x * cosine + turned * sine;
}

}  // namespace recllm::torch_bridge
