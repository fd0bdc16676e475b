// A log of events as it is read, 25 bytes a row, and histories of exactly its size made of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <recllm/data/interactions.hpp>
#include <recllm/data/sort_by_time.hpp>

namespace recllm::detail {

/// Rows in the order of their file, in columns of blocks: no row is moved while the log grows, and a block is
/// given back as soon as its rows are told out.
class event_log {
 public:
  void add(std::uint32_t user, std::uint32_t item, double value, std::int64_t time, engagement action) {
    if (rows_ % block_rows == 0) blocks_.push_back(std::make_unique_for_overwrite<block>());
    block& last = *blocks_.back();
    const std::size_t row = rows_++ % block_rows;
    last.user[row] = user;
    last.item[row] = item;
    last.value[row] = value;
    last.time[row] = time;
    last.action[row] = action;
  }

  [[nodiscard]] std::size_t size() const { return rows_; }

  /// The history of each of `users` users, oldest first, equal times in the order of the log.
  [[nodiscard]] std::vector<std::vector<event>> histories(std::size_t users) && {
    std::vector<std::size_t> counts(users, 0);
    for_each_row([&](const block& b, std::size_t row) { ++counts[b.user[row]]; });
    std::vector<std::vector<event>> all(users);
    for (std::size_t u = 0; u < users; ++u) all[u].reserve(counts[u]);
    for_each_row(
        [&](const block& b, std::size_t row) {
          all[b.user[row]].push_back({b.user[row], b.item[row], b.value[row], b.time[row], b.action[row]});
        },
        true);
    time_sorter<event> sort;
    for (std::vector<event>& history : all) sort(history);
    return all;
  }

 private:
  static constexpr std::size_t block_rows = std::size_t{1} << 16U;
  struct block {
    std::array<std::uint32_t, block_rows> user, item;
    std::array<double, block_rows> value;
    std::array<std::int64_t, block_rows> time;
    std::array<engagement, block_rows> action;
  };

  template <class F>
  void for_each_row(F f, bool give_back = false) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const std::size_t rows = std::min(block_rows, rows_ - b * block_rows);
      for (std::size_t row = 0; row < rows; ++row) f(*blocks_[b], row);
      if (give_back) blocks_[b].reset();
    }
  }

  std::vector<std::unique_ptr<block>> blocks_;
  std::size_t rows_ = 0;
};

}  // namespace recllm::detail
