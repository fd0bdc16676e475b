// The list policy: probabilities of all lists by hand, gradients by finite differences, and maximal marginal
// relevance as one of its members.
#include <recllm/list_policy.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <recllm/grpo.hpp>
#include <recllm/plackett_luce.hpp>
#include <recllm/rerank.hpp>
#include <recllm/reward.hpp>

#include "support/catch.hpp"

using namespace recllm;
using Catch::Matchers::Contains;

namespace {

// Candidates by letter, a score for each, and how alike any two are.
struct shelf {
  std::vector<char> candidates;
  std::vector<double> scores;
  std::vector<std::vector<double>> alike;
};
using policy_type = list_policy<shelf>;
using list = policy_type::list;

static_assert(Policy<policy_type> && Teachable<policy_type> && Greedy<policy_type>);
static_assert(EntropyPullback<policy_type::forward_pass> && Blendable<policy_type, policy_type>);

shelf random_shelf(std::size_t n, random_stream rng) {
  shelf one;
  for (std::size_t i = 0; i < n; ++i) {
    one.candidates.push_back(static_cast<char>('a' + i));
    one.scores.push_back(rng.normal());
    one.alike.emplace_back(n, 1.0);
    for (std::size_t j = 0; j < i; ++j) one.alike[i][j] = one.alike[j][i] = rng.uniform();
  }
  return one;
}

// From scratch: the score, the largest and the mean likeness to those placed, and their number times the
// score.
std::vector<double> features_by_hand(const shelf& one, std::size_t candidate,
                                     const std::vector<std::size_t>& placed) {
  double most = 0.0, sum = 0.0;
  for (const std::size_t other : placed) {
    most = std::max(most, one.alike[candidate][other]);
    sum += one.alike[candidate][other];
  }
  const auto count = static_cast<double>(placed.size());
  return {one.scores[candidate], most, placed.empty() ? 0.0 : sum / count, count * one.scores[candidate]};
}

// The same pick by pick.
void features(const shelf& one, std::span<const std::size_t> placed, token_matrix<double>& phi) {
  const auto count = static_cast<double>(placed.size());
  for (Eigen::Index i = 0; i < phi.rows(); ++i) {
    const auto candidate = static_cast<std::size_t>(i);
    if (placed.empty()) {
      phi(i, 0) = one.scores[candidate];
    } else {
      const double alike = one.alike[candidate][placed.back()];
      phi(i, 1) = std::max(phi(i, 1), alike);
      phi(i, 2) += (alike - phi(i, 2)) / count;
      phi(i, 3) = count * one.scores[candidate];
    }
  }
}

policy_type random_policy(std::uint64_t seed, std::size_t length = 3) {
  random_stream rng(seed);
  return policy_type({.features = features,
                      .weights = {rng.normal(), rng.normal(), rng.normal(), rng.normal()},
                      .length = length});
}

struct at_place {
  double log_prob = 0.0, entropy = 0.0;
};

// Each place of a list, by hand.
std::vector<at_place> by_hand(const token_matrix<double>& weights, const shelf& one, const list& items) {
  std::vector<at_place> all;
  std::vector<std::size_t> placed;
  for (const char item : items) {
    std::map<std::size_t, double> scores;
    double total = 0.0;
    for (std::size_t i = 0; i < one.candidates.size(); ++i) {
      if (std::ranges::count(placed, i) > 0) continue;
      const std::vector<double> phi = features_by_hand(one, i, placed);
      for (std::size_t k = 0; k < phi.size(); ++k)
        scores[i] += weights(0, static_cast<Eigen::Index>(k)) * phi[k];
      total += std::exp(scores[i]);
    }
    at_place here;
    for (const auto& [i, score] : scores) here.entropy -= std::exp(score) / total * (score - std::log(total));
    placed.push_back(static_cast<std::size_t>(item - 'a'));
    here.log_prob = scores.at(placed.back()) - std::log(total);
    all.push_back(here);
  }
  return all;
}

double log_probability(const policy_type& policy, const shelf& one, const list& items) {
  double sum = 0.0;
  for (const at_place& here : by_hand(policy.weights(), one, items)) sum += here.log_prob;
  return sum;
}

}  // namespace

TEST_CASE("the probabilities of all lists are the product of their picks', and add up to one") {
  const policy_type policy = random_policy(1);
  const shelf one = random_shelf(5, random_stream(2));
  std::vector<list> lists;
  for (const char a : one.candidates)
    for (const char b : one.candidates)
      for (const char c : one.candidates)
        if (a != b && a != c && b != c) lists.push_back({a, b, c});
  REQUIRE(lists.size() == 60);
  const auto r = policy.given(std::vector<shelf>(60, one), lists);
  const token_matrix<float> log_probs = policy.log_probs(r, {0, 60});
  double total = 0.0;
  for (Eigen::Index row = 0; row < 60; ++row) {
    const auto by_place = by_hand(policy.weights(), one, lists[static_cast<std::size_t>(row)]);
    for (Eigen::Index place = 0; place < 3; ++place)
      CHECK(static_cast<double>(log_probs(row, place)) ==
            Approx(by_place[static_cast<std::size_t>(place)].log_prob).margin(1e-5));
    total += std::exp(static_cast<double>(log_probs.row(row).sum()));
  }
  CHECK(total == Approx(1.0).epsilon(1e-5));
}

