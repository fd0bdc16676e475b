// Tensors side by side in one piece of memory.
#include <recllm/torch/arena.hpp>

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace recllm::torch_bridge;

TEST_CASE("tensors of an arena keep what was written into them") {
  std::vector<at::Tensor> made;
  {
    arena memory;
    for (const std::int64_t width : {1, 7, 300, 0, 40'000'000, 5})  // one is larger than a chunk
      made.push_back(memory.empty({2, width}, width == 7 ? at::kBFloat16 : at::kFloat));
  }
  for (std::size_t i = 0; i < made.size(); ++i) made[i].fill_(static_cast<double>(i));
  for (std::size_t i = 0; i < made.size(); ++i) {
    CHECK(made[i].is_contiguous());
    CHECK(reinterpret_cast<std::uintptr_t>(made[i].data_ptr()) % 64 == 0);
    CHECK(made[i].eq(static_cast<double>(i)).all().item<bool>());
  }
  CHECK(made[1].scalar_type() == at::kBFloat16);
}
