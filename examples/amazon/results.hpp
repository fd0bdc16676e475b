// What the Amazon example measures and shows: one ranking a user and seed, masked or not; tables;
// files of results.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/atomic_file.hpp>
#include <recllm/metrics.hpp>
#include <recllm/train/report.hpp>

#include "../same_settings.hpp"
#include "shop.hpp"

namespace shop {

inline const std::vector<std::size_t> cutoffs{1, 5, 10, 20, 50};
constexpr std::size_t longest = 50;

/// One of the values that a report gathers of each user.
struct metric {
  std::string title, name;  ///< "NDCG@10", "ndcg@10"
  std::size_t k;
  std::vector<double> ranking_values::*values;
};

/// Recall and NDCG at each cutoff.
inline std::vector<metric> metrics() {
  std::vector<metric> all;
  for (const std::size_t k : cutoffs) {
    const std::string at = "@" + std::to_string(k);
    all.push_back({"Recall" + at, "recall" + at, k, &ranking_values::recall});
    all.push_back({"NDCG" + at, "ndcg" + at, k, &ranking_values::ndcg});
  }
  return all;
}

/// The same without NDCG@1, which of one target is Recall@1.
inline std::vector<metric> columns() {
  std::vector<metric> all = metrics();
  std::erase_if(all, [](const metric& one) { return one.name == "ndcg@1"; });
  return all;
}

/// A table with these columns and no row yet.
inline report_table empty_table(const std::string& title) {
  report_table table{.title = title, .header = {""}};
  for (const metric& one : columns()) table.header.push_back(one.title);
  return table;
}

/// RecLLM-R1's Table 1, arXiv 2506.19235, as rows under these columns; it has K = 5 and 10 only.
inline const std::map<std::string, std::vector<std::string>> table_1{
    {"Beauty", {"RecLLM-R1, Table 1", "", ".0541", ".0405", ".0729", ".0459"}},
    {"Sports_and_Outdoors", {"RecLLM-R1, Table 1", "", ".0322", ".0237", ".0471", ".0302"}},
    {"Toys_and_Games", {"RecLLM-R1, Table 1", "", ".0596", ".0411", ".0773", ".0508"}}};

/// The rankings of a model, of one seed or more. Figures are means over seeds and users; intervals are by
/// bootstrap over users, 95%, of each user's mean over the seeds.
class measured {
 public:
  measured(std::string name, std::size_t items) : name_(std::move(name)), items_(items) {}

  /// One seed: the list of each shopper, best first, longest + the history's length or more items of it.
  void add(std::span<const sequence> lists, std::span<const shopper> shoppers) {
    ranking_report masked({.catalogue = items_, .cutoffs = cutoffs}), all = masked;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      all.add(lists[i], shoppers[i].next_items);
      masked.add(without_history(lists[i], shoppers[i]), shoppers[i].next_items);
    }
    masked_.push_back(std::move(masked));
    all_.push_back(std::move(all));
  }

  [[nodiscard]] const std::string& name() const { return name_; }

  /// Of each user, the mean over the seeds.
  [[nodiscard]] std::vector<double> per_user(bool masked, const metric& of) const {
    const std::vector<ranking_report>& reports = masked ? masked_ : all_;
    std::vector<double> means(reports.front().users());
    for (const ranking_report& one : reports)
      for (std::size_t i = 0; i < means.size(); ++i)
        means[i] += (one.at(of.k).*of.values)[i] / static_cast<double>(reports.size());
    return means;
  }

  /// The mean over users of each seed.
  [[nodiscard]] std::vector<double> per_seed(bool masked, const metric& of) const {
    std::vector<double> values;
    for (const ranking_report& one : masked ? masked_ : all_)
      values.push_back(measure::mean(one.at(of.k).*of.values));
    return values;
  }

 private:
  std::string name_;
  std::size_t items_;
  std::vector<ranking_report> masked_, all_;
};

/// The lists of a model that gives each item a score: the best of each shopper, some more than are measured
/// with all items of the history masked.
template <class Model>
std::vector<sequence> ranked_by(const Model& model, std::span<const shopper> shoppers) {
  std::vector<sequence> lists;
  for (const shopper& one : shoppers)
    lists.push_back(top_k(model.scores(one.history), longest + one.history.size()));
  return lists;
}