TEST_CASE("features that do not read the list make it the Plackett-Luce model") {
  const shelf one = random_shelf(5, random_stream(3));
  const policy_type policy({.features = features, .weights = {1.5, 0, 0, 0}, .length = 4});
  plackett_luce_policy peer({.prompt_features = one_hot(1), .item_features = one_hot(5), .length = 4});
  for (Eigen::Index i = 0; i < 5; ++i) peer.weights()(0, i) = 1.5 * one.scores[static_cast<std::size_t>(i)];
  const auto ours = policy.given(std::vector{one}, {{'c', 'a', 'e', 'b'}});
  const auto theirs = peer.given(std::vector<std::size_t>{0}, {{2, 0, 4, 1}});
  CHECK((policy.log_probs(ours, {0, 1}) - peer.log_probs(theirs, {0, 1})).abs().maxCoeff() < 1e-6f);
}

TEST_CASE("samples follow the probabilities, and a row draws for itself alone") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  const policy_type policy = random_policy(2, 2);
  const std::vector<shelf> prompts{random_shelf(4, random_stream(6)), random_shelf(3, random_stream(7))};
  const auto r = policy.sample(prompts, 20000, random_stream(seed));
  std::map<std::pair<std::size_t, list>, double> seen;
  for (std::size_t row = 0; row < r.completions.size(); ++row)
    seen[{r.prompt[row], r.completions[row]}] += 1.0;
  CHECK(seen.size() == 4 * 3 + 3 * 2);
  for (const auto& [what, count] : seen) {
    const double p = std::exp(log_probability(policy, prompts[what.first], what.second));
    CHECK(std::abs(count / 20000 - p) < 5.0 * std::sqrt(p * (1 - p) / 20000) + 1e-9);
  }
  CHECK((r.log_probs - policy.log_probs(r, {0, r.rows()})).abs().maxCoeff() == 0.0f);
  CHECK(r.mask.minCoeff() == 1.0f);
  const auto few = policy.sample(std::span(prompts).first(1), 5, random_stream(seed));
  for (std::size_t row = 0; row < 5; ++row) CHECK(few.completions[row] == r.completions[row]);
}

TEST_CASE("greedy lists take the likeliest candidate at each place, and all where they are few") {
  const std::vector<shelf> prompts{random_shelf(6, random_stream(8)), random_shelf(2, random_stream(9))};
  const policy_type policy = random_policy(3, 4);
  const auto r = policy.greedy(prompts);
  REQUIRE(r.completions[0].size() == 4);
  REQUIRE(r.completions[1].size() == 2);
  CHECK(r.mask.row(1).sum() == 2.0f);
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t place = 0; place < r.completions[row].size(); ++place) {
      list other(r.completions[row].begin(),
                 r.completions[row].begin() + static_cast<std::ptrdiff_t>(place) + 1);
      const double taken = by_hand(policy.weights(), prompts[row], other).back().log_prob;
      for (const char item : prompts[row].candidates) {
        if (std::ranges::count(std::span(other).first(place), item) > 0) continue;
        list another = other;
        another.back() = item;
        CHECK(by_hand(policy.weights(), prompts[row], another).back().log_prob <= taken + 1e-9);
      }
    }
}

TEST_CASE("maximal marginal relevance is one of its members") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    const shelf one = random_shelf(8, random_stream(seed));
    const auto [low, high] = std::ranges::minmax(one.scores);
    const double lambda = 0.6;
    const policy_type policy(
        {.features = features, .weights = {lambda / (high - low), lambda - 1.0, 0, 0}, .length = 5});
    const auto alike = [&](std::size_t i, std::size_t j) { return one.alike[i][j]; };
    list expected;
    for (const std::size_t i : maximal_marginal_relevance(one.scores, alike, {.lambda = lambda, .length = 5}))
      expected.push_back(one.candidates[i]);
    CHECK(policy.greedy(std::vector{one}).completions[0] == expected);
  }
}

