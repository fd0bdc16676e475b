// Files that are whole or not there at all: written beside their place, brought to the device, renamed.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <recllm/core/check.hpp>

namespace recllm {

namespace detail {

/// What the operating system says about `error` (an errno value), or that it said nothing.
inline std::string os_reason(int error) {
  return error == 0 ? std::string("the stream failed and the system gave no reason")
                    : std::generic_category().message(error);
}

/// Waits until the file's or folder's content is on the device; throws std::system_error.
inline void sync_to_disk(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool good = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!good) throw std::system_error(error, std::generic_category());
}

struct remove_on_exit {
  std::filesystem::path path;
  ~remove_on_exit() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace detail

/// Replaces `path` by what `writer(std::ostream&)` writes, or leaves it as it was.
///
/// Writes `path`.partial in the same folder, brings it to the device (fsync) and renames it; a symbolic link
/// is replaced, not followed. Throws std::runtime_error with the path and the system's reason (disk full, no
/// such folder, not a regular file, ...); what `writer` itself throws passes through. Either way the old file
/// is whole and the partial one is gone. Two writers of one path at a time are not supported.
template <std::invocable<std::ostream&> Writer>
void write_file_atomically(const std::filesystem::path& path, Writer&& writer) {
  namespace fs = std::filesystem;
  const auto fail = [&](const std::string& reason) {
    throw std::runtime_error(message("recllm: write_file_atomically: cannot write ", path, ": ", reason,
                                     "; what was there before is unchanged"));
  };
  std::error_code ignored;
  const fs::file_status old = fs::status(path, ignored);
  if (fs::exists(old) && !fs::is_regular_file(old)) fail("there is something else than a regular file");

  fs::path partial = path;
  partial += ".partial";
  errno = 0;
  std::ofstream out(partial, std::ios::binary | std::ios::trunc);
  if (!out) fail(detail::os_reason(errno));
  const detail::remove_on_exit cleanup{partial};  // after the rename there is nothing left to remove
  out.exceptions(std::ios::badbit);               // a full disk ends the writer at its first lost byte
  try {
    std::forward<Writer>(writer)(static_cast<std::ostream&>(out));
    out.flush();
  } catch (const std::ios_base::failure&) {
    const int error = errno;
    if (!out.bad()) throw;  // a stream of the writer's own
    fail(detail::os_reason(error));
  }
  out.exceptions(std::ios::goodbit);
  const bool written = out.good();
  out.close();
  if (!written || !out) fail(detail::os_reason(errno));
  try {
    detail::sync_to_disk(partial);
    fs::rename(partial, path);
  } catch (const std::system_error& problem) {
    fail(problem.code().message());
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  try {
    detail::sync_to_disk(folder);
  } catch (const std::system_error&) {
    // some file systems cannot sync a folder; the file itself is complete
  }
}

/// The same for bytes at hand.
inline void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_file_atomically(
      path, [&](std::ostream& out) { out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
}

}  // namespace recllm
