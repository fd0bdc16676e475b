// The library's version; CMake reads it from here.
#pragma once

namespace recllm {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

/// "major.minor.patch", as semver.org counts.
inline constexpr const char* version = "0.1.0";

}  // namespace recllm
