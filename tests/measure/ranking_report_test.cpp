// A report's values by hand, against the measures themselves, and from scores in chunks.
#include <recllm/measure/ranking_report.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <recllm/core/eigen.hpp>
#include <recllm/core/random.hpp>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::measure;
using Catch::Matchers::Contains;

using items = std::vector<std::size_t>;

TEST_CASE("a report holds each user's values and their means") {
  // topics: 0 {a,b}, 1 {a}, 2 {c}, 3 {}; shares: 1/2, 1/4, 1/4, 0.
  ranking_report report({.catalogue = 4,
                         .cutoffs = {1, 3},
                         .topics = {{"a", "b"}, {"a"}, {"c"}, {}},
                         .shares = {0.5, 0.25, 0.25, 0.0}});
  report.add(items{0, 1, 2}, items{1, 3});
  report.add(items{2, 0}, items{2});
  report.add(items{}, items{0});
  CHECK(report.users() == 3);

  const ranking_values& three = report.at(3);
  CHECK(three.recall == std::vector<double>{0.5, 1, 0});
  CHECK(three.ndcg[0] == Approx((1 / std::log2(3.0)) / (1 + 1 / std::log2(3.0))));
  CHECK(three.ndcg[1] == 1);
  CHECK(three.diversity[0] == Approx((0.5 + 1 + 1) / 3));  // {a,b}|{a}, {a,b}|{c}, {a}|{c}
  CHECK(three.diversity[1] == 1);
  CHECK(three.diversity[2] == 0);
  CHECK(three.novelty[0] == Approx((1 + 2 + 2) / 3.0));
  CHECK(three.novelty[1] == Approx(1.5));
  CHECK(report.coverage_at(3) == 0.75);

  const ranking_values& one = report.at(1);
  CHECK(one.recall == std::vector<double>{0, 1, 0});
  CHECK(one.ndcg == std::vector<double>{0, 1, 0});
  CHECK(report.coverage_at(1) == 0.5);

  CHECK(std::vector<double>(report.reciprocal_rank().begin(), report.reciprocal_rank().end()) ==
        std::vector<double>{0.5, 1, 0});
  CHECK(measure::mean(three.recall) == Approx(0.5));
}

TEST_CASE("an unseen item is worth the least share, not infinity") {
  ranking_report report({.catalogue = 2, .cutoffs = {1}, .shares = {1.0, 0.0}});
  report.add(items{1}, items{1});
  report.add(items{0}, items{1});
  CHECK(report.at(1).novelty[0] == Approx(-std::log2(measure::least_share)));
  CHECK(report.at(1).novelty[1] == 0);
  CHECK(report.at(1).diversity.empty());
}

TEST_CASE("a report refuses what it cannot measure") {
  CHECK_THROWS_WITH(ranking_report({}),
                    "recllm: ranking_report: set ranking_settings::catalogue to the number of items");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .cutoffs = {5, 0}}),
                    "recllm: ranking_report: expected one or more cutoffs, each > 0");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .cutoffs = {}}),
                    Contains("expected one or more cutoffs"));
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .topics = {{"a"}}}),
                    "recllm: ranking_report: expected topics of 3 items or none, got 1");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 3, .shares = {1.0}}),
                    "recllm: ranking_report: expected shares of 3 items or none, got 1");
  ranking_report report({.catalogue = 3});
  CHECK_THROWS_WITH(report.add(items{0}, items{}),
                    "recllm: ranking_report: user number 0 has no relevant item; leave such users out");
  CHECK_THROWS_WITH(report.add(items{3}, items{0}),
                    "recllm: ranking_report: item 3 is not in the catalogue of 3 items, numbered from 0");
  CHECK_THROWS_WITH(report.add(items{0}, items{7}), Contains("item 7 is not in the catalogue"));
  CHECK(report.users() == 0);
  CHECK_THROWS_WITH(ranking_report({.catalogue = 2, .shares = {0.5, 1.5}}),
                    "recllm: ranking_report: expected shares in [0, 1], got 1.5");
  CHECK_THROWS_WITH(ranking_report({.catalogue = 2, .over = catalogue_items::trained}),
                    Contains("the trained items are those with a share"));
  CHECK_THROWS_WITH(ranking_report({.catalogue = 2, .expected = {2}}),
                    Contains("item 2 is not in the catalogue"));
  CHECK_THROWS_WITH(ranking_report({.catalogue = 2, .chunk = 0}), Contains("at least one user, got 0"));
  CHECK_THROWS_WITH(report.add(items{0}, items{0}, items{3}), Contains("item 3 is not in the catalogue"));
  CHECK_THROWS_WITH(report.popularity_lift_at(5), Contains("popularity lift needs"));
  CHECK_THROWS_WITH(report.at(7), "recllm: ranking_report: 7 is none of the cutoffs in ranking_settings");
  CHECK(report.coverage_at(5) == 0);
}

