// What a run leaves on disk: files and folders that are either complete or not there at all.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <recllm/core/atomic_file.hpp>
#include <recllm/core/check.hpp>

namespace recllm {

/// A folder of checkpoints: step-000120/, step-000160/, ... Each appears whole, by one rename.
class checkpoints {
 public:
  /// One complete checkpoint: its step and its folder.
  struct entry {
    std::ptrdiff_t step = 0;
    std::filesystem::path path;
  };

  /// Creates `folder` if it is not there; keeps the newest `keep` >= 1 checkpoints. Throws std::runtime_error
  /// if the folder cannot be written into: better before training than after the first hour.
  explicit checkpoints(std::filesystem::path folder, std::size_t keep = 2)
      : folder_(std::move(folder)), keep_(keep) {
    require(keep >= 1, "recllm: checkpoints: keep must be at least 1, got ", keep);
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (!error && !std::filesystem::is_directory(folder_))
      error = std::make_error_code(std::errc::not_a_directory);
    if (!error && ::access(folder_.c_str(), W_OK) != 0)
      error = std::error_code(errno, std::generic_category());
    if (error)
      throw std::runtime_error(message("recllm: checkpoints: cannot write into the folder ", folder_, ": ",
                                       error.message(), "; choose another one"));
  }

  /// Calls `writer(folder)` with an empty folder to fill, then makes that folder the checkpoint of `step` >=
  /// 0 (steps done; m.step + 1 after the step of metrics m) (replacing an earlier one of that step) and
  /// removes those of lower steps beyond `keep`, and partial ones.
  ///
  /// Throws what `writer` throws, or std::runtime_error with the path and the system's reason; the
  /// checkpoints that were there are then untouched. `writer` must check its own streams:
  /// write_file_atomically() does.
  template <std::invocable<const std::filesystem::path&> Writer>
  void save(std::ptrdiff_t step, Writer&& writer) {
    namespace fs = std::filesystem;
    require(step >= 0, "recllm: checkpoints: step must not be negative, got ", step);
    const fs::path done = folder_ / name(step);
    const fs::path partial = folder_ / (name(step) + ".partial");
    const fs::path previous = folder_ / (name(step) + ".previous");
    const detail::remove_on_exit cleanup{partial};
    try {
      fs::remove_all(partial);
      fs::create_directories(partial);
      std::forward<Writer>(writer)(std::as_const(partial));
      for (const fs::directory_entry& file : fs::recursive_directory_iterator(partial))
        if (file.is_regular_file()) detail::sync_to_disk(file.path());
      if (fs::exists(done)) {
        fs::remove_all(previous);
        fs::rename(done, previous);  // entries() falls back on it until the next line has run
      }
      fs::rename(partial, done);
    } catch (const std::system_error& problem) {
      std::error_code ignored;
      if (!fs::exists(done, ignored)) fs::rename(previous, done, ignored);
      throw std::runtime_error(message("recllm: checkpoints: cannot save step ", step, " as ", done, ": ",
                                       problem.code().message(), "; earlier checkpoints are unchanged"));
    }
    prune(step);
  }

  /// The complete checkpoint of the highest step; none if the folder holds none. Partial ones do not count.
  [[nodiscard]] std::optional<entry> latest() const {
    const std::map<std::ptrdiff_t, std::filesystem::path> all = complete();
    if (all.empty()) return std::nullopt;
    return entry{all.rbegin()->first, all.rbegin()->second};
  }

  /// Removes every checkpoint: what a run that starts afresh in a used folder does first, lest latest() find
  /// the earlier run's.
  void clear() {
    std::error_code ignored;
    for (const auto& [step, path] : complete()) std::filesystem::remove_all(path, ignored);
  }

 private:
  static std::string name(std::ptrdiff_t step) {
    const std::string digits = std::to_string(step);
    return "step-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
  }

  /// The step that a folder's name tells; "step-7.previous" counts for 7 as well.
  static std::optional<std::ptrdiff_t> step_of(std::string_view text) {
    constexpr std::string_view prefix = "step-", suffix = ".previous";
    if (!text.starts_with(prefix) || text.starts_with("step--")) return std::nullopt;
    text.remove_prefix(prefix.size());
    if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
    std::ptrdiff_t step = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(step) : std::nullopt;
  }

  [[nodiscard]] std::map<std::ptrdiff_t, std::filesystem::path> complete() const {
    std::map<std::ptrdiff_t, std::filesystem::path> found;
    std::error_code error;
    for (const auto& item : std::filesystem::directory_iterator(folder_, error)) {
      const std::optional<std::ptrdiff_t> step = step_of(item.path().filename().string());
      if (!step || !item.is_directory(error)) continue;
      if (item.path().extension() == ".previous")
        found.emplace(*step, item.path());
      else
        found.insert_or_assign(*step, item.path());
    }
    return found;
  }

  /// What cannot be removed costs space, not the run: errors are ignored.
  void prune(std::ptrdiff_t newest) const {
    std::error_code ignored;
    for (const auto& item : std::filesystem::directory_iterator(folder_, ignored)) {
      const std::filesystem::path kind = item.path().extension();
      const bool leftover = kind == ".partial" || kind == ".previous";
      if (leftover && step_of(item.path().stem().string())) std::filesystem::remove_all(item.path(), ignored);
    }
    std::map<std::ptrdiff_t, std::filesystem::path> older = complete();
    older.erase(older.upper_bound(newest), older.end());
    for (; older.size() > keep_; older.erase(older.begin()))
      std::filesystem::remove_all(older.begin()->second, ignored);
  }

  std::filesystem::path folder_;
  std::size_t keep_;
};

}  // namespace recllm
