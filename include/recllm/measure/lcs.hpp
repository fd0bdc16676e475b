// The longest common subsequence of a predicted and a target list, plain and weighted by the predicted rank.
//
//   value(p, t) = max over common subsequences  sum of w(i) over the ranks i of p that it uses
//   position_weighted_lcs = value / sum_{i=1}^{min(|p|,|t|)} w(i)
//
// A common subsequence takes pairs (i, j), strictly increasing in both, with p_i = t_j. The reward of
// RecLLM-R1, arXiv 2506.19235, section 4.2. Weights by the target's rank: swap the lists.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <recllm/measure/list.hpp>
#include <recllm/measure/places.hpp>

namespace recllm::measure {

/// The weight 1 / log2(rank + 1) of ranks 1, 2, ...: 1, 0.63, 0.5, ... The discount of NDCG.
struct log2_discount {
  double operator()(std::size_t rank) const {
    return rank < known ? table().weights[rank] : 1.0 / std::log2(static_cast<double>(rank) + 1.0);
  }

  /// The sum of the weights of ranks 1, ..., count.
  [[nodiscard]] double total(std::size_t count) const {
    double sum = table().totals[std::min(count, known - 1)];
    for (std::size_t rank = known; rank <= count; ++rank) sum += (*this)(rank);
    return sum;
  }

