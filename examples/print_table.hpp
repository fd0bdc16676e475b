// A report's table on the terminal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <recllm/train/report.hpp>

namespace examples {

/// Its title, then its header and rows in columns as wide as their widest cell, or 16 and 12.
inline void print(const recllm::report_table& table) {
  std::printf("\n%s\n", table.title.c_str());
  std::vector<std::size_t> widths(table.header.size(), 12);
  widths.front() = 16;
  const auto widen = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  };
  widen(table.header);
  for (const auto& row : table.rows) widen(row);
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      std::printf(i == 0 ? "  %-*s" : " %*s", static_cast<int>(widths[i]), cells[i].c_str());
    std::printf("\n");
  };
  line(table.header);
  for (const auto& row : table.rows) line(row);
}

}  // namespace examples
