// Several rewards, normalised after they are summed or before.
#include <recllm/objective/several_rewards.hpp>
#include <recllm/reinforce.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

row_values<double> column(std::initializer_list<double> values) {
  return rows_of({values}).row(0).transpose();
}

using numbers = std::vector<std::size_t>;

const matrix columns = rows_of({{1, 100}, {3, 100}, {0, 0}, {0, 50}});
const row_values<double> weights = column({1, 0.5}), lengths = column({1, 1, 2, 4});
const numbers groups{0, 0, 1, 1};

}  // namespace

TEST_CASE("summed first: the group-relative advantage of the weighted sum") {
  const row_values<double> a = sum_then_normalize({columns, weights, lengths}, groups, {.epsilon = 0.0});
  CHECK((a - column({-1, 1, -1, 1}) * std::sqrt(0.5)).abs().maxCoeff() < 1e-14);
}

TEST_CASE("normalised first: each reward counts by its weight, whatever its scale") {
  // columns become +-sqrt(1/2) where a group differs: sums -h, h, -h/2, h/2 with h = sqrt(1/2)
  const auto of = [&](last_normalisation last) {
    return normalize_then_sum({columns, weights, lengths}, groups, {.epsilon = 0.0, .last = last});
  };
  const double h = std::sqrt(0.5);
  const row_values<double> sums = column({-h, h, -h / 2, h / 2});
  CHECK((of(last_normalisation::none) - sums).abs().maxCoeff() < 1e-14);
  CHECK((of(last_normalisation::per_sequence) - sums / std::sqrt(1.25 / 3.0)).abs().maxCoeff() < 1e-14);
  // over 8 tokens: mean h / 8, squares 1 + 6 / 8 - 8 / 128 all times h^2 ... by definition:
  const double mean = (lengths * sums).sum() / 8.0,
               spread = std::sqrt((lengths * (sums - mean).square()).sum() / 7.0);
  CHECK((of(last_normalisation::per_token) - (sums - mean) / spread).abs().maxCoeff() < 1e-14);
}

TEST_CASE("equal rewards are exactly 0 either way") {
  const matrix same = matrix::Constant(5, 3, 0.1);
  const row_values<double> each = column({0.3, 0.3, 0.4}), tokens = column({1, 2, 3, 4, 5});
  const numbers one_group(5, 2);
  CHECK((sum_then_normalize({same, each, tokens}, one_group, {.epsilon = 0.0}) == 0.0).all());
  for (const last_normalisation last :
       {last_normalisation::none, last_normalisation::per_sequence, last_normalisation::per_token})
    CHECK((normalize_then_sum({same, each, tokens}, one_group, {.epsilon = 0.0, .last = last}) == 0.0).all());
}

TEST_CASE("gdpo as an estimator") {
  const row_values<double> rewards = row_values<double>::Zero(4);
  const token_matrix<float> mask = token_matrix<float>::Ones(4, 1);
  const scored_step step{
      .rewards = rewards, .groups = groups, .mask = mask, .columns = columns, .column_weights = weights};
  const row_values<double> ones = row_values<double>::Ones(4);
  CHECK((reinforce{.advantage = advantage::gdpo}.advantages(step).col(0) ==
         normalize_then_sum({columns, weights, ones}, groups))
            .all());
  const scored_step without{.rewards = rewards, .groups = groups, .mask = mask};
  CHECK_THROWS_WITH(reinforce{.advantage = advantage::gdpo}.advantages(without),
                    Catch::Matchers::Contains("set scored_step::columns and column_weights"));
}

TEST_CASE("several rewards say what is wrong with their arguments") {
  using Catch::Matchers::Contains;
  const row_values<double> one = column({1});
  CHECK_THROWS_WITH(sum_then_normalize({columns, one, lengths}, groups),
                    Contains("sum_then_normalize: got 2 reward columns but 1 weights"));
  CHECK_THROWS_WITH(normalize_then_sum({columns, one, lengths}, groups),
                    Contains("normalize_then_sum: got 2 reward columns but 1 weights"));
  CHECK_THROWS_WITH(
      normalize_then_sum({columns, weights, one}, groups, {.last = last_normalisation::per_token}),
      Contains("got 4 completions but 1 lengths"));
}
