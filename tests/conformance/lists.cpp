// Items, attributes and popularity of requests.
#include "lists.hpp"

#include <recllm/core/check.hpp>

namespace conformance {
namespace {

names items_in(const fields& from, std::string_view name, const json& value) {
  if (!value.is_array()) from.fail(name, "of lists of items");
  names all;
  for (const json& one : value) {
    if (!one.is_string() && !one.is_number()) from.fail(name, "of items, strings or numbers");
    all.push_back(one.is_string() ? one.get<std::string>() : one.dump());
  }
  return all;
}

}  // namespace

names items(const fields& from, std::string_view name) {
  const json& value = from.any(name);
  if (!value.is_array()) from.fail(name, "a list of items");
  return items_in(from, name, value);
}

std::vector<names> item_rows(const fields& from, std::string_view name) {
  const json& value = from.any(name);
  if (!value.is_array()) from.fail(name, "a list of lists of items");
  std::vector<names> all;
  for (const json& row : value) all.push_back(items_in(from, name, row));
  return all;
}

attribute_table::attribute_table(const fields& request) {
  const json& table = request.any("attributes");
  if (!table.is_object()) request.fail("attributes", "an object of lists");
  for (const auto& [item, attributes] : table.items())
    of_.emplace(item, items_in(request, "attributes", attributes));
}

const names& attribute_table::operator()(const std::string& item) const {
  static const names none;
  const auto found = of_.find(item);
  return found == of_.end() ? none : found->second;
}

recllm::measure::interaction_shares<std::string> shares(const fields& request) {
  const json& table = request.any("popularity");
  if (!table.is_object()) request.fail("popularity", "an object of counts");
  const fields counts = request.object("popularity");
  recllm::measure::interaction_shares<std::string> all;
  for (const auto& [item, count] : table.items()) all.add(item, counts.count(item));
  return all;
}

recllm::measure::entropy_options entropy_settings(const fields& config) {
  using recllm::measure::entropy_scale;
  recllm::measure::entropy_options how;
  config.read("base", how.base);
  config.read("scale", how.scale,
              {{"none", entropy_scale::none},
               {"evenness", entropy_scale::evenness},
               {"per_reached", entropy_scale::per_reached}});
  return how;
}

}  // namespace conformance
