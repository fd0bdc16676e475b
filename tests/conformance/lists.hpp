// How the operations reward and metric read items, attributes and popularity. An item is a string or a
// number; a number is its own text, so that it meets the keys of objects.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <recllm/measure/diversity.hpp>
#include <recllm/measure/novelty.hpp>

#include "operations.hpp"

namespace conformance {

using names = std::vector<std::string>;

/// The field's items; throws where it is absent.
names items(const fields& from, std::string_view name);
/// One list of them a user.
std::vector<names> item_rows(const fields& from, std::string_view name);

/// item -> its attributes, none where it is not in the field.
class attribute_table {
 public:
  explicit attribute_table(const fields& request);  ///< the field "attributes"; throws where it is absent
  const names& operator()(const std::string& item) const;

 private:
  std::unordered_map<std::string, names> of_;
};

/// The shares of all interactions that the field "popularity" counts; throws where it is absent.
recllm::measure::interaction_shares<std::string> shares(const fields& request);

/// The fields "base" and "scale".
recllm::measure::entropy_options entropy_settings(const fields& config);

}  // namespace conformance
