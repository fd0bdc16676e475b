// Supervised fine-tuning: cross-entropy by hand, finite differences, micro-batches.
#include <recllm/sft.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

const std::vector<normalisation> averages{normalisation::per_sequence, normalisation::per_token,
                                          normalisation::constant_length(6)};

}  // namespace

TEST_CASE("sft is the mean cross-entropy over the step's tokens") {
  const matrix mask = rows_of({{1, 1, 1}, {1, 0, 0}}), none(0, 0);
  const matrix log_probs = rows_of({{-1, -2, -3}, {-10, 0, 0}});
  const evaluation<double> e = sft{}(token_batch<double>{log_probs, none, none, none, sft{}.weights(mask)});
  CHECK(e.loss == 4.0);
  CHECK((e.dloss_dlogp == -mask / 4.0).all());
  CHECK(e.tokens == 4.0);
  const sft by_sequence{.average = normalisation::per_sequence};
  CHECK(by_sequence(token_batch<double>{log_probs, none, none, none, by_sequence.weights(mask)}).loss == 6.0);
}

TEST_CASE("sft's slope equals finite differences for each normalisation") {
  for (const normalisation average : averages) check_gradient(sft{.average = average});
}

TEST_CASE("sft does not depend on micro-batches") {
  for (const normalisation average : averages) {
    check_splits<double>(sft{.average = average}, {1, 5, 7, 12}, 1e-14);
    check_splits<float>(sft{.average = average}, {1, 5, 7, 12}, 1e-6);
  }
}

TEST_CASE("sft of a step without tokens is 0") {
  const matrix zero = matrix::Zero(2, 3);
  const evaluation<double> e = sft{}(token_batch<double>{zero, zero, zero, zero, sft{}.weights(zero)});
  CHECK(e.loss == 0.0);
  CHECK((e.dloss_dlogp == 0.0).all());
  CHECK_FALSE(sft::needs_reference());
}
