// A log of events as it is read, and histories of exactly its size made of it.
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

/// Rows in the order of their file. As long as the rows of each user stand together, a history is made when
/// its last row has come. From the first user on who comes back, rows wait in blocks of 25 bytes a row, which
/// are given back as soon as their rows are told out. So that memory is 40 to 65 bytes a row, whatever the
/// order.
class event_log {
 public:
  void add(std::uint32_t user, std::uint32_t item, double value, std::int64_t time, engagement action) {
    ++rows_;
    if (grouped_) {
      if (!run_.empty() && run_.front().user != user) grouped_ = end_run(user);
      if (grouped_) {
        run_.push_back({user, item, value, time, action});
        return;
      }
    }
    const std::size_t row = waiting_++ % block_rows;
    if (row == 0) blocks_.push_back(std::make_unique_for_overwrite<block>());
    block& last = *blocks_.back();
    last.user[row] = user;
    last.item[row] = item;
    last.value[row] = value;
    last.time[row] = time;
    last.action[row] = action;
  }

  [[nodiscard]] std::size_t size() const { return rows_; }

  /// The history of each of `users` users, oldest first, equal times in the order of the log.
  [[nodiscard]] std::vector<std::vector<event>> histories(std::size_t users) && {
    if (!run_.empty()) end_run(run_.front().user);
    run_ = {};
    histories_.resize(users);
    if (blocks_.empty()) return std::move(histories_);
    std::vector<std::size_t> more(users, 0);
    for_each_waiting([&](const block& b, std::size_t row) { ++more[b.user[row]]; });
    for (std::size_t u = 0; u < users; ++u)
      if (more[u] > 0) histories_[u].reserve(histories_[u].size() + more[u]);
    for_each_waiting(
        [&](const block& b, std::size_t row) {
          histories_[b.user[row]].push_back(
              {b.user[row], b.item[row], b.value[row], b.time[row], b.action[row]});
        },
        true);
    for (std::size_t u = 0; u < users; ++u)
      if (more[u] > 0) sort_(histories_[u]);
    return std::move(histories_);
  }

 private:
  static constexpr std::size_t block_rows = std::size_t{1} << 16U;
  struct block {
    std::array<std::uint32_t, block_rows> user, item;
    std::array<double, block_rows> value;
    std::array<std::int64_t, block_rows> time;
    std::array<engagement, block_rows> action;
  };

  /// Makes the history of the run's user; whether `next` has none yet.
  bool end_run(std::size_t next) {
    const std::size_t user = run_.front().user;
    if (histories_.size() <= std::max(user, next)) histories_.resize(std::max(user, next) + 1);
    sort_(run_);
    histories_[user].assign(run_.begin(), run_.end());
    run_.clear();
    return histories_[next].empty();
  }

  template <class F>
  void for_each_waiting(F f, bool give_back = false) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const std::size_t rows = std::min(block_rows, waiting_ - b * block_rows);
      for (std::size_t row = 0; row < rows; ++row) f(*blocks_[b], row);
      if (give_back) blocks_[b].reset();
    }
  }

  std::vector<std::vector<event>> histories_;
  std::vector<event> run_;  // the last rows, of one user
  bool grouped_ = true;     // until a user comes back
  std::vector<std::unique_ptr<block>> blocks_;
  std::size_t rows_ = 0, waiting_ = 0;  // waiting: in blocks_
  time_sorter<event> sort_;
};

}  // namespace recllm::detail
