// In what order prompts come and how a step is cut into micro-batches. Both depend on numbers only, never on
// history.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>

namespace recllm {

/// An endless order of 0, ..., count - 1: one random permutation an epoch, each a function of (seed, epoch)
/// only. count > 0.
class epoch_order {
 public:
  epoch_order(std::size_t count, std::uint64_t seed) : count_(count), seed_(seed) {}

  /// What stands at `position` = 0, 1, ...
  std::size_t operator[](std::uint64_t position) {
    const std::uint64_t epoch = position / count_;
    if (order_.empty() || epoch != epoch_) {
      // Steps take the low numbers of the seed's split, the order takes the highest.
      random_stream rng = random_stream(seed_).split(std::numeric_limits<std::uint64_t>::max()).split(epoch);
      order_ = rng.permutation(count_);
      epoch_ = epoch;
    }
    return order_[position % count_];
  }

  /// The `count` numbers that step `step` takes, when every step takes as many.
  [[nodiscard]] std::vector<std::size_t> batch(std::ptrdiff_t step, std::size_t count) {
    std::vector<std::size_t> taken(count);
    for (std::size_t i = 0; i < count; ++i) taken[i] = (*this)[static_cast<std::uint64_t>(step) * count + i];
    return taken;
  }

 private:
  std::size_t count_;
  std::uint64_t seed_;
  std::uint64_t epoch_ = 0;
  std::vector<std::size_t> order_;
};

/// The rows of `whole` cut into neighbouring blocks of at most `at_most` rows (0 = one block). Where at_most
/// >= unit, no block splits a unit of `unit` neighbouring rows (a group), counted from the first.
[[nodiscard]] inline std::vector<row_block> row_blocks(row_block whole, std::size_t at_most,
                                                       std::size_t unit = 1) {
  if (at_most >= unit && unit > 0) at_most -= at_most % unit;
  const Eigen::Index size = at_most == 0 ? whole.count : static_cast<Eigen::Index>(at_most);
  std::vector<row_block> blocks;
  for (Eigen::Index done = 0; done < whole.count; done += size)
    blocks.push_back({whole.first + done, std::min(size, whole.count - done)});
  return blocks;
}

}  // namespace recllm
