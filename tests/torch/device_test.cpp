// Names of devices, and what is said where one is not there.
#include <recllm/torch/device.hpp>

#include "support/catch.hpp"

using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

TEST_CASE("the CPU is always there, and taken where there is nothing else") {
  CHECK(pick_device("cpu").is_cpu());
  CHECK(pick_device().is_cuda() == (torch::cuda::device_count() > 0));
}

TEST_CASE("a device that is not there says what was found") {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CPU"})
    CHECK_THROWS_WITH(pick_device(name), Contains("expected cpu, cuda or cuda:NUMBER"));
  CHECK_THROWS_WITH(pick_device("cuda:999"),
                    Contains("'cuda:999' was asked for, but") &&
                        (Contains("built without CUDA") ||
                         Contains("libtorch finds " + std::to_string(torch::cuda::device_count()))));
}
