// Memory for numbers that are read again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Makes tensors on the CPU side by side in huge pages, where the system lends these to who asks (Linux:
/// transparent huge pages, "madvise" or "always"): the processor finds their addresses sooner, and far fewer
/// pages are faulted in. A chunk of memory lives as long as a tensor in it.
class arena {
 public:
  /// An uninitialised tensor; starts at a cache line.
  [[nodiscard]] at::Tensor empty(at::IntArrayRef sizes, at::ScalarType type) {
    const auto bytes = c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(type));
    if (!chunk_.defined() || used_ + bytes > chunk_.size(0)) {
      chunk_ = chunk_of(std::max(bytes, least_chunk));
      used_ = 0;
    }
    const at::Tensor place = chunk_.narrow(0, used_, bytes);
    used_ += (bytes + line - 1) / line * line;
    return place.view(type).view(sizes);
  }

 private:
  static constexpr std::int64_t line = 64, huge_page = 2 << 20, least_chunk = 16 * huge_page;

  static at::Tensor chunk_of(std::int64_t bytes) {
    const std::int64_t whole = (bytes + huge_page - 1) / huge_page * huge_page;
    void* const memory = std::aligned_alloc(huge_page, static_cast<std::size_t>(whole));
    if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
    ::madvise(memory, static_cast<std::size_t>(whole), MADV_HUGEPAGE);  // a wish: small pages do, too
#endif
    return at::from_blob(
        memory, {whole}, [](void* p) { std::free(p); }, at::kByte);
  }

  at::Tensor chunk_;  // bytes, of which used_ are taken
  std::int64_t used_ = 0;
};

}  // namespace recllm::torch_bridge
