// The lists of op metric, and the op itself.
#include "ranked_lists.hpp"

#include <recllm/core/check.hpp>
#include <recllm/measure/top_k.hpp>

namespace conformance {

using recllm::message;
namespace measure = recllm::measure;

std::map<std::string, metric, std::less<>>& metrics() {
  static std::map<std::string, metric, std::less<>> all;
  return all;
}

std::vector<std::size_t> item_numbers(const fields& request, std::string_view name, const names& items) {
  std::vector<std::size_t> all;
  for (const std::string& item : items) {
    if (item.empty() || item.size() > 9 || item.find_first_not_of("0123456789") != std::string::npos)
      request.fail(name, "of item numbers from 0 where \"scores\" are given");
    all.push_back(std::stoul(item));
  }
  return all;
}

ranked_lists::ranked_lists(const fields& given)
    : request(given),
      config(given.object("config")),
      k(given.has("k") ? given.count("k") : measure::whole_list) {
  if (k == 0) given.fail("k", "an integer of 1 or more");
  if (!given.has("scores")) {
    lists = item_rows(given, "ranked");
    return;
  }
  const std::vector<std::vector<double>> scores = given.rows("scores");
  lists.resize(scores.size());
  const std::vector<names> seen = histories();
  for (std::size_t u = 0; u < scores.size(); ++u) {
    const measure::excluding masked(item_numbers(given, "history", seen[u]), scores[u].size());
    for (const std::size_t item : measure::top_k(scores[u], k, masked))
      lists[u].push_back(std::to_string(item));
  }
}

std::vector<names> ranked_lists::of_each_user(std::string_view name) const {
  std::vector<names> all = item_rows(request, name);
  if (all.size() != lists.size())
    request.fail(name, message("a list for each of the ", lists.size(), " users"));
  return all;
}

std::vector<names> ranked_lists::histories() const {
  return request.has("history") ? of_each_user("history") : std::vector<names>(lists.size());
}

std::map<std::string, double> ranked_lists::interactions() const {
  if (!request.any("popularity").is_object()) request.fail("popularity", "an object of counts");
  const fields counts = request.object("popularity");
  std::map<std::string, double> all;
  for (const auto& [item, count] : request.any("popularity").items())
    all.emplace(item, static_cast<double>(counts.count(item)));
  return all;
}

json ranked_lists::per_user(const std::vector<double>& values) {
  json each = json::array();
  for (const double value : values) each.push_back(number(value));
  return {{"value", number(measure::mean(values))}, {"per_user", std::move(each)}};
}

json ranked_lists::of_catalogue(double value) {
  return {{"value", number(value)}, {"per_user", json::array()}};
}

namespace {

json answer(const json& object) {
  const fields request(object);
  const ranked_lists lists(request);
  metric found = [&](const auto&) -> json { request.fail("metric", "a string"); };
  request.read("metric", found, metrics());
  return found(lists);
}

const added this_file{"metric", answer};

}  // namespace
}  // namespace conformance
