// Length terms by hand.
#include <cstddef>
#include <string>
#include <vector>

#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

struct sample {
  std::size_t usual;
};
struct answer {
  std::vector<int> tokens;
};
answer of(std::size_t length) { return {std::vector<int>(length)}; }

}  // namespace

TEST_CASE("length_band is 1 within and falls off in proportion") {
  const auto value = [](std::size_t length) {
    return reward::evaluate(reward::length_band(4, 8), 0, of(length));
  };
  CHECK(value(0) == 0.0);
  CHECK(value(1) == 0.25);
  CHECK(value(4) == 1.0);
  CHECK(value(8) == 1.0);
  CHECK(value(16) == 0.5);
  CHECK(reward::evaluate(reward::length_band(0, 8), 0, of(0)) == 1.0);
  const auto words = [](const std::string& text) { return text.size(); };
  CHECK(reward::evaluate(reward::length_band(1, 3, words), 0, std::string("abcdef")) == 0.5);
  CHECK_THROWS_WITH(reward::length_band(3, 2),
                    "recllm: length_band: expected least <= most, most > 0, got 3 and 2");
  CHECK_THROWS_WITH(reward::length_band(0, 0),
                    "recllm: length_band: expected least <= most, most > 0, got 0 and 0");
}

TEST_CASE("length_drift is the relative distance from the expected length, at most 1") {
  const auto value = [](std::size_t length) {
    return reward::evaluate(reward::length_drift(10), 0, of(length));
  };
  CHECK(value(10) == 0.0);
  CHECK(value(5) == 0.5);
  CHECK(value(12) == 0.2);
  CHECK(value(0) == 1.0);
  CHECK(value(100) == 1.0);
  CHECK(reward::evaluate(reward::length_drift(&sample::usual), sample{4}, of(5)) == 0.25);
}
