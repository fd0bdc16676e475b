// What a run that goes on must share with the one that was interrupted.
#pragma once

#include <recllm/core/check.hpp>

namespace examples {

/// Throws std::invalid_argument, naming the setting, where `before`, a JSON object, has not what `now` has.
template <class Json>
void require_same_settings(const Json& before, const Json& now) {
  for (const auto& [name, value] : now.items())
    recllm::require(before.value(name, Json()) == value, "--resume: the run had ", name, " = ",
                    before.value(name, Json()).dump(), ", this command has ", value.dump());
}

}  // namespace examples
