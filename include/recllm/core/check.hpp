// Preconditions and failures: one sentence that says what was expected, what came and how to mend it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace recllm {

/// A reward, loss or gradient that is NaN or infinite. Thrown before any weight changes.
class non_finite_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments, streamed one after another into one message: `message("expected ", 3, ", got ", 5)`.
template <class... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// Throws std::invalid_argument with the joined parts unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw std::invalid_argument(message(parts...));
}

}  // namespace recllm
