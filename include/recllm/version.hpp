// The library's version; CMake reads it from here.
#pragma once

namespace recllm {

/// "major.minor.patch" (semver.org).
inline constexpr const char* version = "0.1.0";

}  // namespace recllm
