// EPC, EFD, shares of users, discounted utility, unexpectedness and serendipity by hand.
#include <recllm/measure/discovery.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <recllm/measure/serendipity.hpp>

#include "support/catch.hpp"

using namespace recllm::measure;
using items = std::vector<int>;

namespace {

const double second = 1.0 / std::log2(3.0);  // the weight of rank 2; that of rank 1 is 1

}  // namespace

TEST_CASE("shares of users count a user once") {
  user_shares<std::string> shares;
  CHECK(shares("a") == 0.0);
  shares.add_user(std::vector<std::string>{"a", "a", "b"});
  shares.add_user(std::vector<std::string>{"a"});
  shares.add_user(std::vector<std::string>{});
  shares.add_user(std::vector<std::string>{"c"});
  CHECK(shares("a") == 0.5);
  CHECK(shares("b") == 0.25);
  CHECK(shares("z") == 0.0);
}

TEST_CASE("epc and efd weigh ranks and relevance") {
  const auto share = [](int item) { return item == 1 ? 0.5 : 0.125; };
  const auto relevance = [](int item) { return item == 1 ? 1.0 : 0.25; };
  const items list{1, 2};
  CHECK(expected_popularity_complement(list, share) == Approx((0.5 + second * 0.875) / (1.0 + second)));
  CHECK(expected_popularity_complement(list, share, relevance) ==
        Approx((0.5 + second * 0.25 * 0.875) / (1.0 + second)));
  CHECK(expected_popularity_complement(list, share, all_relevant{}, uniform_weight{}) == Approx(0.6875));
  CHECK(expected_free_discovery(list, share) == Approx((1.0 + second * 3.0) / (1.0 + second)));
  CHECK(expected_free_discovery(
            items{7}, [](int) { return 0.0; }, all_relevant{}, log2_discount{}, 0.25) == 2.0);
  CHECK(expected_popularity_complement(items{}, share) == 0.0);
  CHECK(expected_free_discovery(items{}, share) == 0.0);
  CHECK_THROWS_WITH(expected_popularity_complement(list, [](int) { return 2.0; }),
                    Catch::Matchers::Contains("expected a share of users in [0, 1], got 2"));
}

TEST_CASE("utility is the mean of a column, first ranks first") {
  const auto price = [](int item) { return 10 * item; };
  CHECK(discounted_utility(items{1, 3}, price) == Approx((10.0 + second * 30.0) / (1.0 + second)));
  CHECK(discounted_utility(items{1, 3}, price, uniform_weight{}) == 20.0);
  CHECK(discounted_utility(items{}, price) == 0.0);
}

TEST_CASE("what is not expected, and what of that is relevant") {
  const items list{1, 2, 3, 3}, expected{1, 9}, relevant{1, 2};
  CHECK(unexpectedness(list, expected) == 0.5);  // 2 and 3; a repeat adds nothing
  CHECK(serendipity(list, relevant, expected) == 0.25);
  CHECK(unexpectedness(list, items{}) == 0.75);
  CHECK(unexpectedness(items{}, expected) == 0.0);
  CHECK(serendipity(items{}, relevant, expected) == 0.0);
}
