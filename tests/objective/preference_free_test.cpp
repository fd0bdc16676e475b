// Losses without a reference: closed forms and probabilities near 0 and 1.
#include <recllm/objective/preference_free.hpp>

#include <cmath>
#include <limits>

#include <recllm/objective/preference_margin.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

TEST_CASE("simpo is dpo of mean log-probs against a reference that is gamma / beta behind") {
  const policy_log_probs p{-3.0, -14.0, 3.0, 7.0};
  const pair_options how{.beta = 2.0, .label_smoothing = 0.1};
  const pair_loss simpo = simpo_loss{.gamma = 1.4}(p, how);
  const pair_loss dpo = sigmoid_loss({-1.0, -2.0, 0.7, 0.0}, how);
  CHECK(simpo.value == Approx(dpo.value));
  CHECK(simpo.dchosen == Approx(dpo.dchosen / 3.0));
  CHECK(simpo.drejected == Approx(dpo.drejected / 7.0));
  // already normalised, so that the setting changes nothing
  CHECK(simpo_loss{.gamma = 1.4}(p, {.beta = 2.0, .label_smoothing = 0.1, .length_normalised = true}).value ==
        simpo.value);
}

TEST_CASE("cpo is dpo against a uniform reference, plus imitation") {
  const policy_log_probs p{-3.0, -14.0, 3.0, 7.0};
  const pair_options how{.beta = 0.2};
  CHECK(cpo_loss{.nll_coef = 0.0}(p, how).value == Approx(sigmoid_loss({-3.0, -14.0, 0.0, 0.0}, how).value));
  CHECK(cpo_loss{.nll_coef = 0.5}(p, how).value - cpo_loss{.nll_coef = 0.0}(p, how).value == Approx(0.5));
  CHECK(cpo_loss{.nll_coef = 0.5}(p, how).dchosen - cpo_loss{.nll_coef = 0.0}(p, how).dchosen ==
        Approx(-0.5 / 3.0));
  CHECK(cpo_loss{}({0.0, -1.0, 0.0, 1.0}, how).value > 0.0);  // no token to imitate, no division by 0
}

TEST_CASE("orpo near certainty") {
  const orpo_loss loss{.nll_coef = 0.0};
  const pair_options how{.beta = 1.0};
  // -log sigmoid(log(o_c / o_r)) = log(1 + o_r / o_c), o = e^x / (1 - e^x)
  const auto odds = [](double x) { return std::exp(x) / -std::expm1(x); };
  for (const double c : {-1e-12, -1e-3, -0.5, -3.0, -700.0})
    for (const double r : {-1e-12, -1e-3, -0.5, -3.0, -700.0}) {
      CAPTURE(c, r);
      const pair_loss l = loss({c, r}, how);
      const double ratio = odds(r) / odds(c);
      CHECK(l.value ==
            Approx(std::isinf(ratio) ? r - std::log(-std::expm1(r)) - c : std::log1p(ratio)).epsilon(1e-9));
      CHECK(l.dchosen == Approx(std::isinf(ratio) ? -1.0 : -ratio / (1.0 + ratio) / -std::expm1(c))
                             .epsilon(1e-9)
                             .margin(1e-300));
      if (std::isfinite(ratio))
        CHECK(l.drejected == Approx(ratio / (1.0 + ratio) / -std::expm1(r)).epsilon(1e-9));
    }
  const pair_loss certain = loss({0.0, -1.0}, how);
  CHECK(certain.value == 0.0);
  CHECK(certain.dchosen == Approx(-odds(-1.0)));  // the limit
  CHECK(certain.drejected == 0.0);
  CHECK(loss({-1.0, 0.0}, how).value == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(loss({0.0, 0.0}, how).value));
  CHECK(loss({-1.0, 0.0, 1.0, 0.0}, how).value == 0.0);  // no token, no odds
  CHECK(orpo_loss{}({-1.0, 0.0, 2.0, 0.0}, how).value == 0.5);
  CHECK(orpo_loss{}({-1.0, 0.0, 2.0, 0.0}, how).dchosen == -0.5);
  CHECK(loss({-4.0, -9.0, 2.0, 3.0}, how).value == Approx(loss({-2.0, -3.0}, how).value));
}
