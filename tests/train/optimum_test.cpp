// Tasks whose best expected reward is known: every trainer reaches 95 % of it from each of five seeds.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <recllm/plackett_luce.hpp>
#include <recllm/recllm.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

using list = std::vector<int>;
const std::vector<std::size_t> users{0, 1};

// All lists of `length` of `items` items.
std::vector<list> all_lists(int items, std::size_t length, bool distinct) {
  std::vector<list> all{{}};
  for (std::size_t place = 0; place < length; ++place) {
    std::vector<list> longer;
    for (const list& head : all)
      for (int item = 0; item < items; ++item)
        if (!distinct || std::ranges::count(head, item) == 0) {
          longer.push_back(head);
          longer.back().push_back(item);
        }
    all = std::move(longer);
  }
  return all;
}

// Plackett-Luce bandit: items are relevant to a user in degrees, and seen less the lower they stand. The best
// list is in the order of relevance.
struct ranking_bandit {
  using policy_type = plackett_luce_policy;
  static constexpr const char* name = "Plackett-Luce bandit";

  static policy_type policy() {
    return plackett_luce_policy({.prompt_features = one_hot(2), .item_features = one_hot(5), .length = 3});
  }
  static std::vector<list> lists() { return all_lists(5, 3, true); }
  static double reward(std::size_t user, const list& shown) {
    static const double relevance[2][5] = {{0.1, 0.9, 0.3, 0.0, 0.6}, {0.8, 0.0, 0.5, 0.7, 0.2}};
    double sum = 0.0;
    for (std::size_t t = 0; t < shown.size(); ++t)
      sum += relevance[user][static_cast<std::size_t>(shown[t])] / std::log2(static_cast<double>(t) + 2.0);
    return sum;
  }
  static constexpr double optimum =
      ((0.9 + 0.8) + (0.6 + 0.7) / 1.5849625007211562 + (0.3 + 0.5) / 2.0) / 2.0;
};

// Short-horizon list task: places depend on each other. A list of distinct items earns the reciprocal rank of
// what the user goes on to watch, and half as much again where it is of both topics (even, odd).
struct list_task {
  using policy_type = tabular_policy;
  static constexpr const char* name = "list task";

  static policy_type policy() { return tabular_policy{{.prompts = 2, .length = 3, .items = 4}}; }
  static std::vector<list> lists() { return all_lists(4, 3, false); }
  static double reward(std::size_t user, const list& shown) {
    const int next = user == 0 ? 2 : 1;
    double earned = 0.0, topics = 0.0;
    for (std::size_t t = 0; t < shown.size(); ++t) {
      for (std::size_t s = 0; s < t; ++s)
        if (shown[s] == shown[t]) return 0.0;
      if (shown[t] == next) earned = 1.0 / static_cast<double>(t + 1);
      if (shown[t] % 2 != shown[0] % 2) topics = 0.5;
    }
    return earned + topics;
  }
  static constexpr double optimum = 1.5;
};

// Over all lists, not from samples.
template <class Task>
double expected_reward(const typename Task::policy_type& policy) {
  const std::vector<list> lists = Task::lists();
  double sum = 0.0;
  for (const std::size_t user : users) {
    const auto r = policy.given(std::vector<std::size_t>(lists.size(), user), lists);
    const token_matrix<float> log_probs = policy.log_probs(r, {0, r.rows()});
    for (std::size_t i = 0; i < lists.size(); ++i)
      sum += std::exp(static_cast<double>(log_probs.row(static_cast<Eigen::Index>(i)).sum())) *
             Task::reward(user, lists[i]);
  }
  return sum / static_cast<double>(users.size());
}

template <class Task>
struct algorithm {
  std::string name;
  std::function<void(typename Task::policy_type&, std::uint64_t seed)> learn;
};

template <class Range>
void run(Range&& steps) {
  for (const auto& m : steps) static_cast<void>(m);
}

