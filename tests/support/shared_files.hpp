// Where tests find real model files: the folder named by RECLLM_SHARED (CMake sets it).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "support/catch.hpp"

/// The path below RECLLM_SHARED, or nothing where it is not there; says so in the test's output.
inline std::optional<std::filesystem::path> shared_file(const char* relative) {
  const char* folder = std::getenv("RECLLM_SHARED");
  const std::filesystem::path path = std::filesystem::path(folder != nullptr ? folder : "") / relative;
  if (folder != nullptr && std::filesystem::exists(path)) return path;
  WARN("skipped: " << relative << " is not there; set RECLLM_SHARED to the folder that holds it");
  return std::nullopt;
}
