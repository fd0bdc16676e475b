// Files and checkpoints stay whole whatever goes wrong: full disk, wrong folder, a writer that throws.
#include <recllm/train/checkpoint.hpp>

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

/// While it lives no file may grow beyond so many bytes: writing more fails as on a full disk.
struct file_size_limit {
  rlimit old{};
  sighandler_t handler = ::signal(SIGXFSZ, SIG_IGN);
  explicit file_size_limit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit small{bytes, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &old);
    ::signal(SIGXFSZ, handler);
  }
};

struct small_disk {
  fs::path path;
  bool mounted;
  explicit small_disk(fs::path where)
      : path(std::move(where)), mounted(::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k") == 0) {}
  ~small_disk() {
    if (mounted) ::umount(path.c_str());
  }
};

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& item : fs::directory_iterator(folder)) found.push_back(item.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
  return "";
}

void write_weights(const fs::path& folder, const std::string& text) {
  write_file_atomically(folder / "weights", text);
}

}  // namespace

TEST_CASE("a file is written whole, new or over an old one") {
  const temporary_folder folder;
  const fs::path path = folder.path / "a.txt";
  const std::string bytes("two\nlines\0and a zero", 20);
  write_file_atomically(path, bytes);
  CHECK(read_file(path) == bytes);
  write_file_atomically(path, [](std::ostream& out) { out << "number " << 42; });
  CHECK(read_file(path) == "number 42");
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
  CHECK(names(folder.path) == std::vector<std::string>{"a.txt"});
}

TEST_CASE("a path without a folder means the current one") {
  const temporary_folder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path);
  write_file_atomically("here", "x");
  fs::current_path(before);
  CHECK(read_file(folder.path / "here") == "x");
}

TEST_CASE("a write that fails names path and reason and leaves the old file alone") {
  const temporary_folder folder;
  const fs::path path = folder.path / "a.txt";
  write_file_atomically(path, "old");

  SECTION("no room, found at the last flush") {
    const auto error = [&] {
      const file_size_limit limit(4096);
      return error_of([&] { write_file_atomically(path, std::string(5000, 'x')); });
    }();
    CHECK_THAT(error, Contains("recllm: write_file_atomically: cannot write \"" + path.string()) &&
                          Contains("too large"));
  }
  SECTION("no room, found while writing: the writer ends there") {
    long written = 0;
    const auto error = [&] {
      const file_size_limit limit(4096);
      return error_of([&] {
        write_file_atomically(path, [&](std::ostream& out) {
          for (; written < 1000000; ++written) out << "0123456789";
        });
      });
    }();
    CHECK_THAT(error, Contains("too large"));
    CHECK(written < 10000);
  }
  SECTION("a writer that throws") {
    const auto writer = [](std::ostream& out) {
      out << "half";
      throw std::logic_error("mine");
    };
    CHECK_THROWS_AS(write_file_atomically(path, writer), std::logic_error);
  }
  SECTION("a writer whose own stream throws") {
    const auto writer = [](std::ostream&) { throw std::ios_base::failure("mine"); };
    CHECK_THROWS_WITH(write_file_atomically(path, writer), Contains("mine"));
  }
  SECTION("a writer that breaks the stream") {
    const auto writer = [](std::ostream& out) { out.setstate(std::ios::failbit); };
    CHECK_THROWS_WITH(write_file_atomically(path, writer), Contains("cannot write"));
  }
  CHECK(read_file(path) == "old");
  CHECK(names(folder.path) == std::vector<std::string>{"a.txt"});
}

TEST_CASE("a full disk") {
  const temporary_folder folder;
  const small_disk disk(folder.path);
  if (!disk.mounted) {
    WARN("skipped: only root can mount a small disk; the size-limit tests cover the same path");
    return;
  }
  write_file_atomically(disk.path / "a", "old");
  CHECK_THROWS_WITH(write_file_atomically(disk.path / "a", std::string(200000, 'x')),
                    Contains("No space left on device"));
  CHECK(read_file(disk.path / "a") == "old");
  CHECK(names(disk.path) == std::vector<std::string>{"a"});

  checkpoints saved(disk.path / "out");
  saved.save(10, [](const fs::path& to) { write_weights(to, "good"); });
  CHECK_THROWS_WITH(saved.save(20, [](const fs::path& to) { write_weights(to, std::string(200000, 'x')); }),
                    Contains("No space left on device"));
  REQUIRE(saved.latest());
  CHECK(saved.latest()->step == 10);
  CHECK(read_file(saved.latest()->path / "weights") == "good");
  CHECK(names(disk.path / "out") == std::vector<std::string>{"step-000010"});
  CHECK_NOTHROW(saved.save(20, [](const fs::path& to) { write_weights(to, "fits"); }));
}

