// A report's table on the terminal.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <recllm/train/report.hpp>

namespace examples {

/// Its title, then its header and rows in columns.
inline void print(const recllm::report_table& table) {
  std::printf("\n%s\n", table.title.c_str());
  const auto line = [](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      std::printf(i == 0 ? "  %-16s" : " %12s", cells[i].c_str());
    std::printf("\n");
  };
  line(table.header);
  for (const auto& row : table.rows) line(row);
}

}  // namespace examples
