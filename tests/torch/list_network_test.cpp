// The list network: the log-linear policy that it begins as, gradients against autograd written out, a rule
// that no weights of single features tell, and what is saved.
#include <recllm/torch/list_network.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include <recllm/grpo.hpp>
#include <recllm/list_policy.hpp>
#include <recllm/reward.hpp>
#include <recllm/sft.hpp>

#include "support/catch.hpp"
#include "support/relative_difference.hpp"
#include "support/temporary_folder.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

namespace {

struct shelf {
  std::vector<char> candidates;
  token_matrix<double> known;  // n x 2
};
using policy_type = list_network<shelf>;
using list = policy_type::list;

static_assert(Policy<policy_type> && Teachable<policy_type> && Greedy<policy_type>);
static_assert(EntropyPullback<policy_type::forward_pass> && Blendable<policy_type, policy_type>);

shelf random_shelf(std::size_t n, random_stream rng) {
  shelf one{{}, token_matrix<double>::Zero(static_cast<Eigen::Index>(n), 2)};
  for (std::size_t i = 0; i < n; ++i) one.candidates.push_back(static_cast<char>('a' + i));
  for (double& x : one.known.reshaped()) x = rng.normal();
  return one;
}

// What is known, and the distance to the last pick by the first of it.
void features(const shelf& one, std::span<const std::size_t> placed, token_matrix<double>& phi) {
  if (placed.empty())
    phi.leftCols(2) = one.known;
  else
    phi.col(2) = (one.known.col(0) - one.known(static_cast<Eigen::Index>(placed.back()), 0)).abs();
}

policy_type untrained(std::size_t length = 3, std::vector<std::int64_t> hidden = {5, 4}) {
  return policy_type({.features = features,
                      .weights = {0.7, -0.4, 0.5},
                      .hidden = std::move(hidden),
                      .length = length,
                      .seed = 3});
}

// With every weight of the network drawn anew.
policy_type random_policy(std::uint64_t seed, std::size_t length = 3) {
  policy_type policy = untrained(length);
  random_stream rng(seed);
  const at::NoGradGuard no_grad;
  for (const auto& [name, weight] : policy.weights())
    for (float *w = weight.data_ptr<float>(), *end = w + weight.numel(); w != end; ++w)
      *w = static_cast<float>(rng.normal());
  return policy;
}

tensor_map doubles_of(const policy_type& policy) {
  tensor_map all;
  for (const auto& [name, weight] : policy.weights())
    all[name] = weight.detach().to(at::kDouble).requires_grad_();
  return all;
}

// The log-probs and entropies of a list's places, from scratch.
std::pair<at::Tensor, at::Tensor> by_hand(const tensor_map& weights, const shelf& one, const list& items) {
  const auto n = static_cast<std::int64_t>(one.candidates.size());
  token_matrix<double> phi = token_matrix<double>::Zero(n, 3);
  std::vector<std::size_t> placed;
  std::vector<at::Tensor> log_probs, entropies;
  features(one, placed, phi);
  const at::Tensor start = torch::from_blob(phi.data(), {n, 3}, at::kDouble).clone();
  at::Tensor deep = start;
  for (int l = 0; l < 3; ++l) {
    const std::string name = "deep." + std::to_string(l);
    deep = deep.matmul(weights.at(name + ".weight").t());
    if (l < 2) deep = deep + weights.at(name + ".bias");
    if (l < 2) deep = 0.5 * deep * (1.0 + torch::erf(deep / std::sqrt(2.0)));
  }
  at::Tensor left = at::zeros({n}, at::kDouble);
  for (const char item : items) {
    if (!placed.empty()) features(one, placed, phi);
    const at::Tensor now = torch::from_blob(phi.data(), {n, 3}, at::kDouble).clone();
    const at::Tensor scores = now.matmul(weights.at("wide.weight").squeeze(0)) + deep.squeeze(1) + left;
    const at::Tensor all = torch::log_softmax(scores, 0);
    const at::Tensor finite = all.masked_select(left == 0.0);
    placed.push_back(static_cast<std::size_t>(item - 'a'));
    log_probs.push_back(all[item - 'a']);
    entropies.push_back(-(finite.exp() * finite).sum());
    left = left.clone();
    left[item - 'a'] = -std::numeric_limits<double>::infinity();
  }
  return {torch::stack(log_probs), torch::stack(entropies)};
}

}  // namespace

