// A report's figures under their names, each with the choice by which it was measured.
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <numbers>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/measure/ranking_report.hpp>
#include <recllm/measure/statistics.hpp>

namespace recllm::measure {

/// One measure of a report. Borrows.
struct ranking_figure {
  std::string name;                    ///< "ndcg@10"
  std::string choice;                  ///< "ideal over min(k, relevant)"; may be empty
  double value = 0.0;                  ///< the users' mean, or the catalogue's figure
  std::span<const double> per_user{};  ///< in the order of add(); empty for a catalogue's figure

  /// "ndcg@10 (ideal over min(k, relevant))".
  [[nodiscard]] std::string label() const { return choice.empty() ? name : name + " (" + choice + ")"; }
};

namespace detail {

/// The choices in words.
struct choices {
  const ranking_settings& by;
  std::size_t counted;  // items that the catalogue's figures are over

  [[nodiscard]] std::string ideal() const {
    return by.ideal == ndcg_ideal::attainable ? "ideal over min(k, relevant)" : "ideal over k";
  }
  [[nodiscard]] std::string map_over() const {
    return by.map_over == precision_divisor::attainable ? "over min(k, relevant)" : "over relevant";
  }
  [[nodiscard]] std::string share() const {
    return by.shares_of == population::interactions ? "share of interactions" : "share of users";
  }
  [[nodiscard]] std::string items() const {
    return message(by.over == catalogue_items::all ? "all " : "the trained ", counted, " items");
  }
  [[nodiscard]] std::string tail() const {
    switch (by.tail.rule) {
      case tail_rule::share_of_items:
        return message("the least popular ", 100 * by.tail.size, " % of ", items());
      case tail_rule::share_of_interactions:
        return message("the last ", 100 * by.tail.size, " % of interactions, of ", items());
      default:
        return message("at most ", by.tail.size, " ", share(), ", of ", items());
    }
  }
  [[nodiscard]] std::string gini() const {
    return message(by.gini.high_is_even ? "high" : "low", " is even, over ", items(),
                   by.gini.divisor == gini_divisor::n ? "" : ", divided by n - 1");
  }
  [[nodiscard]] std::string entropy() const {
    const double base = by.entropy.base;
    switch (by.entropy.scale) {
      case entropy_scale::evenness:
        return "0 to 1, over " + items();
      case entropy_scale::per_reached:
        return "over the items reached, as RecBole";
      default:
        return base == 2.0 ? "bits" : base == std::numbers::e ? "nats" : message("base ", base);
    }
  }
};

}  // namespace detail

/// Every measure of the report, cutoff by cutoff; none before its first user. Borrows from it.
[[nodiscard]] inline std::vector<ranking_figure> figures(const ranking_report& report) {
  std::vector<ranking_figure> all;
  if (report.users() == 0) return all;
  const ranking_settings& by = report.settings();
  const auto users = [&](std::string name, std::string choice, std::span<const double> values) {
    if (!values.empty()) all.push_back({std::move(name), std::move(choice), mean(values), values});
  };
  const auto catalogue = [&](std::string name, std::string choice, double value) {
    all.push_back({std::move(name), std::move(choice), value, {}});
  };
  for (const std::size_t k : by.cutoffs) {
    const ranking_values& at = report.at(k);
    const std::vector<double> exposure = report.exposure_at(k);
    const detail::choices choice{by, exposure.size()};
    const auto name = [&](std::string_view measure) {
      return k == whole_list ? message(measure) : message(measure, '@', k);
    };
    users(name("recall"), "", at.recall);
    users(name("precision"), k == whole_list ? "over the list" : "over k", at.precision);
    users(name("hit_rate"), "", at.hit_rate);
    users(name("ndcg"), choice.ideal(), at.ndcg);
    users(name("map"), choice.map_over(), at.average_precision);
    users(name("mrr"), "", at.reciprocal_rank);
    users(name("intra_list_diversity"), "1 - Jaccard of topics", at.diversity);
    users(name("novelty"), "bits, " + choice.share(), at.novelty);
    users(name("popularity"), choice.share(), at.popularity);
    users(name("tail_share"), choice.tail(), at.tail_share);
    users(name("unexpectedness"), message("against ", by.expected.size(), " items"), at.unexpectedness);
    users(name("serendipity"), message("against ", by.expected.size(), " items"), at.serendipity);
    for (std::size_t i = 0; i < at.own.size(); ++i) users(name(by.own[i].name), "", at.own[i]);
    if (report.has_histories())
      catalogue(name("popularity_lift"), "over the histories", report.popularity_lift_at(k));
    catalogue(name("coverage"), "of " + choice.items(), report.coverage_at(k));
    catalogue(name("gini"), choice.gini(), gini(exposure, by.gini));
    catalogue(name("entropy"), choice.entropy(), entropy(exposure, by.entropy));
  }
  users("auc", "mean over users", report.auc());
  if (by.auc)
    catalogue("gauc", "weighted by relevant items", weighted_mean(report.auc(), report.auc_weights()));
  return all;
}

/// The one of this name, "ndcg@10", among a report's figures. Throws std::invalid_argument that lists those
/// there are.
[[nodiscard]] inline ranking_figure figure(std::span<const ranking_figure> all, std::string_view name) {
  std::string known;
  for (const ranking_figure& one : all) {
    if (one.name == name) return one;
    known += (known.empty() ? "" : ", ") + one.name;
  }
  throw std::invalid_argument(message("recllm: figure: no '", name,
                                      "'; there are: ", known.empty() ? "none, no user was added" : known));
}

/// The same of a report. Borrows from it.
[[nodiscard]] inline ranking_figure figure(const ranking_report& report, std::string_view name) {
  return figure(figures(report), name);
}

/// One figure a line: value, name and choice.
inline std::ostream& operator<<(std::ostream& out, const ranking_report& report) {
  for (const ranking_figure& one : figures(report)) {
    std::array<char, 32> value;
    std::snprintf(value.data(), value.size(), "%10.4g", one.value);
    out << value.data() << "  " << one.label() << '\n';
  }
  return out;
}

}  // namespace recllm::measure
