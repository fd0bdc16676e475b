// JSON in messages.
#pragma once

#include <ostream>

#include <nlohmann/json.hpp>

namespace recllm::detail {

/// A JSON value as it is written; of a list or an object only that it is one, since it may be deeper than the
/// stack that printing it takes.
struct shown_json {
  const nlohmann::json& value;
  friend std::ostream& operator<<(std::ostream& out, const shown_json& shown) {
    return shown.value.is_structured() ? out << shown.value.type_name() : out << shown.value;
  }
};

}  // namespace recllm::detail