TEST_CASE("every measure of a report is that of measure/") {
  const auto seed = GENERATE(8u, 9u);
  INFO("seed " << seed);
  random_stream rng(seed);
  constexpr std::size_t n = 30;
  ranking_settings settings{.catalogue = n,
                            .cutoffs = {1, 4, 20},
                            .expected = {1, 2, 3, 4, 5},
                            .own = {{"first", [](const ranked_user& u) { return double(u.shown[0]); }},
                                    {"seen", [](const ranked_user& u) { return double(u.history.size()); }}},
                            .over = catalogue_items::trained,
                            .ideal = ndcg_ideal::every_place,
                            .map_over = precision_divisor::relevant,
                            .tail = {.rule = tail_rule::share_of_interactions, .size = 0.3}};
  std::vector<std::pair<std::size_t, double>> counts;
  for (std::size_t item = 0; item < n; ++item) {
    settings.topics.push_back({std::string(1, static_cast<char>('a' + rng.below(4))), "x"});
    settings.shares.push_back(static_cast<double>(rng.below(4)) / 100.0);
    if (settings.shares[item] > 0.0) counts.emplace_back(item, settings.shares[item]);
  }
  const auto tail = long_tail(counts, settings.tail);
  const auto share = [&](std::size_t item) { return settings.shares[item]; };
  ranking_report report(settings);
  std::vector<double> exposure(n, 0.0), lists, histories;
  for (std::size_t user = 0; user < 12; ++user) {
    const items order = rng.permutation(n), other = rng.permutation(n);
    const items ranked(order.begin(), order.begin() + 20);
    const items relevant(other.begin(), other.begin() + static_cast<std::ptrdiff_t>(1 + rng.below(9)));
    const items history(other.begin() + 20, other.begin() + 20 + static_cast<std::ptrdiff_t>(user % 3));
    report.add(ranked, relevant, history);
    const items shown(order.begin(), order.begin() + 4);
    const ranking_values& at = report.at(4);
    CHECK(at.recall[user] == recall_at(ranked, relevant, 4));
    CHECK(at.precision[user] == precision_at(ranked, relevant, 4));
    CHECK(at.hit_rate[user] == hit_at(ranked, relevant, 4));
    CHECK(at.ndcg[user] == ndcg_at(ranked, relevant, 4, ndcg_ideal::every_place));
    CHECK(at.average_precision[user] == average_precision(ranked, relevant, 4, precision_divisor::relevant));
    CHECK(at.reciprocal_rank[user] == reciprocal_rank(ranked, relevant, 4));
    CHECK(at.diversity[user] == intra_list_diversity(shown, [&](std::size_t a, std::size_t b) {
            return jaccard_distance(settings.topics[a], settings.topics[b]);
          }));
    CHECK(at.novelty[user] == mean_self_information(shown, share));
    CHECK(at.popularity[user] == mean_popularity(shown, share));
    CHECK(at.tail_share[user] == tail_share(shown, tail));
    CHECK(at.unexpectedness[user] == unexpectedness(shown, settings.expected));
    CHECK(at.serendipity[user] == serendipity(shown, relevant, settings.expected));
    CHECK(at.own[0][user] == static_cast<double>(ranked[0]));
    CHECK(at.own[1][user] == static_cast<double>(history.size()));
    CHECK(report.reciprocal_rank()[user] == reciprocal_rank(ranked, relevant));
    for (const std::size_t item : shown) exposure[item] += 1.0;
    if (history.empty()) continue;
    lists.push_back(mean_popularity(shown, share));
    histories.push_back(mean_popularity(history, share));
  }
  std::vector<double> trained;
  for (const auto& [item, count] : counts) trained.push_back(exposure[item]);
  CHECK(report.exposure_at(4) == trained);
  CHECK(report.coverage_at(4) ==
        static_cast<double>(trained.size() - static_cast<std::size_t>(std::ranges::count(trained, 0.0))) /
            static_cast<double>(trained.size()));
  CHECK(report.popularity_lift_at(4) == popularity_lift(lists, histories));
}

TEST_CASE("scores are ranked without the history, in a pool or in the catalogue") {
  const std::vector<double> scores{5, 4, 3, 2, 1, 0};
  ranking_report report({.catalogue = 6, .cutoffs = {1, 2}, .auc = true});
  const items relevant{1, 4}, history{0}, pool{4, 0, 5, 3, 3};
  report.rank(scores, {.relevant = relevant});                      // 0 1
  report.rank(scores, {.relevant = relevant, .history = history});  // 1 2
  report.rank(scores, {.relevant = relevant, .history = history, .mask_history = false});
  report.rank(scores, {.relevant = relevant, .history = history, .pool = pool});  // 3 4
  CHECK(report.at(1).recall == std::vector<double>{0, 0.5, 0, 0});
  CHECK(report.at(2).recall == std::vector<double>{0.5, 0.5, 0.5, 0.5});
  CHECK(report.at(2).reciprocal_rank == std::vector<double>{0.5, 1, 0.5, 0.5});
  // Relevant 4 and 1 against 5 3 2 0; without 5; the same as first; 1 against 2 and 0.
  const std::vector<double> areas{4.0 / 8, 4.0 / 6, 4.0 / 8, 1.0 / 2};
  CHECK(std::ranges::equal(report.auc(), areas));
  CHECK(std::ranges::equal(report.auc_weights(), std::vector<double>{2, 2, 2, 1}));
}

