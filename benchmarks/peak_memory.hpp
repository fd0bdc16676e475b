// The most memory that this process held: what benchmarks of memory read.
#pragma once

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace benchmarks {

/// Bytes of this process in memory at most, since the last call of forget_peak() where the system can forget.
inline double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024.0 * std::stod(line.substr(6));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

/// The peak is what is held now.
inline void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace benchmarks
