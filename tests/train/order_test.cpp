// The order of prompts and the cutting of batches: by brute force over small sizes.
#include <algorithm>
#include <numeric>
#include <set>

#include <recllm/train/order.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("every epoch is a permutation, and epochs differ") {
  for (const std::size_t count : {1u, 2u, 7u, 50u}) {
    epoch_order order(count, 3);
    std::vector<std::vector<std::size_t>> epochs;
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<std::size_t>& seen = epochs.emplace_back();
      for (std::uint64_t i = 0; i < count; ++i) seen.push_back(order[epoch * count + i]);
      std::vector<std::size_t> sorted = seen, all(count);
      std::ranges::sort(sorted);
      std::iota(all.begin(), all.end(), std::size_t{0});
      CHECK(sorted == all);
    }
    if (count == 50) CHECK(epochs[0] != epochs[1]);
  }
}

TEST_CASE("a step's batch does not depend on what was asked before") {
  epoch_order through(10, 4);
  for (std::ptrdiff_t step = 0; step < 9; ++step) {
    const std::vector<std::size_t> batch = through.batch(step, 4);  // straddles epochs
    CHECK(batch == epoch_order(10, 4).batch(step, 4));
    CHECK(batch != epoch_order(10, 5).batch(step, 4));
  }
}

TEST_CASE("blocks cover all rows in order and split no group where they can hold one") {
  for (Eigen::Index rows = 0; rows <= 24; rows += 4)
    for (std::size_t at_most = 0; at_most <= 30; ++at_most)
      for (const std::size_t unit : {1u, 2u, 4u}) {
        INFO(rows << " rows, at most " << at_most << ", unit " << unit);
        Eigen::Index next = 0;
        for (const row_block block : row_blocks({0, rows}, at_most, unit)) {
          REQUIRE(block.first == next);
          REQUIRE(block.count > 0);
          if (at_most > 0) REQUIRE(block.count <= static_cast<Eigen::Index>(at_most));
          if (at_most >= unit) REQUIRE(block.first % static_cast<Eigen::Index>(unit) == 0);
          next += block.count;
        }
        REQUIRE(next == rows);
        REQUIRE(row_blocks({7, rows}, at_most, unit).size() == row_blocks({0, rows}, at_most, unit).size());
        if (rows > 0) REQUIRE(row_blocks({7, rows}, at_most, unit).front().first == 7);
        if (at_most == 0 && rows > 0) REQUIRE(row_blocks({0, rows}, at_most, unit).size() == 1);
      }
}
