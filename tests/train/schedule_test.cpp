// Learning-rate shapes against values worked out by hand.
#include <limits>

#include <recllm/train/schedule.hpp>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("constant stays, linear and cosine fall but never reach 0") {
  for (std::ptrdiff_t step = 0; step < 4; ++step) {
    CHECK(learning_rate_share(schedule::constant, step, 4) == 1.0);
    CHECK(learning_rate_share(schedule::linear, step, 4) == Approx(1.0 - 0.25 * static_cast<double>(step)));
  }
  CHECK(learning_rate_share(schedule::cosine, 0, 4) == 1.0);
  CHECK(learning_rate_share(schedule::cosine, 1, 4) == Approx(0.8535533906));  // (1 + sqrt(1/2)) / 2
  CHECK(learning_rate_share(schedule::cosine, 2, 4) == Approx(0.5));
  CHECK(learning_rate_share(schedule::cosine, 3, 4) == Approx(0.1464466094));
}

TEST_CASE("warm-up rises to the peak, then the shape begins") {
  for (const schedule shape : {schedule::constant, schedule::linear, schedule::cosine}) {
    CHECK(learning_rate_share(shape, 0, 12, 4) == 0.25);
    CHECK(learning_rate_share(shape, 3, 12, 4) == 1.0);
    CHECK(learning_rate_share(shape, 4, 12, 4) == 1.0);
  }
  CHECK(learning_rate_share(schedule::linear, 8, 12, 4) == Approx(0.5));
  CHECK(learning_rate_share(schedule::cosine, 8, 12, 4) == Approx(0.5));
}

TEST_CASE("a run shorter than its warm-up, and a run of one step") {
  CHECK(learning_rate_share(schedule::cosine, 1, 2, 10) == Approx(0.2));
  CHECK(learning_rate_share(schedule::linear, 0, 1) == 1.0);
  CHECK(learning_rate_share(schedule::linear, 10, 10, 10) == 1.0);
}