TEST_CASE("a refused user leaves the report as it was") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  bool fails = false;
  ranking_report report({.catalogue = 3,
                         .cutoffs = {1, 2},
                         .own = {{"odd",
                                  [&](const ranked_user& u) -> double {
                                    if (fails && u.shown.size() == 2) throw std::runtime_error("odd");
                                    return 1;
                                  }}},
                         .auc = true});
  const items one{1}, all{0, 1, 2};
  CHECK_THROWS_WITH(report.rank(std::vector<double>{1, 2}, {.relevant = one}),
                    "recllm: ranking_report: expected a score for each of 3 items, got 2");
  CHECK_THROWS_WITH(report.rank(std::vector<double>{1, nan, 2}, {.relevant = one, .history = items{0}}),
                    "recllm: top_k: the score of item 1 is not a number");
  CHECK_THROWS_WITH(
      report.rank(std::vector<double>{1, 2, 3}, {.relevant = all}),
      "recllm: ranking_report: user number 0 has 3 relevant candidates and 0 others; AUC needs one "
      "of each: leave such users out, or AUC");
  CHECK_THROWS_WITH(report.rank(std::vector<double>{1, 2, 3}, {.relevant = one, .history = one}),
                    Contains("has 0 relevant candidates and 2 others"));
  CHECK_THROWS_WITH(report.add(all, one), Contains("AUC is of scores"));
  fails = true;
  CHECK_THROWS_WITH(report.rank(std::vector<double>{1, 2, 3}, {.relevant = one}), "odd");
  fails = false;
  report.rank(std::vector<double>{0, 2, 1}, {.relevant = one});
  CHECK(report.users() == 1);
  CHECK(report.auc()[0] == 1.0);
  for (const std::size_t k : {std::size_t{1}, std::size_t{2}}) {
    CHECK(report.at(k).recall == std::vector<double>{1});
    CHECK(report.at(k).own[0] == std::vector<double>{1});
    CHECK(report.at(k).exposure[1] == 1.0);
  }
}

TEST_CASE("chunks of users give what single users give") {
  constexpr std::uint64_t seed = 12;
  INFO("seed " << seed);
  random_stream rng(seed);
  constexpr std::size_t n = 40, users = 23;
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> scores(users, n);
  std::vector<items> relevant(users);
  for (std::size_t user = 0; user < users; ++user) {
    for (std::size_t item = 0; item < n; ++item)
      scores(static_cast<Eigen::Index>(user), static_cast<Eigen::Index>(item)) =
          static_cast<float>(rng.below(20));
    relevant[user] = rng.permutation(n);
    relevant[user].resize(1 + rng.below(5));
  }
  std::vector<std::size_t> numbers(users);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  const auto ask = [&](std::size_t user) { return ranking_question{.relevant = relevant[user]}; };
  const auto row = [&](std::size_t user) { return std::span(scores.data() + user * n, n); };

  ranking_settings settings{.catalogue = n, .cutoffs = {5}, .auc = true};
  ranking_report alone(settings);
  for (const std::size_t user : numbers) alone.rank(row(user), ask(user));
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{5}, std::size_t{23}, std::size_t{100}}) {
    settings.chunk = chunk;
    ranking_report together(settings), lists(settings);
    std::size_t largest = 0;
    together.rank_all(
        numbers,
        [&](std::span<const std::size_t> some) {
          largest = std::max(largest, some.size());
          return decltype(scores)(
              scores.middleRows(static_cast<Eigen::Index>(some[0]), static_cast<Eigen::Index>(some.size())));
        },
        ask);
    lists.rank_all(
        numbers,
        [&](std::span<const std::size_t> some) {
          std::vector<std::vector<float>> rows;
          for (const std::size_t user : some) rows.emplace_back(row(user).begin(), row(user).end());
          return rows;
        },
        ask);
    decltype(scores) wide = decltype(scores)::Zero(users, n + 3);
    wide.middleCols(2, n) = scores;
    ranking_report blocks(settings);
    blocks.rank_all(
        numbers,
        [&](std::span<const std::size_t> some) {
          return wide.block(static_cast<Eigen::Index>(some[0]), 2, static_cast<Eigen::Index>(some.size()), n);
        },
        ask);
    CHECK(blocks.at(5).ndcg == alone.at(5).ndcg);
    CHECK(largest == std::min(chunk, users));
    CHECK(together.at(5).ndcg == alone.at(5).ndcg);
    CHECK(lists.at(5).ndcg == alone.at(5).ndcg);
    CHECK(std::ranges::equal(together.auc(), alone.auc()));
    CHECK(together.at(5).exposure == alone.at(5).exposure);
  }
  ranking_report report(settings);
  CHECK_THROWS_WITH(report.rank_all(
                        numbers, [](const auto&) { return std::vector<std::vector<float>>(2); }, ask),
                    "recllm: ranking_report: expected a row of scores for each of 23 users, got 2");
  report.rank_all(
      std::vector<std::size_t>{}, [](const auto&) { return std::vector<std::vector<float>>(); }, ask);
  CHECK(report.users() == 0);
}