TEST_CASE("places that cannot be written to") {
  const temporary_folder folder;
  CHECK_THROWS_WITH(write_file_atomically(folder.path / "no" / "a", "x"),
                    Contains("no/a") && Contains("No such file or directory"));
  CHECK_THROWS_WITH(write_file_atomically(folder.path, "x"), Contains("something else than a regular file"));
  CHECK_THROWS_WITH(write_file_atomically("/dev/null", "x"), Contains("something else than a regular file"));
  write_file_atomically(folder.path / "file", "x");
  CHECK_THROWS_WITH(write_file_atomically(folder.path / "file" / "a", "x"), Contains("Not a directory"));

  CHECK_THROWS_WITH(checkpoints(folder.path / "file"),
                    Contains("recllm: checkpoints: cannot write into the folder") && Contains("file") &&
                        Contains("Not a directory"));
  CHECK_THROWS_WITH(checkpoints(folder.path / "file" / "deeper"), Contains("Not a directory"));
  CHECK_THROWS_WITH(checkpoints("/proc/1/out"), Contains("/proc/1/out"));
  CHECK_THROWS_WITH(checkpoints(folder.path / "out", 0),
                    "recllm: checkpoints: keep must be at least 1, got 0");
  checkpoints saved(folder.path / "out");
  CHECK_THROWS_WITH(saved.save(-1, [](const fs::path&) {}),
                    "recllm: checkpoints: step must not be negative, got -1");
  fs::remove_all(folder.path / "out");
  write_file_atomically(folder.path / "out", "now a file");
  CHECK_THROWS_WITH(saved.save(3, [](const fs::path&) {}),
                    Contains("cannot save step 3") && Contains("step-000003") && Contains("Not a directory"));
  CHECK_FALSE(saved.latest());
}

TEST_CASE("checkpoints: the newest stay, the latest is found again") {
  const temporary_folder folder;
  const fs::path out = folder.path / "deep" / "out";
  checkpoints saved(out, 2);
  CHECK_FALSE(saved.latest());
  for (const std::ptrdiff_t step : {0, 40, 80, 120})
    saved.save(step, [&](const fs::path& to) {
      CHECK(fs::is_empty(to));
      fs::create_directories(to / "sub");
      write_file_atomically(to / "sub" / "x", std::to_string(step));
    });
  CHECK(names(out) == std::vector<std::string>{"step-000080", "step-000120"});
  const auto latest = checkpoints(out).latest();
  REQUIRE(latest);
  CHECK(latest->step == 120);
  CHECK(read_file(latest->path / "sub" / "x") == "120");

  saved.save(1234567, [](const fs::path&) {});
  CHECK(saved.latest()->step == 1234567);
  CHECK(names(out) == std::vector<std::string>{"step-000120", "step-1234567"});

  saved.save(7, [](const fs::path&) {});  // a lower step than others: those are not "older"
  CHECK(fs::exists(out / "step-000007"));
  CHECK(fs::exists(out / "step-1234567"));
  saved.clear();
  CHECK_FALSE(saved.latest());
}

TEST_CASE("checkpoints: the same step again replaces the earlier one") {
  const temporary_folder folder;
  checkpoints saved(folder.path);
  saved.save(5, [](const fs::path& to) { write_weights(to, "first"); });
  saved.save(5, [](const fs::path& to) { write_weights(to, "second"); });
  CHECK(read_file(saved.latest()->path / "weights") == "second");
  CHECK(names(folder.path) == std::vector<std::string>{"step-000005"});
}

TEST_CASE("checkpoints: a save that fails or is cut off changes nothing") {
  const temporary_folder folder;
  checkpoints saved(folder.path);
  saved.save(5, [](const fs::path& to) { write_weights(to, "good"); });

  const std::ptrdiff_t step = GENERATE(5, 6);
  SECTION("the writer throws") {
    const auto half = [](const fs::path& to) {
      write_weights(to, "half");
      throw std::logic_error("mine");
    };
    CHECK_THROWS_AS(saved.save(step, half), std::logic_error);
  }
  SECTION("the writer finds no room") {
    const file_size_limit limit(4096);
    CHECK_THROWS_AS(saved.save(step, [](const fs::path& to) { write_weights(to, std::string(9000, 'x')); }),
                    std::runtime_error);
  }
  SECTION("the process is killed while it writes: a partial folder is left") {
    fs::create_directories(folder.path / "step-000006.partial");
    write_weights(folder.path / "step-000006.partial", "half");
  }
  CHECK(saved.latest()->step == 5);
  CHECK(read_file(saved.latest()->path / "weights") == "good");
  saved.save(9, [](const fs::path& to) { write_weights(to, "next"); });
  CHECK(names(folder.path) == std::vector<std::string>{"step-000005", "step-000009"});
}

TEST_CASE("checkpoints: killed between the two renames of a replacement, the earlier one counts") {
  const temporary_folder folder;
  checkpoints saved(folder.path);
  fs::create_directories(folder.path / "step-000005.previous");
  write_weights(folder.path / "step-000005.previous", "good");
  REQUIRE(saved.latest());
  CHECK(saved.latest()->step == 5);
  CHECK(read_file(saved.latest()->path / "weights") == "good");
  saved.save(5, [](const fs::path& to) { write_weights(to, "new"); });
  CHECK(read_file(saved.latest()->path / "weights") == "new");
  CHECK(names(folder.path) == std::vector<std::string>{"step-000005"});
}

TEST_CASE("checkpoints: other names do not count") {
  const temporary_folder folder;
  for (const char* name :
       {"step-", "step-x", "step-12x", "step--3", "steps-1", "step-000009.partial", "best"})
    fs::create_directories(folder.path / name);
  write_file_atomically(folder.path / "step-000011", "a file");
  checkpoints saved(folder.path);
  CHECK_FALSE(saved.latest());
  saved.save(1, [](const fs::path&) {});
  CHECK(saved.latest()->step == 1);
  CHECK(fs::exists(folder.path / "best"));
  CHECK(fs::exists(folder.path / "step-x"));
}
