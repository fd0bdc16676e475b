// Losses that mark each side: closed forms at the reference and what a swap or a shift does to them.
#include <recllm/objective/preference_sides.hpp>

#include <cmath>

#include <recllm/objective/preference_any.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

TEST_CASE("where the policy is the reference") {
  const pair_log_probs p{-2.0, -3.0, -2.0, -3.0};
  const pair_options how{.beta = 0.4};
  CHECK(nca_loss(p, how).value == Approx(2.0 * std::log(2.0)));
  CHECK(nca_loss(p, how).dchosen == Approx(-0.1));
  CHECK(nca_loss(p, how).drejected == Approx(0.1));
  CHECK(bco_loss{}(p, how).value == Approx(2.0 * std::log(2.0)));
  CHECK(sppo_loss(p, how).value == Approx(2.0 * 1.25 * 1.25));
  CHECK(apo_zero_loss(p, how).value == Approx(1.0));
  CHECK(apo_zero_loss(p, how).dchosen == Approx(-0.1));
  CHECK(apo_down_loss(p, how).value == Approx(1.0));
  CHECK(apo_down_loss(p, how).dchosen == Approx(0.0).margin(1e-16));
  CHECK(apo_down_loss(p, how).drejected == Approx(0.1));
}

TEST_CASE("turning both log-ratios round and swapping the sides leaves bco, sppo and apo_zero as they are") {
  random_stream rng(12);
  for (int draws = 0; draws < 20; ++draws) {
    CAPTURE(draws);
    const double c = 8.0 * rng.uniform() - 4.0, r = 8.0 * rng.uniform() - 4.0;
    const pair_options how{.beta = 0.7};
    for (const any_pair_loss& loss : std::vector<any_pair_loss>{bco_loss{}, sppo_loss, apo_zero_loss}) {
      const pair_loss a = loss(std::vector{pair_log_probs{c, r}}, how).front();
      const pair_loss b = loss(std::vector{pair_log_probs{-r, -c}}, how).front();
      CHECK(a.value == Approx(b.value));
      CHECK(a.dchosen == Approx(-b.drejected));
    }
  }
}

TEST_CASE("bco's shift moves both rewards") {
  const pair_options how{.beta = 0.5};
  CHECK(bco_loss{.delta = 0.3}({1.0, 2.0}, how).value == Approx(bco_loss{}({0.4, 1.4}, how).value));
}

TEST_CASE("a completion without tokens is divided by 1") {
  const pair_log_probs p{-4.0, 0.0, -2.0, 0.0, 2.0, 0.0};
  CHECK(sppo_loss(p, {.beta = 0.5, .length_normalised = true}).value == Approx(4.0 + 1.0));
  CHECK(sppo_loss(p, {.beta = 0.5, .length_normalised = true}).dchosen == Approx(-2.0));
}
