// Where a model computes.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include <recllm/core/check.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// The device of a name: "cpu", "cuda" or "cuda:NUMBER"; "" is CUDA where libtorch finds one, else the CPU.
/// Throws std::invalid_argument that says what was found where the name is none of these or the device is not
/// there.
[[nodiscard]] inline at::Device pick_device(std::string_view name = "") {
  const int count = torch::cuda::device_count();
  if (name.empty()) return count > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (name == "cpu") return at::kCPU;
  int number = 0;
  bool known = name == "cuda";
  if (name.starts_with("cuda:")) {
    const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), number);
    known = error == std::errc{} && end == name.data() + name.size() && number >= 0;
  }
  require(known, "recllm: pick_device: '", name, "', expected cpu, cuda or cuda:NUMBER");
  require(at::Context::hasCUDART(), "recllm: pick_device: '", name,
          "' was asked for, but this libtorch is built without CUDA; install a build with it, or take cpu");
  require(number < count, "recllm: pick_device: '", name, "' was asked for, but libtorch finds ", count,
          " CUDA devices; is a driver installed, and CUDA_VISIBLE_DEVICES right?");
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(number));
}

}  // namespace recllm::torch_bridge
