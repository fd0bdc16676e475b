// Self-information by hand, and the rule for items that were never seen.
#include <cmath>
#include <string>
#include <vector>

#include <recllm/measure/novelty.hpp>

#include "support/catch.hpp"

using namespace recllm::measure;
using Catch::Matchers::Contains;

TEST_CASE("self-information in bits") {
  CHECK(self_information(0.125) == Approx(3.0));
  CHECK(self_information(1.0) == 0.0);
  CHECK_FALSE(std::signbit(self_information(1.0)));
}

TEST_CASE("unseen and hardly seen items are worth the floor") {
  CHECK(self_information(0.0, 0.25) == Approx(2.0));
  CHECK(self_information(0.1, 0.25) == Approx(2.0));
  CHECK(self_information(0.0) == Approx(std::log2(1e6)));
}

TEST_CASE("shares and floors out of range are refused") {
  CHECK_THROWS_WITH(self_information(1.5), Contains("self_information: expected a share in [0, 1], got 1.5"));
  CHECK_THROWS_WITH(self_information(-0.1), Contains("got -0.1"));
  CHECK_THROWS_WITH(self_information(std::nan("")), Contains("expected a share"));
  CHECK_THROWS_WITH(self_information(0.5, 0.0),
                    Contains("self_information: expected a floor in (0, 1], got 0"));
}

TEST_CASE("the mean over a list") {
  interaction_shares<std::string> shares;
  CHECK(shares("Heat") == 0.0);
  shares.add("Heat", 2);
  shares.add("Alien");
  shares.add("Alien");
  shares.add("Fargo", 4);
  CHECK(shares("Heat") == Approx(0.25));
  CHECK(shares("Fargo") == Approx(0.5));
  CHECK(shares("Psycho") == 0.0);
  const std::vector<std::string> list{"Heat", "Fargo", "Psycho"};
  CHECK(mean_self_information(list, shares, 0.125) == Approx((2.0 + 1.0 + 3.0) / 3.0));
  CHECK(mean_self_information(std::vector<std::string>{}, shares) == 0.0);
}
