// What the fuzz targets share. A target is <name>_fuzz.cpp with libFuzzer's entry point; seeds/<name>/ holds
// the inputs that ctest replays. Anything but the documented exceptions, and every broken promise, ends the
// program.
#pragma once

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// The input as text.
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The parts of an input that stands for several files or arguments, split at bytes 0x1E; at least `count`.
inline std::vector<std::string> parts_of(std::string_view input, std::size_t count) {
  std::vector<std::string> parts;
  for (std::size_t from = 0;;) {
    const std::size_t to = input.find('\x1E', from);
    parts.emplace_back(input.substr(from, to - from));
    if (to == std::string_view::npos) break;
    from = to + 1;
  }
  if (parts.size() < count) parts.resize(count);
  return parts;
}

/// Ends the program where a promise is broken.
inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// Calls `f`, which may refuse its input by std::invalid_argument with a message of ours, and by nothing
/// else.
template <class F>
void may_refuse(F f) {
  try {
    f();
  } catch (const std::invalid_argument& refusal) {
    promise(std::string_view(refusal.what()).starts_with("recllm: "), "a refusal says who refuses");
  }
}

/// A folder in memory, where there is one, made anew for the process.
class memory_folder {
 public:
  memory_folder() {
    std::string name =
        std::filesystem::exists("/dev/shm") ? "/dev/shm/recllm-fuzz-XXXXXX" : "/tmp/recllm-fuzz-XXXXXX";
    promise(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    path = name;
  }
  memory_folder(const memory_folder&) = delete;
  memory_folder& operator=(const memory_folder&) = delete;
  ~memory_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path file = path / name;
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.string();
  }

  std::filesystem::path path;
};

}  // namespace fuzz
