// How many letters differ: the Levenshtein distance of two short texts, up to a bound.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace recllm {

/// The fewest insertions, deletions and substitutions that turn `a` into `b`; at_most + 1 if it takes more
/// than `at_most`. O(at_most * min(a.size(), b.size())). (Levenshtein 1966; the band is Ukkonen's, 1985.)
[[nodiscard]] inline std::size_t edit_distance(std::u32string_view a, std::u32string_view b,
                                               std::size_t at_most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > at_most) return at_most + 1;
  at_most = std::min(at_most, b.size());
  std::vector<std::size_t> row(a.size() + 1);  // distances of a's beginnings from b's first j letters
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t j = 1; j <= b.size(); ++j) {
    const std::size_t first = j > at_most ? j - at_most : 1, last = std::min(a.size(), j + at_most);
    std::size_t diagonal = row[first - 1], least = at_most + 1;
    row[first - 1] = first == 1 ? j : at_most + 1;
    for (std::size_t i = first; i <= last; ++i) {
      const std::size_t above = i == j + at_most ? at_most + 1 : row[i];
      const std::size_t here =
          std::min({diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), row[i - 1] + 1, above + 1});
      diagonal = row[i];
      row[i] = here;
      least = std::min(least, here);
    }
    if (std::min(least, row[first - 1]) > at_most) return at_most + 1;
  }
  return std::min(row[a.size()], at_most + 1);
}

}  // namespace recllm
