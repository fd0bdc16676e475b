// Curves out of metrics.jsonl, smoothed and thinned for drawing.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <compare>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <recllm/core/check.hpp>
#include <recllm/train/checkpoint.hpp>

namespace recllm::detail {

/// What a curve shows of a log: a field over another one, of the lines with a "phase" (empty: of all).
struct curve_name {
  std::string phase;
  std::string key;
  std::string x = "step";
  friend auto operator<=>(const curve_name&, const curve_name&) = default;
};

/// One value of a log over its step.
struct log_point {
  double x = 0.0;
  double y = 0.0;  ///< NaN ends a piece of the curve
};

/// The points of each curve in the file, in its order; the strings "nan", "inf", "-inf" become NaN.
inline std::map<curve_name, std::vector<log_point>> read_curves(const std::filesystem::path& path,
                                                                const std::vector<curve_name>& wanted) {
  std::map<curve_name, std::vector<log_point>> curves;
  for (const curve_name& name : wanted) curves[name];
  if (curves.empty()) return curves;
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error(
        message("recllm: write_report: cannot read the metrics file ", path, ": ", os_reason(errno)));
  std::string text;
  for (std::size_t line = 1; std::getline(in, text); ++line) {
    if (text.empty()) continue;
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object() && in.eof()) break;  // cut off while it was written
    require(object.is_object(), "recllm: write_report: ", path.string(), ":", line,
            ": expected a JSON object, got \"", text.substr(0, 40), "\"");
    const auto phase = object.find("phase");
    for (auto& [name, points] : curves) {
      if (!name.phase.empty() && (phase == object.end() || *phase != name.phase)) continue;
      const auto x = object.find(name.x), value = object.find(name.key);
      if (x == object.end() || !x->is_number() || value == object.end()) continue;
      points.push_back({x->get<double>(), value->is_number() ? value->get<double>() : std::nan("")});
    }
  }
  return curves;
}

/// The mean of the finite values among the `window` >= 1 around each point (fewer at the ends).
inline std::vector<log_point> running_mean(const std::vector<log_point>& raw, std::size_t window) {
  std::vector<log_point> smooth;
  smooth.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    double sum = 0.0, count = 0.0;
    const std::size_t end = std::min(raw.size(), i + (window + 1) / 2);
    for (std::size_t j = i - std::min(i, window / 2); j < end; ++j)
      if (std::isfinite(raw[j].y)) sum += raw[j].y, count += 1.0;
    smooth.push_back({raw[i].x, std::isfinite(raw[i].y) ? sum / count : std::nan("")});
  }
  return smooth;
}

/// At most about 1000 points that look the same: the lowest and the highest of each stretch.
inline std::vector<log_point> thinned(const std::vector<log_point>& all) {
  const std::size_t stretch = all.size() / 500;
  if (stretch < 2) return all;
  std::vector<log_point> few;
  for (std::size_t first = 0; first < all.size(); first += stretch) {
    std::size_t low = first, high = first;
    for (std::size_t i = first; i < std::min(all.size(), first + stretch); ++i) {
      if (!std::isfinite(all[i].y)) continue;
      if (!(all[low].y <= all[i].y)) low = i;  // true for a NaN at low
      if (!(all[high].y >= all[i].y)) high = i;
    }
    few.push_back(all[std::min(low, high)]);
    if (low != high) few.push_back(all[std::max(low, high)]);
  }
  return few;
}

/// The lowest and the highest finite value; (inf, -inf) where there is none.
inline std::pair<double, double> range_of(const std::vector<log_point>& points) {
  std::pair<double, double> range(std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity());
  for (const log_point& p : points)
    if (std::isfinite(p.y)) range = {std::min(range.first, p.y), std::max(range.second, p.y)};
  return range;
}

}  // namespace recllm::detail
