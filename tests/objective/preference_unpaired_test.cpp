// KTO's loss of one completion: figures worked out elsewhere, limits, settings.
#include <recllm/objective/preference_unpaired.hpp>

#include <cmath>

#include "support/ragged_batch.hpp"

using namespace recllm;

// From the formulas of TRL f2cd577, kto_trainer.py: _compute_loss, in 80 decimal digits.
TEST_CASE("kto_loss equals TRL's formula") {
  const unpaired_options how{.beta = 0.3, .desirable_weight = 1.5, .undesirable_weight = 0.7, .kl = 0.4};
  const unpaired_loss good = kto_loss({-3.0, -3.5, true}, how), bad = kto_loss({-3.0, -3.5, false}, how);
  CHECK(good.value == Approx(0.7387508436740694).epsilon(1e-13));
  CHECK(good.slope == Approx(-0.11247469129639096).epsilon(1e-13));
  CHECK(good.reward == Approx(0.15));
  CHECK(bad.value == Approx(0.35524960628543428).epsilon(1e-13));
  CHECK(bad.slope == Approx(0.052488189271649111).epsilon(1e-13));
  CHECK(kto_loss({-5.0, -4.0, true}, how).value == Approx(0.90522487479708946).epsilon(1e-13));
  CHECK(kto_loss({-5.0, -4.0, false}, how).slope == Approx(0.050251155569461269).epsilon(1e-13));
}

TEST_CASE("kto_loss slopes equal central differences") {
  random_stream rng(15);
  for (int draws = 0; draws < 40; ++draws) {
    const double spread = draws % 2 == 0 ? 4.0 : 200.0;
    const labelled_log_probs p{-spread * rng.uniform(), -spread * rng.uniform(), draws % 4 < 2};
    const unpaired_options how{
        .beta = 0.2, .desirable_weight = 1.3, .undesirable_weight = 0.8, .kl = rng.uniform()};
    CAPTURE(draws, p.policy, p.reference);
    const auto value = [&](const test::matrix& x) {
      return kto_loss({x(0, 0), p.reference, p.desirable}, how).value;
    };
    const double numeric = test::numeric_gradient(value, test::rows_of({{p.policy}}))(0, 0);
    CHECK(kto_loss(p, how).slope == Approx(numeric).epsilon(1e-6).margin(1e-11));
  }
}

TEST_CASE("kto_loss is bounded, and an estimate below 0 counts as 0") {
  CHECK(kto_loss({5000.0, 0.0, true}, {.beta = 1.0}).value == 0.0);
  CHECK(kto_loss({-5000.0, 0.0, true}, {.beta = 1.0}).value == 1.0);
  CHECK(kto_loss({5000.0, 0.0, false}, {.beta = 1.0}).value == 1.0);
  CHECK(kto_loss({-5000.0, 0.0, false}, {.beta = 1.0}).value == 0.0);
  CHECK(kto_loss({-1.0, -2.0, true}, {.kl = -3.0}).value == kto_loss({-1.0, -2.0, true}, {}).value);
  CHECK(std::isnan(kto_loss({-1.0, -2.0, true}, {.kl = std::nan("")}).value));
  CHECK(std::isnan(kto_loss({std::nan(""), -2.0, false}, {}).value));
}

TEST_CASE("kto_loss says what is wrong with its settings") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(kto_loss({}, {.beta = 0.0}), Contains("kto_loss: beta must be > 0, but is 0"));
  CHECK_THROWS_WITH(kto_loss({}, {.undesirable_weight = -1.0}),
                    Contains("desirable_weight and undesirable_weight must be 0 or more, but are 1 and -1"));
}