TEST_CASE("the pullbacks of log-probs and entropies are finite differences, for every split") {
  const std::uint64_t seed = 7;
  INFO("seed " << seed);
  policy_type policy = random_policy(4);
  random_stream rng(seed);
  const shelf one = random_shelf(5, rng.split(0)), other = random_shelf(4, rng.split(1));
  const std::vector<shelf> prompts{one, other, one, one};
  const std::vector<list> lists{{'a', 'b', 'c'}, {'d'}, {}, {'e', 'a'}};
  const auto r = policy.given(prompts, lists);
  token_matrix<float> slopes(4, 3), entropy_slopes(4, 3);
  for (float& x : slopes.reshaped()) x = static_cast<float>(rng.normal());
  for (float& x : entropy_slopes.reshaped()) x = static_cast<float>(rng.normal());
  const auto value = [&](const token_matrix<double>& weights) {
    double sum = 0.0;
    for (std::size_t row = 0; row < 4; ++row) {
      const auto places = by_hand(weights, prompts[row], lists[row]);
      for (std::size_t t = 0; t < places.size(); ++t) {
        const auto i = static_cast<Eigen::Index>(row), j = static_cast<Eigen::Index>(t);
        sum += static_cast<double>(slopes(i, j)) * places[t].log_prob +
               static_cast<double>(entropy_slopes(i, j)) * places[t].entropy;
      }
    }
    return sum;
  };
  const token_matrix<double> before = policy.weights();
  token_matrix<double> expected(1, 4);
  for (Eigen::Index k = 0; k < 4; ++k) {
    token_matrix<double> up = before, down = before;
    up(0, k) += 1e-5;
    down(0, k) -= 1e-5;
    expected(0, k) = (value(up) - value(down)) / 2e-5;
  }
  for (const Eigen::Index at_once : {4, 1}) {
    policy.weights() = before;
    for (Eigen::Index first = 0; first < 4; first += at_once) {
      auto trace = policy.trace(r, {first, at_once});
      CHECK((trace.log_probs() - policy.log_probs(r, {first, at_once})).abs().maxCoeff() == 0.0f);
      trace.backward(slopes.middleRows(first, at_once), entropy_slopes.middleRows(first, at_once));
    }
    const double norm = policy.step({.learning_rate = 1.0});
    CHECK((before - policy.weights() - expected).abs().maxCoeff() < 1e-6);
    CHECK(norm == Approx(std::sqrt(expected.square().sum())));
  }
}

TEST_CASE("it learns to let a pick depend on those before") {
  // Two of each kind; a list of two is worth its diversity. No ranking of fixed scores, the same for every
  // prompt, gets the reward of all shelves, which are shuffled.
  std::vector<shelf> prompts;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    shelf one = random_shelf(4, random_stream(seed));
    std::vector<std::size_t> kind = random_stream(seed).permutation(4);
    for (std::size_t i = 0; i < 4; ++i) {
      one.candidates[i] = static_cast<char>('a' + kind[i]);
      for (std::size_t j = 0; j < 4; ++j) one.alike[i][j] = kind[i] / 2 == kind[j] / 2 ? 1.0 : 0.0;
    }
    prompts.push_back(one);
  }
  const auto goal = reward::diversity([](char item) { return (item - 'a') / 2; });
  for (const std::uint64_t seed : {1, 2, 3}) {
    INFO("seed " << seed);
    policy_type policy({.features = features, .weights = {1, 0, 0, 0}, .length = 2});
    double last = 0.0;
    for (const auto& m : train(policy, grpo{.kl_coef = 0}, goal, prompts,
                               {.steps = 100, .group_size = 8, .learning_rate = 2.0, .seed = seed}))
      last = m.reward;
    CHECK(last > 0.95);
    CHECK(policy.weights()(0, 1) + policy.weights()(0, 2) < -2.0);
    for (const list& items : policy.greedy(prompts).completions)
      CHECK((items[0] - 'a') / 2 != (items[1] - 'a') / 2);
  }
}

TEST_CASE("weights of list policies are blended") {
  policy_type policy = random_policy(5);
  const policy_type other = random_policy(6);
  const token_matrix<double> expected = 0.3 * other.weights() + 0.7 * policy.weights();
  policy.blend(other, 0.3);
  CHECK((policy.weights() - expected).abs().maxCoeff() < 1e-12);
}

TEST_CASE("a list policy says what is wrong") {
  CHECK_THROWS_WITH(policy_type({.features = features, .weights = {}}),
                    Contains("got features, 0 weights and length 10"));
  CHECK_THROWS_WITH(policy_type({.features = {}, .weights = {1}, .length = 0}),
                    Contains("got no function, 1 weights and length 0"));
  const policy_type policy = random_policy(1);
  const std::vector<shelf> one{random_shelf(4, random_stream(1))}, none(1);
  CHECK_THROWS_WITH(policy.sample(none, 1, random_stream(1)), Contains("a prompt has no candidates"));
  CHECK_THROWS_WITH(policy.given(one, {{'a'}, {'b'}}), Contains("each of 1 prompts, got 2"));
  CHECK_THROWS_WITH(policy.given(one, {{'a', 'z'}}), Contains("item 1 of completion 0 is none of"));
  CHECK_THROWS_WITH(policy.given(one, {{'a', 'b', 'a'}}),
                    Contains("item 2 of completion 0 stands there twice"));
  CHECK_THROWS_WITH(policy.given(one, {{'a', 'b', 'c', 'd'}}), Contains("has 4 items; there are 3 places"));
  const policy_type other_shape(
      {.features = [](const shelf&, auto, token_matrix<double>& phi) { phi.resize(1, 1); }, .weights = {1}});
  CHECK_THROWS_WITH(other_shape.greedy(one), Contains("features left 1 x 1 numbers; expected a row for each "
                                                      "of 4 candidates and a column for each of 1 weights"));
  const policy_type not_a_number(
      {.features = [](const shelf&, auto, token_matrix<double>& phi) { phi = NAN; }, .weights = {1}});
  CHECK_THROWS_WITH(not_a_number.greedy(one), Contains("a score at place 0 is not finite"));
}
