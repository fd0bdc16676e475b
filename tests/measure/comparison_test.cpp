// Two reports compared: the statistics' own figures, and what is refused.
#include <recllm/measure/comparison.hpp>

#include <sstream>
#include <vector>

#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;

using items = std::vector<std::size_t>;

namespace {

// Users whose relevant item is at a random place, the first `ahead` of them at the first.
ranking_report report_of(std::uint64_t seed, std::size_t ahead, const ranking_settings& settings) {
  random_stream rng(seed);
  ranking_report report(settings);
  for (std::size_t user = 0; user < 40; ++user)
    report.add(rng.permutation(settings.catalogue), items{user < ahead ? 0 : rng.below(settings.catalogue)});
  return report;
}

}  // namespace

TEST_CASE("a comparison is the statistics of the users' differences") {
  const ranking_settings settings{.catalogue = 12, .cutoffs = {3, 6}};
  ranking_report a(settings), b(settings);
  random_stream rng(41);
  INFO("seed 41");
  for (int user = 0; user < 40; ++user) {
    items ranked = rng.permutation(12);
    const items relevant{ranked[rng.below(8)]};
    a.add(ranked, relevant);
    ranked.erase(ranked.begin(), ranked.begin() + 2);  // every hit two places earlier or gone
    b.add(ranked, relevant);
  }
  const ranking_comparison all = compare(a, b, {.bootstrap = {.seed = 3}, .permutation = {.seed = 4}});
  REQUIRE(all.differences.size() == 12);
  std::vector<double> p;
  for (const ranking_difference& one : all.differences) p.push_back(one.p);
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(all.differences[i].corrected_p == corrected[i]);
  const ranking_difference& ndcg = all.differences[3];
  CHECK(ndcg.name == "ndcg@3");
  CHECK(ndcg.choice == "ideal over min(k, relevant)");
  CHECK(ndcg.a == mean(a.at(3).ndcg));
  CHECK(ndcg.b == mean(b.at(3).ndcg));
  CHECK(ndcg.p == paired_permutation_test(a.at(3).ndcg, b.at(3).ndcg, {.seed = 4}));
  std::vector<double> difference(40);
  for (std::size_t i = 0; i < 40; ++i) difference[i] = a.at(3).ndcg[i] - b.at(3).ndcg[i];
  const interval range = bootstrap_interval(difference, {.seed = 3});
  CHECK(ndcg.range.low == range.low);
  CHECK(ndcg.range.high == range.high);

  const ranking_comparison one = compare(a, b, {.names = {"mrr@6"}});
  REQUIRE(one.differences.size() == 1);
  CHECK(one.differences[0].p == one.differences[0].corrected_p);
  std::ostringstream text;
  text << compare(a, a, {.names = {"map@6"}});
  CHECK_THAT(text.str(),
             Contains("+0  [       +0,        +0]    1.0000     1.0000  map@6 (over min(k, relevant))\n"));
}

TEST_CASE("a clear difference is found, none is not") {
  const ranking_settings settings{.catalogue = 12, .cutoffs = {3}};
  const ranking_report plain = report_of(1, 0, settings), again = report_of(2, 0, settings);
  CHECK(compare(plain, again, {.names = {"recall@3"}}).differences[0].p > 0.05);
  ranking_report best(settings);
  for (int user = 0; user < 40; ++user) best.add(items{0, 1, 2}, items{0});
  const ranking_difference found = compare(best, plain, {.names = {"recall@3"}}).differences[0];
  CHECK(found.p < 0.001);
  CHECK(found.range.low > 0.0);
}

TEST_CASE("reports that cannot be compared are refused") {
  const ranking_report a = report_of(1, 3, {.catalogue = 12, .cutoffs = {3}});
  const ranking_report b =
      report_of(1, 3, {.catalogue = 12, .cutoffs = {3}, .ideal = ndcg_ideal::every_place});
  const ranking_report empty({.catalogue = 12});
  CHECK_THROWS_WITH(compare(a, empty), Contains("over the same users, at least one, got 40 and 0 users"));
  CHECK_THROWS_WITH(compare(empty, empty), Contains("got 0 and 0 users"));
  CHECK_THROWS_WITH(
      compare(a, b),
      "recllm: compare: ndcg@3 (ideal over min(k, relevant)) and ndcg@3 (ideal over k) are not the "
      "same measure; give both reports the same settings");
  CHECK_THROWS_WITH(
      compare(a, a, {.names = {"gini@3"}}),
      "recllm: compare: gini@3 is a figure of the catalogue, not of each user; read it from the "
      "reports");
  CHECK_THROWS_WITH(compare(a, a, {.names = {"ndcg@4"}}),
                    Contains("figure: no 'ndcg@4'; there are: recall@3,"));
}
