// A seeded random stream whose draws are the same on every compiler and for every split of the work.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

namespace recllm {

/// A counter-based stream: draw n depends only on (key, n), so a child stream made by split() gives the same
/// draws whatever else was drawn before. Train step k uses `random_stream(seed).split(k)`: to resume needs no
/// saved generator. The mixing function is SplitMix64's (Steele, Lea, Flood, OOPSLA 2014). Not for
/// cryptography.
class random_stream {
 public:
  explicit random_stream(std::uint64_t seed) : key_(mix(seed + golden)) {}

  /// An independent stream numbered `index`; leaves this one as it is.
  [[nodiscard]] random_stream split(std::uint64_t index) const {
    return random_stream(key_ ^ mix(index * golden + 1));
  }

  /// 64 uniform bits.
  std::uint64_t bits() { return mix(key_ + golden * ++counter_); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in {0, ..., count - 1} (bias below count / 2^64); count > 0.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(bits() % count); }

  /// Standard normal (Box and Muller 1958, one of the pair).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// A uniformly random order of 0, ..., count - 1 (Fisher and Yates).
  [[nodiscard]] std::vector<std::size_t> permutation(std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t left = count; left > 1; --left) std::swap(order[left - 1], order[below(left)]);
    return order;
  }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}  // namespace recllm
