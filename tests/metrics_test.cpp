// The front door: from scores to figures, intervals and a comparison, as its first lines show.
#include <recllm/metrics.hpp>

#include <sstream>
#include <vector>

#include "support/catch.hpp"

using namespace recllm;

TEST_CASE("two models are evaluated and compared in a few lines") {
  using items = std::vector<std::size_t>;
  struct question {
    items seen, next;
  };
  const std::vector<question> users{{{0}, {1}}, {{1}, {2}}, {{2}, {0, 3}}, {{3}, {1}}};
  const ranking_settings settings{.catalogue = 4, .cutoffs = {1, 2}, .shares = {0.4, 0.3, 0.2, 0.1}};
  ranking_report popular(settings), reverse(settings);
  for (const question& user : users) {
    popular.rank(settings.shares, {.relevant = user.next, .history = user.seen});
    reverse.rank(std::vector<float>{1, 2, 3, 4}, {.relevant = user.next, .history = user.seen});
  }
  CHECK(popular.at(1).recall == std::vector<double>{1, 0, 0.5, 0});
  CHECK(figure(popular, "recall@2").value == Approx((1 + 1 + 0.5 + 1) / 4.0));
  CHECK(measure::bootstrap_interval(popular.at(2).recall).low <= 0.875);
  CHECK(compare(popular, reverse, {.names = {"ndcg@2"}}).differences.size() == 1);
  std::ostringstream text;
  text << popular << compare(popular, reverse);
  CHECK_THAT(text.str(), Catch::Matchers::Contains("ndcg@2 (ideal over min(k, relevant))"));
  CHECK(top_k(settings.shares, 1, excluding(users[0].seen, 4)) == items{1});
  CHECK(top_k_of(items{3, 2}, settings.shares, 1) == items{2});
}
