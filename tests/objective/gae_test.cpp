// Generalised advantage estimation against the double sum that defines it; whitening against its moments.
#include <vector>

#include <recllm/objective/gae.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

struct episodes {
  matrix rewards, values, mask;
};

// Masks with holes: tokens in the middle that are not the policy's.
episodes draw(std::uint64_t seed) {
  random_stream rng(seed);
  episodes e{matrix(6, 8), matrix(6, 8), matrix(6, 8)};
  for (Eigen::Index i = 0; i < 6; ++i)
    for (Eigen::Index t = 0; t < 8; ++t) {
      e.rewards(i, t) = rng.normal();
      e.values(i, t) = rng.normal();
      e.mask(i, t) = i > 0 && rng.uniform() < 0.7 ? 1.0 : 0.0;
    }
  return e;
}

}  // namespace

TEST_CASE("gae of three tokens by hand") {
  const matrix rewards = rows_of({{0, 0, 1}}), values = rows_of({{0.5, 0.25, 0.5}}),
               mask = matrix::Ones(1, 3);
  // delta: 0.5 * 0.25 - 0.5 = -0.375, 0.5 * 0.5 - 0.25 = 0, 1 - 0.5 = 0.5; gamma * lambda = 0.25
  const gae_estimate<double> e = gae(gae_batch<double>{rewards, values, mask}, {.gamma = 0.5, .lambda = 0.5});
  CHECK((e.advantages == rows_of({{-0.34375, 0.125, 0.5}})).all());
  CHECK((e.returns == rows_of({{0.15625, 0.375, 1.0}})).all());
}

TEST_CASE("gae equals its double sum over the counted tokens") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    const episodes x = draw(seed);
    const double gamma = 0.97, lambda = 0.9;
    const gae_estimate<double> e =
        gae(gae_batch<double>{x.rewards, x.values, x.mask}, {.gamma = gamma, .lambda = lambda});
    for (Eigen::Index i = 0; i < 6; ++i) {
      std::vector<Eigen::Index> counted;
      for (Eigen::Index t = 0; t < 8; ++t) {
        if (x.mask(i, t) != 0.0)
          counted.push_back(t);
        else
          CHECK((e.advantages(i, t) == 0.0 && e.returns(i, t) == 0.0));
      }
      for (std::size_t s = 0; s < counted.size(); ++s) {
        double advantage = 0.0;
        for (std::size_t l = s; l < counted.size(); ++l) {
          const double next = l + 1 < counted.size() ? x.values(i, counted[l + 1]) : 0.0;
          const double delta = x.rewards(i, counted[l]) + gamma * next - x.values(i, counted[l]);
          advantage += std::pow(gamma * lambda, static_cast<double>(l - s)) * delta;
        }
        CHECK(e.advantages(i, counted[s]) == Approx(advantage));
        CHECK(e.returns(i, counted[s]) == Approx(advantage + x.values(i, counted[s])));
      }
    }
  }
}

TEST_CASE(
    "a masked token between two others is passed over, is a step of reward and value 0, or ends the "
    "episode") {
  const matrix rewards = rows_of({{0, 9, 1}}), values = rows_of({{0.5, 9, 0.25}}),
               mask = rows_of({{1, 0, 1}});
  const auto of = [&](masked_tokens how) {
    return gae(gae_batch<double>{rewards, values, mask}, {.gamma = 0.5, .lambda = 0.5, .masked = how})
        .advantages;
  };
  // delta of the last: 0.75. carry: 0.5 * 0.25 - 0.5 + 0.25 * 0.75
  CHECK((of(masked_tokens::carry) == rows_of({{-0.1875, 0, 0.75}})).all());
  // zero: at the hole 0.5 * 0.25 + 0.25 * 0.75 = 0.3125; before it -0.5 + 0.25 * 0.3125
  CHECK((of(masked_tokens::zero) == rows_of({{-0.421875, 0, 0.75}})).all());
  CHECK((of(masked_tokens::reset) == rows_of({{-0.5, 0, 0.75}})).all());
}

TEST_CASE("with lambda 1 the returns are the discounted rewards to come, whatever the critic says") {
  const episodes x = draw(3), y = draw(4);
  const gae_estimate<double> a =
      gae(gae_batch<double>{x.rewards, x.values, x.mask}, {.gamma = 0.9, .lambda = 1.0});
  const gae_estimate<double> b =
      gae(gae_batch<double>{x.rewards, y.values, x.mask}, {.gamma = 0.9, .lambda = 1.0});
  CHECK((a.returns - b.returns).abs().maxCoeff() < 1e-14);
}

TEST_CASE("whitened values have mean 0 and deviation 1 over the mask") {
  const episodes x = draw(5);
  const matrix white = whiten<double>(x.values, x.mask, 0.0);
  const double count = x.mask.sum();
  CHECK(white.sum() == Approx(0.0).margin(1e-13));
  CHECK(white.square().sum() == Approx(count - 1.0));
  CHECK((white * (1.0 - x.mask) == 0.0).all());
  const matrix pair = rows_of({{1, 3, 100}}), first_two = rows_of({{1, 1, 0}});
  CHECK(whiten<double>(pair, first_two)(0, 1) == Approx(std::sqrt(0.5)));
}

TEST_CASE("whitening one value, equal values or none gives 0, not NaN") {
  const matrix x = matrix::Constant(2, 3, 0.1);
  CHECK((whiten<double>(x, matrix::Ones(2, 3), 0.0) == 0.0).all());
  CHECK((whiten<double>(x, rows_of({{0, 1, 0}, {0, 0, 0}}), 0.0) == 0.0).all());
  CHECK((whiten<double>(x, matrix::Zero(2, 3), 0.0) == 0.0).all());
  CHECK(whiten<double>(matrix(0, 3), matrix(0, 3)).size() == 0);
}

TEST_CASE("gae and whiten say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  const matrix one = matrix::Ones(1, 1), two = matrix::Ones(1, 2);
  CHECK_THROWS_WITH(gae(gae_batch<double>{one, two, one}),
                    "recllm: gae: rewards (1 x 1), values (1 x 2) and mask (1 x 1) must have one shape");
  CHECK_THROWS_WITH(gae(gae_batch<double>{one, one, one}, {.gamma = 1.5}),
                    Contains("gamma must be in [0, 1], but is 1.5"));
  CHECK_THROWS_WITH(gae(gae_batch<double>{one, one, one}, {.lambda = -1}),
                    Contains("lambda must be in [0, 1], but is -1"));
  CHECK_THROWS_WITH(whiten<double>(one, two), Contains("the mask must be 1 x 1 as the values, but is 1 x 2"));
  CHECK_THROWS_WITH(whiten<double>(one, one, -1.0), Contains("epsilon must be 0 or more, but is -1"));
}