template <class Task>
std::vector<algorithm<Task>> algorithms() {
  using policy_type = typename Task::policy_type;
  std::vector<algorithm<Task>> all;

  // Four passes where there is a ratio, so that it leaves 1. Learning rates make up for the size of an
  // objective's gradient: a mean or a sum over a list's places, with or without the division by the rewards'
  // deviation.
  const auto trained = [&](std::string name, double learning_rate, auto objective,
                           train_options options = {}) {
    options.steps = 300 / static_cast<std::ptrdiff_t>(options.inner_epochs);
    options.group_size = 24;
    options.learning_rate = learning_rate;
    all.push_back({std::move(name), [objective, options](policy_type& policy, std::uint64_t seed) mutable {
                     options.seed = seed;
                     const policy_type reference = policy;
                     run(train(policy, objective, Task::reward, users, options, &reference));
                   }});
  };
  trained("grpo, the paper's", 1.4, grpo{.kl_coef = 0.001}, {.inner_epochs = 4});
  trained("grpo, clipped, mini-batches", 0.7, grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0},
          {.inner_epochs = 4, .mini_batches = 2});
  trained("dapo", 1.4,
          grpo{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0, .average = normalisation::per_token},
          {.inner_epochs = 4, .sampling_rounds = 3});
  trained("dr. grpo", 4.2,
          grpo{.kl_coef = 0, .average = normalisation::constant_length(3), .scale = advantage_scale::none},
          {.inner_epochs = 4});
  trained("gspo", 1.4, gspo{.clip_low = 0.2, .clip_high = 0.2}, {.inner_epochs = 4});
  trained("cispo", 1.4, cispo{}, {.inner_epochs = 4});
  trained("sapo", 1.4, sapo{}, {.inner_epochs = 4});
  trained("reinforce", 0.5, reinforce{});
  trained("rloo", 1.4, reinforce{.advantage = advantage::leave_one_out});
  trained("remax", 1.4, reinforce{.advantage = advantage::greedy_baseline}, {.greedy_baseline = true});
  trained("opo", 1.4, reinforce{.advantage = advantage::optimal_baseline});
  trained("gpg", 4.2, reinforce{.average = normalisation::per_token, .advantage = advantage::gpg});
  trained("gdpo", 0.5, reinforce{.advantage = advantage::gdpo});
  trained("reinforce++", 0.5, reinforce{.advantage = advantage::reinforce_plus_plus});
  trained("reinforce++ with baseline", 0.5, reinforce{.advantage = advantage::reinforce_plus_plus_baseline});

  all.push_back({"ppo", [](policy_type& policy, std::uint64_t seed) {
                   tabular_critic critic{{.prompts = 2, .length = 3, .items = 4}};
                   run(train_ppo(policy, critic, ppo{.kl_coef = 0}, Task::reward, users,
                                 {.steps = 150,
                                  .group_size = 32,
                                  .inner_epochs = 4,
                                  .learning_rate = 1.0,
                                  .critic_learning_rate = 2.0,
                                  .seed = seed}));
                 }});

  // Learning from given data, round after round from samples of the policy as it is.
  const auto fitted = [&](std::string name, auto objective, auto lessons_of, double learning_rate) {
    all.push_back({std::move(name), [=](policy_type& policy, std::uint64_t seed) {
                     for (std::uint64_t round = 0; round < 250; ++round) {
                       const policy_type reference = policy;
                       const auto r = policy.sample(users, 32, random_stream(seed).split(round));
                       const auto lessons = lessons_of(r, rewards_of(Task::reward, r, users));
                       if (lessons.empty()) continue;
                       run(fit(policy, objective, lessons,
                               {.steps = 1, .batch_size = 64, .learning_rate = learning_rate, .seed = seed},
                               &reference));
                     }
                   }});
  };
  const auto pairs = [](const auto& r, const row_values<double>& rewards) {
    return preferences_of(r, users,
                          preference_pairs(rewards, r.prompt, {.how = pairing::all, .margin = 0.05}));
  };
  fitted("dpo", dpo{}, pairs, 5.0);
  fitted("ipo", dpo{.loss = ipo_loss}, pairs, 0.1);
  fitted("simpo", dpo{.beta = 2.0, .loss = simpo_loss{}}, pairs, 3.0);
  fitted(
      "kto", kto{},
      [](const auto& r, const row_values<double>& rewards) {
        // Nearer to the best than to the mean: a label of "above the mean" settles for the second best.
        return feedback_of(r, users, rewards, (rewards.mean() + rewards.maxCoeff()) / 2);
      },
      20.0);
  fitted(
      "sft on each round's best", sft{},
      [](const auto& r, const row_values<double>& rewards) {
        std::vector<example<std::size_t, list>> best;
        for (Eigen::Index first = 0; first < rewards.size(); first += 32) {
          Eigen::Index at = 0;
          rewards.segment(first, 32).maxCoeff(&at);
          const auto row = static_cast<std::size_t>(first + at);
          best.push_back({users[r.prompt[row]], r.completions[row]});
        }
        return best;
      },
      2.0);
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("every trainer reaches 95 % of the optimum from five seeds", "", ranking_bandit,
                   list_task) {
  const double chance = expected_reward<TestType>(TestType::policy());
  CHECK(chance < 0.7 * TestType::optimum);
  double best = 0.0;
  for (const std::size_t user : users) {
    double highest = 0.0;
    for (const list& shown : TestType::lists()) highest = std::max(highest, TestType::reward(user, shown));
    best += highest / static_cast<double>(users.size());
  }
  CHECK(best == Approx(TestType::optimum));
  for (const algorithm<TestType>& a : algorithms<TestType>())
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      auto policy = TestType::policy();
      a.learn(policy, seed);
      const double share = expected_reward<TestType>(policy) / TestType::optimum;
      INFO(TestType::name << ", " << a.name << ", seed " << seed << ": " << share
                          << " of the optimum, by chance " << chance / TestType::optimum);
      CHECK(share >= 0.95);
    }
}
