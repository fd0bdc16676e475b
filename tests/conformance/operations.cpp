// The reading of fields, with messages that name them.
#include "operations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <recllm/core/check.hpp>

namespace conformance {

using recllm::message;

std::map<std::string, operation, std::less<>>& operations() {
  static std::map<std::string, operation, std::less<>> all;
  return all;
}

json number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  return x == 0.0 ? 0.0 : x;  // no "-0.0"
}

json numbers(const recllm::row_values<double>& x) {
  json all = json::array();
  for (const double value : x) all.push_back(number(value));
  return all;
}

void fields::fail(std::string_view name, const std::string& expected) const {
  const json* value = name.empty() ? &object_ : find(name);
  std::string got = value == nullptr ? "nothing" : value->dump();
  if (got.size() > 60) got = got.substr(0, 60) + "...";
  throw std::invalid_argument(message("field \"", path_, name, "\" must be ", expected, ", but is ", got));
}

const json* fields::find(std::string_view name) const {
  const auto found = object_.find(std::string(name));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool fields::has(std::string_view name) const { return find(name) != nullptr; }

bool fields::null(std::string_view name) const {
  const auto found = object_.find(std::string(name));
  return found != object_.end() && found->is_null();
}

fields fields::object(std::string_view name) const {
  static const json empty = json::object();
  const json* value = find(name);
  if (value != nullptr && !value->is_object()) fail(name, "an object");
  return fields(value == nullptr ? empty : *value, path_ + std::string(name) + ".");
}

const json& fields::any(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) fail(name, "there");
  return *value;
}

double fields::number_of(const json& value, std::string_view name) const {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  fail(name, "of numbers");
}

std::optional<double> fields::maybe_number(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() && !value->is_string()) fail(name, "a number");
  return number_of(*value, name);
}

std::optional<bool> fields::maybe_flag(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) fail(name, "true or false");
  return value->get<bool>();
}

std::optional<std::string> fields::maybe_text(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail(name, "a string");
  return value->get<std::string>();
}

std::optional<std::vector<double>> fields::maybe_list(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) fail(name, "a list of numbers");
  std::vector<double> all;
  for (const json& one : *value) all.push_back(number_of(one, name));
  return all;
}

std::optional<std::vector<std::vector<double>>> fields::maybe_rows(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) fail(name, "a list of lists of numbers");
  std::vector<std::vector<double>> all;
  for (const json& row : *value) {
    if (!row.is_array()) fail(name, "a list of lists of numbers");
    all.emplace_back();
    for (const json& one : row) all.back().push_back(number_of(one, name));
  }
  return all;
}

double fields::number(std::string_view name) const {
  const std::optional<double> x = maybe_number(name);
  if (!x) fail(name, "a number");
  return *x;
}

std::string fields::text(std::string_view name) const {
  const std::optional<std::string> x = maybe_text(name);
  if (!x) fail(name, "a string");
  return *x;
}

std::size_t fields::count(std::string_view name) const {
  const double x = number(name);
  if (!(x >= 0.0 && x < 1e15 && x == std::floor(x))) fail(name, "an integer of 0 or more");
  return static_cast<std::size_t>(x);
}

recllm::row_values<double> fields::list(std::string_view name) const {
  const std::optional<std::vector<double>> x = maybe_list(name);
  if (!x) fail(name, "a list of numbers");
  return Eigen::Map<const recllm::row_values<double>>(x->data(), static_cast<Eigen::Index>(x->size()));
}

std::vector<std::vector<double>> fields::rows(std::string_view name) const {
  std::optional<std::vector<std::vector<double>>> x = maybe_rows(name);
  if (!x) fail(name, "a list of lists of numbers");
  return *x;
}

std::vector<std::size_t> fields::groups(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr || !value->is_array()) fail(name, "a list of group numbers");
  std::map<json, std::size_t> known;  // equal values are a group, whatever they are
  std::vector<std::size_t> all;
  for (const json& one : *value) {
    if (!one.is_number() && !one.is_string()) fail(name, "a list of group numbers");
    all.push_back(known.emplace(one, known.size()).first->second);
  }
  return all;
}

void fields::read(std::string_view name, double& into) const {
  if (const std::optional<double> x = maybe_number(name)) into = *x;
}

void fields::read(std::string_view name, std::optional<double>& into) const {
  if (null(name))
    into = std::nullopt;
  else if (const std::optional<double> x = maybe_number(name))
    into = *x;
}

raggedness::raggedness(const fields& request, std::string_view like) : like_(like) {
  for (const std::vector<double>& row : request.rows(like)) {
    lengths_.push_back(row.size());
    longest_ = std::max(longest_, row.size());
  }
}

recllm::token_matrix<double> raggedness::matrix(const fields& request, std::string_view name) const {
  const std::vector<std::vector<double>> rows = request.rows(name);
  if (rows.size() != lengths_.size())
    throw std::invalid_argument(message("field \"", name, "\" has ", rows.size(), " rows, but \"", like_,
                                        "\" has ", lengths_.size()));
  recllm::token_matrix<double> padded = recllm::token_matrix<double>::Zero(
      static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(longest_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != lengths_[i])
      throw std::invalid_argument(message("field \"", name, "\", row ", i, " has ", rows[i].size(),
                                          " entries, but that of \"", like_, "\" has ", lengths_[i]));
    for (std::size_t t = 0; t < rows[i].size(); ++t)
      padded(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(t)) = rows[i][t];
  }
  return padded;
}

recllm::token_matrix<double> raggedness::maybe_matrix(const fields& request, std::string_view name) const {
  return request.has(name) ? matrix(request, name) : recllm::token_matrix<double>();
}

recllm::token_matrix<double> raggedness::mask(const fields& request) const {
  if (request.has("mask")) return matrix(request, "mask");
  recllm::token_matrix<double> ones = recllm::token_matrix<double>::Zero(
      static_cast<Eigen::Index>(lengths_.size()), static_cast<Eigen::Index>(longest_));
  for (std::size_t i = 0; i < lengths_.size(); ++i)
    ones.row(static_cast<Eigen::Index>(i)).head(static_cast<Eigen::Index>(lengths_[i])) = 1.0;
  return ones;
}

recllm::token_matrix<double> raggedness::spread(const fields& request, std::string_view name) const {
  const json& value = request.any(name);
  if (value.is_array() && (value.empty() || value.front().is_array())) return matrix(request, name);
  const recllm::row_values<double> each = request.list(name);
  if (static_cast<std::size_t>(each.size()) != lengths_.size())
    throw std::invalid_argument(message("field \"", name, "\" has ", each.size(), " entries, but \"", like_,
                                        "\" has ", lengths_.size(), " rows"));
  return each.replicate(1, static_cast<Eigen::Index>(longest_));
}

json raggedness::rows(const recllm::token_matrix<double>& padded) const {
  json all = json::array();
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    json row = json::array();
    for (std::size_t t = 0; t < lengths_[i]; ++t)
      row.push_back(number(padded(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(t))));
    all.push_back(std::move(row));
  }
  return all;
}

}  // namespace conformance
