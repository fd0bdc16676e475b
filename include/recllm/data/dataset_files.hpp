// The files that a dataset is read from.
#pragma once

#include <filesystem>

namespace recllm {

/// The files of a dataset. Without items or users, those of the events are taken, in order of first
/// appearance, with nothing but their ids.
struct dataset_files {
  std::filesystem::path events;
  std::filesystem::path items{};
  std::filesystem::path users{};
};

}  // namespace recllm
