// A file's bytes in memory without reading them first.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <recllm/core/check.hpp>

namespace recllm {

/// Maps a file for reading; the file must keep its size while it is mapped.
class mapped_file {
 public:
  /// Throws std::invalid_argument where it cannot be opened or is no regular file; `reader` begins the
  /// message.
  mapped_file(std::string_view reader, const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const int error = errno;
    require(file >= 0, "recllm: ", reader, ": cannot open ", path.string(), ": ",
            std::generic_category().message(error));
    struct stat about {};
    const bool regular = ::fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    void* start = nullptr;
    if (regular && about.st_size > 0)
      start = ::mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    require(regular && start != MAP_FAILED, "recllm: ", reader, ": cannot read ", path.string(),
            "; expected a regular file");
    bytes_ = {static_cast<const std::byte*>(start), static_cast<std::size_t>(about.st_size)};
  }

  mapped_file(mapped_file&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~mapped_file() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace recllm
