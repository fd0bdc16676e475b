// Inverted dropout from a stream of its own. Srivastava et al., JMLR 15 (2014).
#pragma once

#include <cstdint>

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// x -> x with each entry 0 with `probability`, in [0, 1), else divided by 1 - probability; 0 changes
/// nothing. A copy goes on from here by itself: it drops what this one would have.
class dropout {
 public:
  dropout(double probability, std::uint64_t seed)
      : probability_(probability), generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {}

  dropout(const dropout& other) : probability_(other.probability_), generator_(other.generator_.clone()) {}
  dropout& operator=(const dropout& other) { return *this = dropout(other); }
  dropout(dropout&&) = default;
  dropout& operator=(dropout&&) = default;
  ~dropout() = default;

  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) {
    if (probability_ == 0.0) return x;
    const at::Tensor kept = at::empty(x.sizes(), at::kFloat).bernoulli_(1.0 - probability_, generator_);
    return x * kept.div_(1.0 - probability_).to(x.options());
  }

 private:
  double probability_;
  at::Generator generator_;
};

}  // namespace recllm::torch_bridge
