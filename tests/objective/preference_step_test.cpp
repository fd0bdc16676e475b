// Losses over a step: what sorting matches, ties, one pair, none; the shift of bco.
#include <recllm/objective/preference_step.hpp>

#include <algorithm>
#include <cmath>

#include <recllm/objective/preference_margin.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;

namespace {

std::vector<pair_log_probs> draw(random_stream& rng, std::size_t count) {
  std::vector<pair_log_probs> pairs;
  for (std::size_t i = 0; i < count; ++i)
    pairs.push_back({-5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform(), -5 * rng.uniform()});
  return pairs;
}

double total(const std::vector<pair_loss>& losses) {
  double sum = 0.0;
  for (const pair_loss& l : losses) sum += l.value;
  return sum;
}

}  // namespace

TEST_CASE("one pair has only itself to be matched with: aot is dpo") {
  random_stream rng(3);
  for (int draws = 0; draws < 20; ++draws) {
    const std::vector<pair_log_probs> one = draw(rng, 1);
    const pair_options how{.beta = 0.4, .label_smoothing = 0.1};
    const pair_loss dpo = sigmoid_loss(one.front(), how);
    for (const pair_loss& l : {aot_loss(one, how).front(), aot_unpaired_loss(one, how).front()}) {
      CHECK(l.value == Approx(dpo.value));
      CHECK(l.dchosen == Approx(dpo.dchosen));
      CHECK(l.drejected == Approx(dpo.drejected));
      CHECK(l.chosen_reward == Approx(dpo.chosen_reward));
      CHECK(l.rejected_reward == Approx(dpo.rejected_reward));
    }
  }
  CHECK(aot_loss({}, {}).empty());
  CHECK(aot_unpaired_loss({}, {}).empty());
  CHECK(bco_step_loss{}({}, {}).empty());
}

TEST_CASE("the order of pairs changes no slope, and unpaired completions may change partners") {
  random_stream rng(4);
  const std::vector<pair_log_probs> pairs = draw(rng, 7);
  const pair_options how{.beta = 0.4};
  const std::vector<pair_loss> paired = aot_loss(pairs, how), unpaired = aot_unpaired_loss(pairs, how);
  std::vector<pair_log_probs> backwards(pairs.rbegin(), pairs.rend());
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(aot_loss(backwards, how)[6 - i].dchosen == paired[i].dchosen);
    CHECK(aot_unpaired_loss(backwards, how)[6 - i].drejected == unpaired[i].drejected);
  }
  std::vector<pair_log_probs> remarried = pairs;
  std::rotate(remarried.begin(), remarried.begin() + 1, remarried.end());
  for (std::size_t i = 0; i < 7; ++i) {
    remarried[i].chosen = pairs[i].chosen;
    remarried[i].ref_chosen = pairs[i].ref_chosen;
  }
  CHECK(total(aot_unpaired_loss(remarried, how)) == Approx(total(unpaired)));
  CHECK(total(aot_loss(remarried, how)) != Approx(total(paired)));
}

TEST_CASE("no other matching of the margins has a lower aot loss") {
  // Brute force over the permutations: sorting is optimal transport for a convex cost.
  random_stream rng(5);
  const std::vector<pair_log_probs> pairs = draw(rng, 5);
  const pair_options how{.beta = 1.0};
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0.0;
    for (std::size_t i = 0; i < 5; ++i)
      sum += std::log1p(std::exp(-(pairs[i].chosen - pairs[i].rejected - pairs[order[i]].ref_chosen +
                                   pairs[order[i]].ref_rejected)));
    least = std::min(least, sum);
  } while (std::ranges::next_permutation(order).found);
  CHECK(total(aot_loss(pairs, how)) == Approx(least));
}

TEST_CASE("ties keep their order") {
  const std::vector<pair_log_probs> pairs{{-1, -2, -1, -3}, {-1, -2, -1, -1}};
  const std::vector<pair_loss> losses = aot_loss(pairs, {.beta = 1.0});
  // equal margins 1; the reference's are 2 and 0, so the first meets 0
  CHECK(losses[0].value == Approx(std::log1p(std::exp(-1.0))));
  CHECK(losses[1].value == Approx(std::log1p(std::exp(1.0))));
  CHECK(losses[0].dchosen == Approx(-1.0 / (1.0 + std::exp(1.0))));
}

TEST_CASE("length normalisation reaches the sorted values and the slopes") {
  const std::vector<pair_log_probs> pairs{{-2, -6, -4, -3, 2, 3}};
  const pair_loss l = aot_unpaired_loss(pairs, {.beta = 1.0, .length_normalised = true}).front();
  CHECK(l.value == Approx(std::log1p(std::exp(-2.0))));  // 2 / 2 + 3 / 3
  CHECK(l.dchosen == Approx(-0.5 / (1.0 + std::exp(2.0))));
  CHECK(l.drejected == Approx(1.0 / 3.0 / (1.0 + std::exp(2.0))));
  CHECK(aot_loss(pairs, {.beta = 1.0, .length_normalised = true}).front().value == Approx(l.value));
}

TEST_CASE("bco's shift is the mean of all rewards seen") {
  random_stream rng(9);
  const std::vector<pair_log_probs> pairs = draw(rng, 6);
  const pair_options how{.beta = 0.4};
  double sum = 0.0;
  for (const pair_log_probs& p : pairs) sum += 0.4 * (p.chosen - p.ref_chosen + p.rejected - p.ref_rejected);
  const std::vector<pair_loss> first = bco_step_loss{}(pairs, how);
  const std::vector<pair_loss> later = bco_step_loss{.before = {.mean = 0.5, .count = 4.0}}(pairs, how);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(first[i].value == Approx(bco_loss{.delta = sum / 12.0}(pairs[i], how).value));
    CHECK(later[i].dchosen == Approx(bco_loss{.delta = (2.0 + sum) / 16.0}(pairs[i], how).dchosen));
  }
  reward_shift seen;
  for (const double reward : {1.0, 2.0, 6.0}) seen = seen.with(reward, 1.0);
  CHECK(seen.mean == Approx(3.0));
  CHECK(seen.count == 3.0);
  CHECK(seen.with(100.0, 0.0).mean == Approx(3.0));
}
