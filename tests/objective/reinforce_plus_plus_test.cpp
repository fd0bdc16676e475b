// REINFORCE++ and its baseline variant against their definitions.
#include <recllm/objective/reinforce_plus_plus.hpp>
#include <recllm/reinforce.hpp>

#include "support/ragged_batch.hpp"

using namespace recllm;
using namespace recllm::test;

namespace {

row_values<double> column(std::initializer_list<double> values) {
  return rows_of({values}).row(0).transpose();
}

using numbers = std::vector<std::size_t>;

}  // namespace

TEST_CASE("returns are discounted from each token on; a masked token ends them, joins them or takes a step") {
  const matrix rewards = rows_of({{1, 2, 100, 4}, {0, 1, 0, 100}}),
               mask = rows_of({{1, 1, 0, 1}, {1, 1, 1, 0}});
  const auto returns = [&](masked_tokens how) {
    return reinforce_plus_plus(rewards, mask, {.gamma = 0.5, .masked = how}).returns;
  };
  CHECK((returns(masked_tokens::reset) == rows_of({{2, 2, 0, 4}, {0.5, 1, 0, 0}})).all());
  CHECK((returns(masked_tokens::carry) == rows_of({{3, 4, 0, 4}, {0.5, 1, 0, 0}})).all());
  CHECK((returns(masked_tokens::zero) == rows_of({{2.5, 3, 0, 4}, {0.5, 1, 0, 0}})).all());
  const matrix white = reinforce_plus_plus(rewards, mask, {.gamma = 0.5}).advantages;
  CHECK(white.sum() == Approx(0.0).margin(1e-12));
  CHECK(white.square().sum() == Approx(5.0));
  CHECK((white * (1.0 - mask) == 0.0).all());
}

TEST_CASE("the baseline variant whitens over tokens what is left of the groups' means") {
  // centred -1, 1, 0 with 1, 3, 2 tokens: mean 1/3, squares (16/9 + 3 * 4/9 + 2 / 9) / 5 = 10/15
  const row_values<double> rewards = column({1, 3, 8}), lengths = column({1, 3, 2});
  const row_values<double> a = reinforce_plus_plus_baseline({rewards, lengths}, numbers{0, 0, 1});
  const double spread = std::sqrt(2.0 / 3.0 + 1e-8);
  CHECK(a(0) == Approx(-4.0 / 3.0 / spread));
  CHECK(a(1) == Approx(2.0 / 3.0 / spread));
  CHECK(a(2) == Approx(-1.0 / 3.0 / spread));
  CHECK((lengths * a).sum() == Approx(0.0).margin(1e-12));
}

TEST_CASE("where nothing differs the advantages are exactly 0, and a completion without tokens has none") {
  for (const float reward : {0.1f, -0.7f, 1.0f / 3.0f})
    for (Eigen::Index size = 1; size <= 9; ++size) {
      const row_values<double> rewards = row_values<double>::Constant(size, reward),
                               lengths = row_values<double>::LinSpaced(size, 1, 9).floor();
      CHECK((reinforce_plus_plus_baseline({rewards, lengths}, numbers(static_cast<std::size_t>(size), 1)) ==
             0.0)
                .all());
    }
  const row_values<double> rewards = column({1, 3, 50}), lengths = column({2, 2, 0});
  const row_values<double> a = reinforce_plus_plus_baseline({rewards, lengths}, numbers{0, 0, 0});
  CHECK(a(2) == 0.0);
  CHECK(a(1) == Approx(std::sqrt(3.0) / 2.0));  // values -1, -1, 1, 1
  const row_values<double> nothing(0);
  CHECK(reinforce_plus_plus_baseline({nothing, nothing}, {}).size() == 0);
}

TEST_CASE("as estimators: a completion's reward stands at its last token") {
  const row_values<double> rewards = column({1, 3});
  const numbers groups{0, 0};
  const token_matrix<float> mask = rows_of({{1, 1, 0}, {1, 1, 1}}).cast<float>();
  const token_matrix<double> extra = rows_of({{0.5, 0, 9}, {0, 0, 0}});
  const scored_step step{.rewards = rewards, .groups = groups, .mask = mask, .token_rewards = extra};
  const matrix expected =
      reinforce_plus_plus(rows_of({{0.5, 1, 0}, {0, 0, 3}}), mask.cast<double>(), {.gamma = 0.9}).advantages;
  CHECK((reinforce{.advantage = advantage::reinforce_plus_plus, .gamma = 0.9}.advantages(step) == expected)
            .all());
  const matrix each = reinforce{.advantage = advantage::reinforce_plus_plus_baseline}.advantages(step);
  CHECK(each(0, 0) == Approx(-1.5 * 0.75 * each(1, 0) / 0.75));
  CHECK(each(0, 2) == 0.0);
}

TEST_CASE("REINFORCE++ says what is wrong with its arguments") {
  using Catch::Matchers::Contains;
  const row_values<double> two = column({1, 2}), one = column({1});
  CHECK_THROWS_WITH(reinforce_plus_plus_baseline({two, one}, numbers{0, 0}),
                    Contains("reinforce_plus_plus_baseline: got 2 rewards but 1 lengths"));
  CHECK_THROWS_WITH(reinforce_plus_plus(matrix::Ones(1, 1), matrix::Ones(1, 1), {.gamma = 2.0}),
                    Contains("gamma must be in [0, 1], but is 2"));
}
