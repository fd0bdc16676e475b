// JSON in messages.
#pragma once

#include <ostream>

#include <nlohmann/json.hpp>

namespace recllm::detail {

/// A JSON value as it is written, bytes that are not UTF-8 as U+FFFD; of a list or an object only that it is
/// one, since it may be deeper than the stack that printing it takes.
struct shown_json {
  const nlohmann::json& value;
  friend std::ostream& operator<<(std::ostream& out, const shown_json& shown) {
    if (shown.value.is_structured()) return out << shown.value.type_name();
    return out << shown.value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
};

}  // namespace recllm::detail
