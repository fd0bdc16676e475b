// The one-to-one assignment of rows to columns that is worth most.
//
// Source: Kuhn, Naval Research Logistics Quarterly 2 (1955); in the form with row by row augmenting paths of
// Jonker and Volgenant, Computing 38 (1987). O(min^2 max) time for n x m worths, O(n + m) memory.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace recllm::measure {

/// The column of each row in an assignment of the largest total `worth(row, column)`, finite numbers; every
/// row has one, so rows <= columns. Of assignments worth the same, which one is not specified.
template <class Worth>
[[nodiscard]] std::vector<std::size_t> best_assignment(std::size_t rows, std::size_t columns,
                                                       const Worth& worth) {
  constexpr double far = std::numeric_limits<double>::infinity();
  constexpr std::size_t free = static_cast<std::size_t>(-1);
  // Dual prices of the problem of least cost -worth; the last column is the root of each search.
  std::vector<double> row_price(rows, 0.0), column_price(columns + 1, 0.0);
  std::vector<std::size_t> row_of(columns + 1, free), came_from(columns + 1);
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<double> slack(columns, far);
    std::vector<bool> reached(columns + 1, false);
    std::size_t column = columns;
    row_of[column] = row;
    while (row_of[column] != free) {  // Dijkstra over reduced costs, to a column without a row
      reached[column] = true;
      const std::size_t here = row_of[column];
      std::size_t next = columns;
      double step = far;
      for (std::size_t j = 0; j < columns; ++j) {
        if (reached[j]) continue;
        const double cost = -static_cast<double>(worth(here, j)) - row_price[here] - column_price[j];
        if (cost < slack[j]) {
          slack[j] = cost;
          came_from[j] = column;
        }
        if (slack[j] < step) {
          step = slack[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= columns; ++j) {
        if (reached[j]) {
          row_price[row_of[j]] += step;
          column_price[j] -= step;
        } else if (j < columns) {
          slack[j] -= step;
        }
      }
      column = next;
    }
    while (column != columns) {  // shift the rows along the path
      row_of[column] = row_of[came_from[column]];
      column = came_from[column];
    }
  }
  std::vector<std::size_t> column_of(rows);
  for (std::size_t j = 0; j < columns; ++j)
    if (row_of[j] != free) column_of[row_of[j]] = j;
  return column_of;
}

}  // namespace recllm::measure