/// The same of the transformer alone, without the transitions.
inline std::vector<sequence> ranked_by(const ranker& model, std::span<const shopper> shoppers) {
  std::vector<sequence> lists;
  for_log_probs(model, shoppers, [&](const shopper& one, std::span<const float> log_probs) {
    lists.push_back(top_k(log_probs, longest + one.history.size()));
  });
  return lists;
}

inline std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text[0] == '0' ? text + 1 : text;
}

/// A row a model, means over users and seeds.
inline report_table table_of(const std::string& title, std::span<const measured> models, bool masked) {
  report_table table = empty_table(title);
  for (const measured& one : models) {
    std::vector<std::string>& row = table.rows.emplace_back(std::vector{one.name()});
    for (const metric& of : columns()) row.push_back(digits(measure::mean(one.per_user(masked, of))));
  }
  return table;
}

/// What one model has more than another: mean over the users, with the interval of the paired differences.
inline std::vector<std::string> difference_row(const std::string& name, const measured& one,
                                               const measured& other) {
  std::vector<std::string> row{name};
  for (const metric& of : columns()) {
    std::vector<double> more = one.per_user(true, of);
    std::ranges::transform(more, other.per_user(true, of), more.begin(), std::minus<>{});
    const measure::interval range = bootstrap_interval(more);
    char text[64];
    std::snprintf(text, sizeof text, "%+.1f [%+.1f %+.1f]", 1e4 * measure::mean(more), 1e4 * range.low,
                  1e4 * range.high);
    row.push_back(text);
  }
  return row;
}

/// {"masked": {"recall@5": {"mean", "low", "high", "seeds"}, ...}, "all": ...}
inline nlohmann::ordered_json intervals_of(const measured& model) {
  nlohmann::ordered_json all;
  for (const bool masked : {true, false})
    for (const metric& of : metrics()) {
      const std::vector<double> values = model.per_user(masked, of);
      const measure::interval range = bootstrap_interval(values);
      all[masked ? "masked" : "all"][of.name] = {{"mean", measure::mean(values)},
                                                 {"low", range.low},
                                                 {"high", range.high},
                                                 {"seeds", model.per_seed(masked, of)}};
    }
  return all;
}

/// What intervals_of() found, a row a metric.
inline report_table interval_table(const std::string& title, const nlohmann::ordered_json& figures) {
  report_table table{.title = title, .header = {"", "masked", "low", "high", "all", "low", "high"}};
  for (const metric& of : columns()) {
    std::vector<std::string>& row = table.rows.emplace_back(std::vector{of.title});
    for (const char* ranked : {"masked", "all"})
      for (const char* value : {"mean", "low", "high"})
        row.push_back(digits(figures[ranked][of.name][value].get<double>()));
  }
  return table;
}

/// Writes the settings of a run that begins; of one that goes on, throws std::invalid_argument where they are
/// not those that it began with.
inline void keep_settings(const std::filesystem::path& path, bool resume, const nlohmann::ordered_json& now) {
  if (!resume) return write_file_atomically(path, now.dump(2) + "\n");
  std::ifstream in(path);
  const auto before = nlohmann::ordered_json::parse(in, nullptr, false);
  require(before.is_object(), "--resume: ", path.string(),
          " does not hold a run's settings; start without --resume");
  examples::require_same_settings(before, now);
}

/// A file of results, empty where it is not there yet. Throws std::invalid_argument where it is no JSON
/// object, and where its folder is not there.
inline nlohmann::ordered_json read_results(const std::filesystem::path& path) {
  require(std::filesystem::is_directory(std::filesystem::absolute(path).parent_path()),
          "amazon: ", path.string(), ": there is no such folder");
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  if (std::ifstream in(path); in) all = nlohmann::ordered_json::parse(in, nullptr, false);
  require(all.is_object(), "amazon: ", path.string(), " is not a JSON object; name another file");
  return all;
}

/// Sets `dataset` in a file of results, see read_results().
inline void write_results(const std::filesystem::path& path, const std::string& dataset,
                          const nlohmann::ordered_json& figures) {
  nlohmann::ordered_json all = read_results(path);
  all[dataset] = figures;
  write_file_atomically(path, all.dump(2) + "\n");
}

}  // namespace shop