TEST_CASE("list_network begins as the log-linear policy") {
  const policy_type policy = untrained();
  const list_policy<shelf> peer({.features = features, .weights = {0.7, -0.4, 0.5}, .length = 3});
  const std::vector<shelf> prompts{random_shelf(6, random_stream(1)), random_shelf(2, random_stream(2))};
  const auto ours = policy.sample(prompts, 50, random_stream(4)),
             theirs = peer.sample(prompts, 50, random_stream(4));
  CHECK(ours.completions == theirs.completions);
  CHECK((ours.log_probs - theirs.log_probs).abs().maxCoeff() < 1e-5f);
  CHECK((ours.mask == theirs.mask).all());
  CHECK(policy.greedy(prompts).completions == peer.greedy(prompts).completions);
}

TEST_CASE("list_network: the probabilities of all lists add up to one, and samples have them") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  const policy_type policy = random_policy(1, 2);
  const std::vector<shelf> prompts{random_shelf(4, random_stream(6)), random_shelf(3, random_stream(7))};
  const auto r = policy.sample(prompts, 20000, random_stream(seed));
  std::map<std::pair<std::size_t, list>, double> seen;
  for (std::size_t row = 0; row < r.completions.size(); ++row)
    seen[{r.prompt[row], r.completions[row]}] += 1.0;
  CHECK((r.log_probs - policy.log_probs(r, {0, r.rows()})).abs().maxCoeff() == 0.0f);
  const tensor_map weights = doubles_of(policy);
  for (std::size_t p = 0; p < 2; ++p) {
    double total = 0.0;
    for (const char a : prompts[p].candidates)
      for (const char b : prompts[p].candidates) {
        if (a == b) continue;
        const double probability = std::exp(by_hand(weights, prompts[p], {a, b}).first.sum().item<double>());
        const double count = seen[{p, {a, b}}];
        CHECK(std::abs(count / 20000 - probability) <
              5.0 * std::sqrt(probability * (1 - probability) / 20000) + 1e-6);
        total += probability;
      }
    CHECK(total == Approx(1.0));
  }
}

TEST_CASE("list_network: log-probs, entropies and gradients are autograd's, for every split") {
  const std::uint64_t seed = 7;
  INFO("seed " << seed);
  random_stream rng(seed);
  const std::vector<shelf> prompts{random_shelf(5, rng.split(0)), random_shelf(4, rng.split(1)),
                                   random_shelf(6, rng.split(2)), random_shelf(6, rng.split(3))};
  const std::vector<list> lists{{'a', 'b', 'c'}, {'d'}, {}, {'e', 'a'}};
  const policy_type start = random_policy(2);
  const auto r = start.given(prompts, lists);
  token_matrix<float> slopes(4, 3), entropy_slopes(4, 3);
  for (float& x : slopes.reshaped()) x = static_cast<float>(rng.normal());
  for (float& x : entropy_slopes.reshaped()) x = static_cast<float>(rng.normal());
  const tensor_map weights = doubles_of(start);
  at::Tensor value = at::zeros({}, at::kDouble);
  policy_type whole = start;
  const auto trace = whole.trace(r, {0, 4});
  for (std::size_t row = 0; row < 4; ++row) {
    if (lists[row].empty()) continue;
    const auto [log_probs, entropies] = by_hand(weights, prompts[row], lists[row]);
    for (std::size_t t = 0; t < lists[row].size(); ++t) {
      const auto i = static_cast<Eigen::Index>(row), j = static_cast<Eigen::Index>(t);
      const auto at = static_cast<std::int64_t>(t);
      CHECK(static_cast<double>(trace.log_probs()(i, j)) ==
            Approx(log_probs[at].item<double>()).margin(1e-5));
      CHECK(static_cast<double>(trace.entropies()(i, j)) ==
            Approx(entropies[at].item<double>()).margin(1e-5));
      value = value + static_cast<double>(slopes(i, j)) * log_probs[at] +
              static_cast<double>(entropy_slopes(i, j)) * entropies[at];
    }
  }
  value.backward();
  for (const Eigen::Index at_once : {4, 2, 1}) {
    policy_type policy = start;
    for (Eigen::Index first = 0; first < 4; first += at_once) {
      auto part = policy.trace(r, {first, at_once});
      part.backward(slopes.middleRows(first, at_once), entropy_slopes.middleRows(first, at_once));
    }
    for (const auto& [name, weight] : policy.weights()) {
      INFO(name << ", " << at_once << " rows at once");
      CHECK(relative_difference(weight.grad(), weights.at(name).grad()) < 1e-5);
    }
  }
}