 private:
  static constexpr std::size_t known = 65;
  struct tables {
    std::array<double, known> weights{}, totals{};
  };
  static const tables& table() {  // std::log2 would be most of the time of a ten-item list
    static const tables all = [] {
      tables t;
      for (std::size_t r = 1; r < known; ++r) {
        t.weights[r] = 1.0 / std::log2(static_cast<double>(r) + 1.0);
        t.totals[r] = t.totals[r - 1] + t.weights[r];
      }
      return t;
    }();
    return all;
  }
};

/// Weight 1 at every rank: the plain longest common subsequence.
struct uniform_weight {
  constexpr double operator()(std::size_t) const { return 1.0; }
  [[nodiscard]] constexpr double total(std::size_t count) const { return static_cast<double>(count); }
};

namespace detail {

/// The sum of the weights of ranks 1, ..., count.
template <class Weight>
constexpr double total_weight(const Weight& weight, std::size_t count) {
  if constexpr (requires { weight.total(count); }) {
    return weight.total(count);
  } else {
    double sum = 0.0;
    for (std::size_t rank = 1; rank <= count; ++rank) sum += weight(rank);
    return sum;
  }
}

// Wagner and Fischer's table, row by row: the faster way for few items, and where most of them are equal.
template <List Predicted, List Target, class Weight>
constexpr double weighted_lcs_by_rows(const Predicted& predicted, const Target& target,
                                      const Weight& weight) {
  const auto width = static_cast<std::size_t>(std::ranges::size(target));
  scratch<double, 64> row(width);  // [j]: the value for the items so far and the first j + 1 of the target
  const std::span<double> best = *row;
  std::ranges::fill(best, 0.0);
  std::size_t rank = 0;
  double left = 0.0;
  for (const auto& item : predicted) {
    const double gain = weight(++rank);
    double diagonal = 0.0;
    left = 0.0;
    std::size_t j = 0;
    for (const auto& wanted : target) {
      // diagonal + gain where the items are equal, else 0, without a branch to mispredict.
      const std::uint64_t equal = same_item(item, wanted) ? 1 : 0;
      const double above = best[j],
                   used = std::bit_cast<double>(std::bit_cast<std::uint64_t>(diagonal + gain) & (0 - equal));
      left = std::max(left, std::max(above, used));
      best[j++] = left;
      diagonal = above;
    }
  }
  return left;
}

/// The same of at most 16 numbers in each list: -1 where an item has several places in the target, or seems
/// to. Places are found by comparing eight last bytes at a time.
template <List Predicted, List Target, class Weight>
constexpr double weighted_lcs_of_few(const Predicted& predicted, const Target& target, const Weight& weight) {
  const last_bytes<2> bytes(target);
  const auto wanted = std::ranges::begin(target);
  const auto width = static_cast<std::size_t>(std::ranges::size(target));
  std::array<double, 17> best{};  // [j]: the heaviest that uses none but the first j items of the target
  std::size_t rank = 0;
  std::uint64_t several = 0;
  for (const auto& item : predicted) {
    const double gain = weight(++rank);
    const std::uint64_t sought = repeated_byte(item);
    // Bit 8 j is that of place j, bit 8 j + 4 that of place 8 + j.
    const std::uint64_t equal = (bytes.equal(0, sought) >> 7) | (bytes.equal(1, sought) >> 3);
    several |= equal & (equal - 1);
    const auto bit = static_cast<std::size_t>(std::countr_zero(equal));
    const std::size_t place = bit / 8 + 2 * (bit & 4);
    if (equal != 0 && same_item(item, wanted[static_cast<std::ptrdiff_t>(place)])) {
      const double value = best[place] + gain;
      for (std::size_t j = place + 1; j <= width; ++j) best[j] = std::max(best[j], value);
    }
  }
  return several != 0 ? -1.0 : best[width];
}

}  // namespace detail

/// The largest sum of `weight(rank)` over the predicted ranks that a common subsequence uses; 0 for an empty
/// list. `weight` takes ranks from 1 and is never negative. O((n + m + r) log m), r the number of equal
/// pairs, which is at most n for a target of distinct items: the heaviest increasing subsequence (Jacobson
/// and Vo, CPM 1992) on a Fenwick tree. No allocation while the target has at most 256 items.
template <List Predicted, List Target, class Weight = log2_discount>
[[nodiscard]] constexpr double weighted_lcs(const Predicted& predicted, const Target& target,
                                            const Weight& weight = {}) {
  const auto rows = static_cast<std::size_t>(std::ranges::size(predicted));
  const auto width = static_cast<std::size_t>(std::ranges::size(target));
  if constexpr (detail::Integer<detail::item_of<Predicted>> && detail::Integer<detail::item_of<Target>>)
    if (rows <= 16 && width <= 16)
      if (const double value = detail::weighted_lcs_of_few(predicted, target, weight); value >= 0.0)
        return value;
  if (rows * width <= 256) return detail::weighted_lcs_by_rows(predicted, target, weight);

  const detail::places<Target, detail::item_of<Predicted>> places(target, detail::words_from::back);
  detail::scratch<double, 257> tree(width + 1);  // maxima of the values of subsequences that end at a place
  const std::span<double> best = *tree;
  std::ranges::fill(best, 0.0);
  std::size_t rank = 0, pairs = 0;
  const std::size_t many = rows * width / std::bit_width(width + 1);
  for (const auto& item : predicted) {
    const double gain = weight(++rank);
    for (std::uint32_t at = places.find(item); at != 0; at = places[at].next) {
      // Last place first, so that no item of `predicted` is used twice.
      for (std::uint64_t bits = places[at].bits; bits != 0;) {
        const int bit = 63 - std::countl_zero(bits);
        bits ^= std::uint64_t{1} << bit;
        const std::size_t before = 64 * places[at].word() + static_cast<std::size_t>(bit);
        double value = 0.0;
        for (std::size_t node = before; node != 0; node &= node - 1) value = std::max(value, best[node]);
        value += gain;
        for (std::size_t node = before + 1; node <= width; node += node & (~node + 1))
          best[node] = std::max(best[node], value);
        ++pairs;
      }
    }
    if (pairs > many) return detail::weighted_lcs_by_rows(predicted, target, weight);
  }
  double value = 0.0;
  for (std::size_t node = width; node != 0; node &= node - 1) value = std::max(value, best[node]);
  return value;
}

/// The weighted LCS over the sum of the weights of ranks 1, ..., min(n, m): 1 where the shorter list is met
/// item by item from the first rank on, 0 for an empty list. In [0, 1] for weights that do not increase with
/// the rank.
template <List Predicted, List Target, class Weight = log2_discount>
[[nodiscard]] constexpr double position_weighted_lcs(const Predicted& predicted, const Target& target,
                                                     const Weight& weight = {}) {
  const auto most = std::min<std::size_t>(std::ranges::size(predicted), std::ranges::size(target));
  const double best = detail::total_weight(weight, most);
  return best > 0.0 ? weighted_lcs(predicted, target, weight) / best : 0.0;
}

namespace detail {

/// The length that a row of bits stands for: where the LCS grows by an item of b, its bit is 0.
constexpr std::size_t zeros_in(std::span<const std::uint64_t> row) {
  std::size_t zeros = 0;
  for (const std::uint64_t bits : row) zeros += static_cast<std::size_t>(bit_count(~bits));
  return zeros;
}

/// row = (row + matches) | (row & ~matches) with matches = row & equal, numbers of several words, the lowest
/// first.
template <std::size_t Words>
constexpr void advance(std::array<std::uint64_t, Words>& row, const std::array<std::uint64_t, Words>& equal) {
#if defined(__x86_64__) && defined(__GNUC__)
  if constexpr (Words == 4)
    if (!std::is_constant_evaluated()) {  // GCC 12 would keep each carry in a register of its own
      const std::uint64_t m0 = row[0] & equal[0], m1 = row[1] & equal[1], m2 = row[2] & equal[2],
                          m3 = row[3] & equal[3];
      std::uint64_t s0 = row[0], s1 = row[1], s2 = row[2], s3 = row[3];
      asm("add {%4, %0|%0, %4}\n\tadc {%5, %1|%1, %5}\n\tadc {%6, %2|%2, %6}\n\tadc {%7, %3|%3, %7}"  // AT&T|Intel
          : "+&r"(s0), "+&r"(s1), "+&r"(s2), "+r"(s3)
          : "r"(m0), "r"(m1), "r"(m2), "r"(m3)
          : "cc");
      row = {s0 | (row[0] ^ m0), s1 | (row[1] ^ m1), s2 | (row[2] ^ m2), s3 | (row[3] ^ m3)};
      return;
    }
#endif
  std::uint64_t carry = 0;
  for (std::size_t word = 0; word < Words; ++word) {
    const std::uint64_t matches = row[word] & equal[word], sum = row[word] + matches, carried = sum + carry;
    carry = (sum < matches ? 1 : 0) | (carried < sum ? 1 : 0);
    row[word] = carried | (row[word] ^ matches);
  }
}

/// lcs_length() where b has at most 64 * Words items: hardly a branch depends on them, to be mispredicted.
template <std::size_t Words, List A, class Places>
constexpr std::size_t lcs_length_of_few(const A& a, const Places& places) {
  std::array<std::uint64_t, Words> row;
  row.fill(~std::uint64_t{0});
  for (const auto& item : a) {
    std::array<std::uint64_t, Words> equal{};
    std::uint32_t at = places.find(item);  // of an item that is not in b entry 0, which changes nothing
    equal[Words == 1 ? 0 : places[at].word()] = places[at].bits;
    if constexpr (Words > 1)
      while ((at = places[at].next) != 0) equal[places[at].word()] = places[at].bits;
    advance(row, equal);
  }
  return zeros_in(row);
}

}  // namespace detail

/// The number of items in the longest common subsequence, 64 places of `b` at a time. No allocation while `b`
/// has at most 256 items. Source: Hyyro, "Bit-parallel LCS-length computation revisited", AWOCA 2004.
template <List A, List B>
[[nodiscard]] constexpr std::size_t lcs_length(const A& a, const B& b) {
  const auto width = static_cast<std::size_t>(std::ranges::size(b));
  const detail::places<B, detail::item_of<A>> places(b, detail::words_from::front);
  const std::size_t count = (width + 63) / 64;
  if (count <= 1) return detail::lcs_length_of_few<1>(a, places);
  if (count <= 4) return detail::lcs_length_of_few<4>(a, places);
  std::vector<std::uint64_t> row(count, ~std::uint64_t{0});
  for (const auto& item : a) {
    // row = (row + matches) | (row & ~matches), words without matches changed by the carry alone.
    std::size_t word = 0;
    std::uint64_t carry = 0;
    const auto carry_up_to = [&](std::size_t end) {
      for (; carry != 0 && word < end; ++word) {
        carry = row[word] == ~std::uint64_t{0} ? 1 : 0;
        row[word] |= row[word] + 1;
      }
    };
    for (std::uint32_t at = places.find(item); at != 0; at = places[at].next) {
      carry_up_to(places[at].word());
      word = places[at].word();
      const std::uint64_t matches = row[word] & places[at].bits, sum = row[word] + matches;
      row[word] = (sum + carry) | (row[word] & ~matches);
      carry = sum < matches || sum + carry < sum ? 1 : 0;
      ++word;
    }
    carry_up_to(count);
  }
  return detail::zeros_in(row);
}

}  // namespace recllm::measure
