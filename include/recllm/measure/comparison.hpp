// Two reports over the same users: by how much each figure differs, how sure that is, and whether by chance.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/ranking_figures.hpp>
#include <recllm/measure/statistics.hpp>

namespace recllm::measure {

/// Settings of compare().
struct comparison_options {
  std::vector<std::string> names{};  ///< which figures, "ndcg@10"; empty: all that are means over users
  bootstrap_options bootstrap{};
  permutation_options permutation{};
};

/// One figure of two reports, a and b.
struct ranking_difference {
  std::string name, choice;
  double a = 0.0, b = 0.0;   ///< the means over users
  interval range{};          ///< of a - b, by bootstrap over users
  double p = 1.0;            ///< that a and b have the same mean, paired_permutation_test()
  double corrected_p = 1.0;  ///< the same for all the figures that were compared, holm()
};

/// What compare() found, figure by figure.
struct ranking_comparison {
  std::vector<ranking_difference> differences;
};

/// Compares each user's values of `a` with those of `b`: the users are the same, added in the same order, and
/// so are the settings. Draws resamples x users numbers a figure: name the figures where the users are many.
/// Throws std::invalid_argument where the users or figures differ, or a name is not among them.
[[nodiscard]] inline ranking_comparison compare(const ranking_report& a, const ranking_report& b,
                                                const comparison_options& options = {}) {
  require(a.users() == b.users() && a.users() > 0,
          "recllm: compare: expected two reports over the same users, at least one, got ", a.users(), " and ",
          b.users(), " users");
  const std::vector<ranking_figure> ours = figures(a), theirs = figures(b);
  std::vector<std::string> names = options.names;
  if (names.empty())
    for (const ranking_figure& one : ours)
      if (!one.per_user.empty()) names.push_back(one.name);

  ranking_comparison found;
  std::vector<double> p;
  for (const std::string& name : names) {
    const ranking_figure one = figure(ours, name), other = figure(theirs, name);
    require(one.label() == other.label(), "recllm: compare: ", one.label(), " and ", other.label(),
            " are not the same measure; give both reports the same settings");
    require(!one.per_user.empty(), "recllm: compare: ", name,
            " is a figure of the catalogue, not of each user; read it from the reports");
    std::vector<double> difference(one.per_user.size());
    std::ranges::transform(one.per_user, other.per_user, difference.begin(), std::minus<>{});
    p.push_back(paired_permutation_test(one.per_user, other.per_user, options.permutation));
    found.differences.push_back({name, one.choice, one.value, other.value,
                                 bootstrap_interval(difference, options.bootstrap), p.back()});
  }
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < corrected.size(); ++i) found.differences[i].corrected_p = corrected[i];
  return found;
}

/// One figure a line: both means, the difference with its interval, both p-values, name and choice.
inline std::ostream& operator<<(std::ostream& out, const ranking_comparison& comparison) {
  out << "         a          b      a - b  interval                       p  corrected\n";
  for (const ranking_difference& one : comparison.differences) {
    std::array<char, 128> line;
    std::snprintf(line.data(), line.size(), "%10.4g %10.4g %+10.4g  [%+9.4g, %+9.4g]  %8.4f  %9.4f  ", one.a,
                  one.b, one.a - one.b, one.range.low, one.range.high, one.p, one.corrected_p);
    out << line.data() << (one.choice.empty() ? one.name : one.name + " (" + one.choice + ")") << '\n';
  }
  return out;
}

}  // namespace recllm::measure