TEST_CASE("list_network learns what weights of single features cannot tell") {
  // The best candidate is the one whose two features have the same sign.
  std::vector<shelf> prompts;
  std::vector<example<shelf, list>> lessons;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    random_stream rng(seed);
    shelf one{{'a', 'b', 'c', 'd'}, token_matrix<double>(4, 2)};
    one.known << 1, 1, 1, -1, -1, 1, -1, -1;
    const bool upper = rng.uniform() < 0.5;  // which of the two of the same sign is there
    one.known.row(upper ? 3 : 0) = one.known.row(1);
    const std::vector<std::size_t> order = rng.permutation(4);
    shelf shuffled = one;
    for (std::size_t i = 0; i < 4; ++i)
      shuffled.known.row(static_cast<Eigen::Index>(i)) = one.known.row(static_cast<Eigen::Index>(order[i]));
    for (Eigen::Index i = 0; i < 4; ++i)
      if (shuffled.known(i, 0) == shuffled.known(i, 1))
        lessons.push_back({shuffled, {static_cast<char>('a' + i)}});
    prompts.push_back(shuffled);
  }
  const auto right = [&](const policy_type& policy) {
    const auto lists = policy.greedy(prompts).completions;
    double count = 0.0;
    for (std::size_t i = 0; i < lists.size(); ++i) count += lists[i].front() == lessons[i].completion.front();
    return count / static_cast<double>(lists.size());
  };
  policy_type taught = untrained(1, {8});
  CHECK(right(taught) < 0.8);
  for ([[maybe_unused]] const auto& m :
       fit(taught, sft{}, lessons, {.steps = 100, .batch_size = 32, .learning_rate = 0.05})) {
  }
  CHECK(right(taught) == 1.0);

  policy_type practised = untrained(1, {8});
  const auto goal = [](const shelf& one, const list& items) {
    const Eigen::Index i = items.front() - 'a';
    return one.known(i, 0) == one.known(i, 1) ? 1.0 : 0.0;
  };
  for ([[maybe_unused]] const auto& m :
       train(practised, grpo{.kl_coef = 0}, goal, prompts,
             {.steps = 100, .prompts_per_step = 32, .group_size = 8, .learning_rate = 0.05})) {
  }
  CHECK(right(practised) == 1.0);
}

TEST_CASE("list_network: what was saved is taken up, the optimizer's state included") {
  const temporary_folder folder;
  const std::vector<shelf> prompts{random_shelf(5, random_stream(1))};
  const auto learn = [&](policy_type& policy) {
    const auto r = policy.given(prompts, {{'b', 'a'}});
    policy.trace(r, {0, 1}).backward(token_matrix<float>::Constant(1, 3, -1.0f));
    return policy.step({.learning_rate = 0.1});
  };
  policy_type policy = random_policy(4);
  learn(policy);
  policy.save(folder.path / "saved");
  policy_type copy = policy, loaded = untrained();
  loaded.load(folder.path / "saved");
  learn(policy);
  learn(copy);
  learn(loaded);
  for (const auto& [name, weight] : policy.weights()) {
    CHECK(weight.equal(copy.weights().at(name)));
    CHECK(weight.equal(loaded.weights().at(name)));
  }
  policy_type other = untrained(2, {5});
  CHECK_THROWS_WITH(other.load(folder.path / "saved"), Contains("lacks 'deep.1.weight' of shape [1, 5]"));

  policy_type blended = untrained();
  blended.blend(policy, 0.25);
  for (const auto& [name, weight] : blended.weights())
    CHECK(relative_difference(
              weight, 0.25 * policy.weights().at(name) + 0.75 * untrained().weights().at(name)) < 1e-6);
}

TEST_CASE("list_network says what is wrong") {
  CHECK_THROWS_WITH(policy_type({.features = {}, .weights = {1}}),
                    Contains("list_network: expected a function of features"));
  CHECK_THROWS_WITH(policy_type({.features = features, .weights = {1, 1, 1}, .hidden = {4, 0}}),
                    Contains("a hidden layer is 0 wide; expected > 0"));
  policy_type policy = untrained();
  const std::vector<shelf> one{random_shelf(4, random_stream(1))}, none(1);
  CHECK_THROWS_WITH(policy.sample(none, 1, random_stream(1)),
                    Contains("list_network: a prompt has no candidates"));
  CHECK_THROWS_WITH(policy.given(one, {{'a', 'z'}}), Contains("item 1 of completion 0 is none of"));
  const policy_type other_shape(
      {.features = [](const shelf&, auto, token_matrix<double>& phi) { phi.resize(1, 1); },
       .weights = {1, 1}});
  CHECK_THROWS_WITH(other_shape.greedy(one), Contains("and a column for each of 2 weights"));
  const tensor_map before = doubles_of(policy);
  const auto r = policy.given(one, {{'a'}});
  policy.trace(r, {0, 1}).backward(token_matrix<float>::Constant(1, 3, NAN));
  CHECK_THROWS_AS(policy.step({.learning_rate = 0.1}), non_finite_error);
  for (const auto& [name, weight] : policy.weights())
    CHECK(weight.detach().to(at::kDouble).equal(before.at(name).detach()));
}
