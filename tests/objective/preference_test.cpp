// Pair losses against closed forms, torch and finite differences.
#include <utility>

#include <recllm/objective/preference.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

const std::vector<std::pair<const char*, pair_loss_function>> losses{
    {"sigmoid", sigmoid_loss}, {"ipo", ipo_loss}, {"hinge", hinge_loss}};

pair_log_probs draw(random_stream& rng) {
  pair_log_probs p{-5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform()};
  p.chosen_length = 3;
  p.rejected_length = 7;
  return p;
}

pair_log_probs swapped(const pair_log_probs& p) {
  return {p.rejected, p.chosen, p.ref_rejected, p.ref_chosen, p.rejected_length, p.chosen_length};
}

}  // namespace

TEST_CASE("pair losses at a margin of 1") {
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

TEST_CASE("pair losses equal torch 2.13 (logsigmoid, relu, autograd) in double") {
  const pair_log_probs first{-3.0, -4.0, -3.5, -3.0}, second{-5.0, -2.5, -4.0, -3.5};
  const pair_options how{.beta = 0.3, .label_smoothing = 0.1};
  CHECK(sigmoid_loss(first, how).value == Approx(0.5382489459974549).epsilon(1e-14));
  CHECK(sigmoid_loss(second, how).value == Approx(0.9774879504858855).epsilon(1e-14));
  CHECK(sigmoid_loss(first, how).dchosen == Approx(-0.08680822981523342).epsilon(1e-14));
  CHECK(sigmoid_loss(second, how).drejected == Approx(0.1636968918677386).epsilon(1e-14));
  CHECK(ipo_loss(second, how).value == Approx(13.44444444444445).epsilon(1e-14));
  CHECK(ipo_loss(second, how).dchosen == Approx(-7.333333333333334).epsilon(1e-14));
  CHECK(hinge_loss(second, how).value == Approx(1.6).epsilon(1e-14));
  CHECK(hinge_loss(second, how).drejected == Approx(0.3).epsilon(1e-14));
}

TEST_CASE("slopes equal finite differences") {
  random_stream rng(5);
  for (const auto& [name, loss] : losses)
    for (int draws = 0; draws < 20; ++draws) {
      CAPTURE(name, draws);
      const pair_log_probs p = draw(rng);
      // beta keeps the hinge away from its kink
      const pair_options how{.beta = 0.1, .label_smoothing = 0.2, .length_normalised = draws % 2 == 1};
      const test::matrix at = test::rows_of({{p.chosen, p.rejected}});
      const test::matrix numeric = test::numeric_gradient(
          [&](const test::matrix& x) {
            pair_log_probs q = p;
            q.chosen = x(0, 0);
            q.rejected = x(0, 1);
            return loss(q, how).value;
          },
          at);
      const pair_loss result = loss(p, how);
      CHECK(test::relative_error(test::rows_of({{result.dchosen, result.drejected}}), numeric) < 1e-9);
    }
}

TEST_CASE("swapping chosen and rejected mirrors the loss") {
  random_stream rng(6);
  for (int draws = 0; draws < 50; ++draws) {
    CAPTURE(draws);
    const pair_log_probs p = draw(rng);
    const double margin = (p.chosen - p.ref_chosen) - (p.rejected - p.ref_rejected);
    const pair_options how{.beta = 0.7, .label_smoothing = 0.15};
    // -log sigmoid(x) + log sigmoid(-x) = -x, of which smoothing takes back 2 s
    CHECK(sigmoid_loss(p, how).value - sigmoid_loss(swapped(p), how).value ==
          Approx(-(1.0 - 0.3) * 0.7 * margin));
    CHECK(ipo_loss(p, how).value - ipo_loss(swapped(p), how).value == Approx(-2.0 * margin / 0.7));
    const pair_options half{.beta = 0.7, .label_smoothing = 0.5};
    CHECK(sigmoid_loss(p, half).value == Approx(sigmoid_loss(swapped(p), half).value));
    CHECK(sigmoid_loss(p, half).dchosen == Approx(sigmoid_loss(swapped(p), half).drejected));
    for (const auto& [name, loss] : losses) CHECK(loss(p, how).dchosen == -loss(p, how).drejected);
  }
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

TEST_CASE("margins of thousands overflow nowhere; NaN stays NaN") {
  for (const double margin : {-5000.0, 5000.0})
    for (const auto& [name, loss] : losses) {
      CAPTURE(name, margin);
      const pair_loss result = loss({margin, 0.0, 0.0, 0.0}, {.beta = 1.0});
      CHECK(std::isfinite(result.value));
      CHECK(std::isfinite(result.dchosen));
    }
  CHECK(sigmoid_loss({-5000.0, 0.0, 0.0, 0.0}, {.beta = 1.0}).value == 5000.0);
  for (const auto& [name, loss] : losses) CHECK(std::isnan(loss({std::nan(""), 0.0, 0.0, 0.0}, {}).value));
}

TEST_CASE("pair losses say what is wrong with their settings") {
  using Catch::Matchers::Contains;
  for (const auto& [name, loss] : losses) {
    CHECK_THROWS_WITH(loss({}, {.beta = 0.0}), Contains("pair loss: beta must be > 0, but is 0"));
    CHECK_THROWS_WITH(loss({}, {.label_smoothing = 0.6}),
                      Contains("label_smoothing must be in [0, 0.5], but is 0.6"));
  }
}
