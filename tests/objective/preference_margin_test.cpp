// Losses of the margin: closed forms, symmetry under a swap of the labels, and what becomes what.
#include <recllm/objective/preference_margin.hpp>

#include <recllm/objective/preference_any.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

pair_log_probs draw(random_stream& rng) {
  return {-5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform(), 3.0, 7.0};
}

pair_log_probs swapped(const pair_log_probs& p) {
  return {p.rejected, p.chosen, p.ref_rejected, p.ref_chosen, p.rejected_length, p.chosen_length};
}

}  // namespace

TEST_CASE("losses at a margin of 1") {
  const pair_log_probs p{-1.0, -2.0, -1.5, -1.5};
  const pair_options how{.beta = 0.5};
  CHECK(sigmoid_loss(p, how).value == Approx(std::log(1.0 + std::exp(-0.5))));
  CHECK(sigmoid_loss(p, how).dchosen == Approx(-0.5 / (1.0 + std::exp(0.5))));
  CHECK(ipo_loss(p, how).value == Approx(0.0).margin(1e-15));
  CHECK(hinge_loss(p, how).value == Approx(0.5));
  CHECK(hinge_loss(p, how).dchosen == Approx(-0.5));
  CHECK(hinge_loss(p, {.beta = 1.0}).value == 0.0);
  CHECK(hinge_loss(p, {.beta = 1.0}).dchosen == 0.0);
}

TEST_CASE("swapping chosen and rejected mirrors the loss") {
  for (const std::uint64_t seed : {6u, 7u}) {
    random_stream rng(seed);
    for (int draws = 0; draws < 50; ++draws) {
      CAPTURE(seed, draws);
      const pair_log_probs p = draw(rng);
      const double margin = (p.chosen - p.ref_chosen) - (p.rejected - p.ref_rejected);
      const pair_options how{.beta = 0.7, .label_smoothing = 0.15};
      // -log sigmoid(x) + log sigmoid(-x) = -x, of which smoothing takes back 2 s and robustness nothing
      CHECK(sigmoid_loss(p, how).value - sigmoid_loss(swapped(p), how).value ==
            Approx(-(1.0 - 0.3) * 0.7 * margin));
      CHECK(robust_loss(p, how).value - robust_loss(swapped(p), how).value == Approx(-0.7 * margin / 0.7));
      CHECK(ipo_loss(p, how).value - ipo_loss(swapped(p), how).value == Approx(-2.0 * margin / 0.7));
      const pair_options half{.beta = 0.7, .label_smoothing = 0.5};
      for (const any_pair_loss& loss : std::vector<any_pair_loss>{sigmoid_loss, exo_loss}) {
        const pair_loss a = loss(std::vector{p}, half).front(),
                        b = loss(std::vector{swapped(p)}, half).front();
        CHECK(a.value == Approx(b.value));
        CHECK(a.dchosen == Approx(b.drejected));
      }
    }
  }
}

TEST_CASE("robust losses average to the clean one over flipped labels") {
  random_stream rng(8);
  for (int draws = 0; draws < 20; ++draws) {
    const pair_log_probs p = draw(rng);
    const double s = 0.4 * rng.uniform();
    const pair_options noisy{.beta = 0.4, .label_smoothing = s}, clean{.beta = 0.4};
    CAPTURE(draws, s);
    CHECK((1.0 - s) * robust_loss(p, noisy).value + s * robust_loss(swapped(p), noisy).value ==
          Approx(sigmoid_loss(p, clean).value));
    CHECK(robust_loss(p, clean).value == sigmoid_loss(p, clean).value);
    CHECK(robust_loss(p, clean).dchosen == sigmoid_loss(p, clean).dchosen);
  }
}

TEST_CASE("exo is a divergence: 0 where the policy has the labels' odds, above 0 elsewhere") {
  const double odds = std::log(0.9 / 0.1);
  const pair_options how{.beta = 1.0, .label_smoothing = 0.1};
  CHECK(exo_loss({odds, 0.0, 0.0, 0.0}, how).value == Approx(0.0).margin(1e-15));
  CHECK(exo_loss({odds, 0.0, 0.0, 0.0}, how).dchosen == Approx(0.0).margin(1e-15));
  for (const double margin : {-50.0, -1.0, 0.0, 2.0, 3.0, 50.0})
    CHECK(exo_loss({margin, 0.0, 0.0, 0.0}, how).value > 0.0);
}

TEST_CASE("discopop is logistic far below 0 and exponential far above") {
  const pair_options how{.beta = 1.0};
  CHECK(discopop_loss{}({-3.0, 0.0, 0.0, 0.0}, how).value ==
        Approx(sigmoid_loss({-3.0, 0.0, 0.0, 0.0}, how).value));
  CHECK(discopop_loss{}({3.0, 0.0, 0.0, 0.0}, how).value == Approx(std::exp(-3.0)));
  CHECK(discopop_loss{}({0.0, 0.0, 0.0, 0.0}, how).value == Approx(0.5 * (std::log(2.0) + 1.0)));
}

TEST_CASE("length normalisation divides each log-ratio by its completion's length") {
  const pair_log_probs p{-3.0, -14.0, -6.0, -7.0, 3.0, 7.0};  // log-ratios 3 / 3 and -7 / 7
  const pair_options how{.beta = 0.5, .length_normalised = true};
  CHECK(ipo_loss(p, how).value == Approx(1.0));
  CHECK(ipo_loss(p, how).dchosen == Approx(2.0 / 3.0));
  CHECK(ipo_loss(p, how).drejected == Approx(-2.0 / 7.0));
  pair_log_probs empty = p;
  empty.rejected = empty.ref_rejected = empty.rejected_length = 0.0;
  CHECK(ipo_loss(empty, how).value == Approx(0.0).margin(1e-15));
}
