// Gives every file of the folders named on the command line to a fuzz target: kept seeds as a regression
// test, without libFuzzer.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <vector>

#include "fuzz/fuzz.hpp"

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> seeds;
  for (int i = 1; i < count; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) seeds.push_back(entry.path());
  std::sort(seeds.begin(), seeds.end());
  for (const std::filesystem::path& seed : seeds) {
    std::cout << seed.string() << std::endl;  // the last line names the seed that failed
    const std::string bytes = read_file(seed);
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
  return seeds.empty() ? 1 : 0;
}
