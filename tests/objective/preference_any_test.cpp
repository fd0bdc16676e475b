// What any_pair_loss finds out about a loss, and losses of one's own.
#include <recllm/objective/preference_any.hpp>

#include <span>
#include <vector>

#include <recllm/objective/preference.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

pair_loss of_one(const any_pair_loss& loss, const pair_log_probs& p, const pair_options& how) {
  return loss(std::vector{p}, how).front();
}

}  // namespace

TEST_CASE("any_pair_loss knows what a loss reads") {
  CHECK(any_pair_loss(ipo_loss).needs_reference());
  CHECK_FALSE(any_pair_loss(ipo_loss).needs_whole_step());
  CHECK_FALSE(any_pair_loss(simpo_loss{}).needs_reference());
  CHECK_FALSE(any_pair_loss(orpo_loss{}).needs_whole_step());
  CHECK(any_pair_loss(aot_loss).needs_whole_step());
  CHECK(any_pair_loss(bco_step_loss{}).needs_reference());
  double shift = 0.25;  // a loss with state of its own
  const any_pair_loss own = [&](const auto& p, const pair_options& how) {
    return bco_loss{.delta = shift}(p, how);
  };
  CHECK(own.needs_reference());
  const pair_log_probs p{-1.0, -2.0, -1.5, -1.5};
  CHECK(of_one(own, p, {}).value == bco_loss{.delta = 0.25}(p, {}).value);
  shift = 1.0;
  CHECK(of_one(own, p, {}).value == bco_loss{.delta = 1.0}(p, {}).value);
  const any_pair_loss wrong = [](std::span<const pair_log_probs>, const pair_options&) {
    return std::vector<pair_loss>(3);
  };
  CHECK_THROWS_WITH(of_one(wrong, p, {}), "recllm: pair loss: got 3 losses of 1 pairs; return one a pair");
}
