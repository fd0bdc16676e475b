// The 64-bit FNV-1a hash, and draws from a 64-bit linear congruential generator: both a line in any language,
// so that the figures of another program can be compared over many texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

struct fnv1a {
  std::uint64_t value = 0xcbf29ce484222325U;
  void add(std::string_view text) {
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
};

/// x = x * 6364136223846793005 + 1442695040888963407, from 1; a draw is (x >> 33) % n.
struct knuth_draws {
  std::uint64_t x = 1;
  std::size_t below(std::size_t n) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    return (x >> 33U) % n;
  }
};
