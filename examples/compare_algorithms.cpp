// Every algorithm on one task whose best expected reward is known, a Plackett-Luce bandit: prints a table and
// writes a page with the learning curves.
//
//     compare_algorithms [PAGE]     default: compare_algorithms.html; its numbers go beside it as .jsonl
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <recllm/plackett_luce.hpp>
#include <recllm/recllm.hpp>
#include <recllm/train/report.hpp>

using namespace recllm;

namespace {

using policy_type = plackett_luce_policy;
using callback = std::function<void()>;
constexpr std::size_t seeds = 5, steps = 100, group = 16;  // a step is 16 new lists a user, whoever learns
constexpr double rate = 4.0;
const std::vector<std::size_t> users{0, 1};

policy_type fresh_policy() {  // lists of three of five items; a table of scores, all 0
  return policy_type({.prompt_features = one_hot(2), .item_features = one_hot(5), .length = 3});
}

// What the user likes earns more the higher it stands.
double reward(std::size_t user, const std::vector<int>& shown) {
  static const double likes[2][5] = {{0.1, 0.9, 0.3, 0.0, 0.6}, {0.8, 0.0, 0.5, 0.7, 0.2}};
  double sum = 0.0;
  for (std::size_t t = 0; t < shown.size(); ++t)
    sum += likes[user][static_cast<std::size_t>(shown[t])] / std::log2(static_cast<double>(t) + 2.0);
  return sum;
}
const double optimum = (reward(0, {1, 4, 2}) + reward(1, {0, 3, 2})) / 2;

// Exact: over all lists, not from samples.
double share_of_optimum(const policy_type& policy) {
  static const auto [lists, rewards] = [] {
    std::vector<std::size_t> asked;
    std::vector<std::vector<int>> all;
    for (int i = 0; i < 250; ++i)
      if (const int a = i / 25 % 5, b = i / 5 % 5, c = i % 5; a != b && a != c && b != c)
        all.push_back({a, b, c}), asked.push_back(users[static_cast<std::size_t>(i / 125)]);
    const tabular_rollouts r = fresh_policy().given(asked, all);
    return std::pair(r, rewards_of(reward, r, asked));
  }();
  const token_matrix<float> log_probs = policy.log_probs(lists, {0, lists.rows()});
  return (log_probs.cast<double>().rowwise().sum().exp() * rewards).sum() / 2 / optimum;
}

struct algorithm {
  std::string name;
  std::function<void(policy_type&, std::uint64_t seed, const callback& stepped)> learn;
};

algorithm trained(const char* name, auto objective, train_options options = {}) {
  options.steps = steps;
  options.group_size = group;
  options.learning_rate = rate;
  return {name, [=](policy_type& policy, std::uint64_t seed, const callback& stepped) mutable {
            options.seed = seed;
            const policy_type reference = policy;
            for ([[maybe_unused]] auto& m : train(policy, objective, reward, users, options, &reference))
              stepped();
          }};
}

void learn_by_ppo(policy_type& policy, std::uint64_t seed, const callback& stepped) {
  tabular_critic critic({.prompts = 2, .length = 3});
  ppo_train_options options{.steps = steps, .group_size = group, .learning_rate = rate, .seed = seed};
  options.critic_learning_rate = rate;
  for ([[maybe_unused]] auto& m : train_ppo(policy, critic, ppo{.kl_coef = 0}, reward, users, options))
    stepped();
}

// Each step makes lessons of lists by the policy as it is, which is the reference too, for four updates.
algorithm fitted(const char* name, auto objective, double learning_rate, auto lessons_of) {
  return {name, [=](policy_type& policy, std::uint64_t seed, const callback& stepped) {
            const fit_options options{
                .steps = 4, .batch_size = 64, .learning_rate = learning_rate, .seed = seed};
            for (std::size_t step = 0; step < steps; ++step, stepped()) {
              const policy_type reference = policy;
              const tabular_rollouts lists = policy.sample(users, group, random_stream(seed).split(step));
              const auto lessons = lessons_of(lists, rewards_of(reward, lists, users));
              if (lessons.empty()) continue;  // all lists are alike
              for ([[maybe_unused]] auto& m : fit(policy, objective, lessons, options, &reference)) continue;
            }
          }};
}

auto pairs(const tabular_rollouts& lists, const row_values<double>& rewards) {
  return preferences_of(lists, users, preference_pairs(rewards, lists.prompt, {.how = pairing::all}));
}
auto labels(const tabular_rollouts& lists, const row_values<double>& rewards) {
  return feedback_of(lists, users, rewards, rewards.mean());
}
auto best(const tabular_rollouts& lists, const row_values<double>& rewards) {
  std::vector<example<std::size_t, std::vector<int>>> all;
  for (const row_pair& rows : preference_pairs(rewards, lists.prompt))
    all.push_back({lists.answered[rows.chosen], lists.completions[rows.chosen]});
  return all;
}

std::string digits(double value) { return std::to_string(value + 0.0005).substr(0, 5); }  // three decimals

}  // namespace

int main(int argc, char** argv) try {
  const normalisation tokens = normalisation::per_token, fixed = normalisation::constant_length(3);
  const train_options again{.inner_epochs = 3};  // without it no ratio leaves 1, and the first family is one
  const train_options dynamic{.inner_epochs = 3, .sampling_rounds = 3};
  const std::pair<const char*, std::vector<algorithm>> families[] = {
      {"GRPO and its kin",
       {trained("GRPO", grpo{.kl_coef = 0.001}, again),
        trained("GRPO, clipped", grpo{.clip_low = 0.2, .clip_high = 0.2, .kl_coef = 0}, again),
        trained("DAPO", grpo{.clip_low = 0.2, .clip_high = 0.28, .kl_coef = 0, .average = tokens}, dynamic),
        trained("Dr. GRPO", grpo{.kl_coef = 0, .average = fixed, .scale = advantage_scale::none}, again),
        trained("GSPO", gspo{}, again), trained("CISPO", cispo{}, again), trained("SAPO", sapo{}, again)}},
      {"REINFORCE and its baselines",
       {trained("REINFORCE", reinforce{}), trained("RLOO", reinforce{.advantage = advantage::leave_one_out}),
        trained("ReMax", reinforce{.advantage = advantage::greedy_baseline}, {.greedy_baseline = true}),
        trained("OPO", reinforce{.advantage = advantage::optimal_baseline}),
        trained("GPG", reinforce{.average = tokens, .advantage = advantage::gpg}),
        trained("REINFORCE++", reinforce{.advantage = advantage::reinforce_plus_plus}),
        trained("REINFORCE++ baseline", reinforce{.advantage = advantage::reinforce_plus_plus_baseline})}},
      {"A critic, preferences, labels, imitation",
       {{"PPO", learn_by_ppo},
        fitted("DPO", dpo{}, 10.0, pairs),
        fitted("IPO", dpo{.loss = ipo_loss}, 0.3, pairs),
        fitted("SimPO", dpo{.beta = 2.0, .loss = simpo_loss{}}, 1.0, pairs),
        fitted("KTO", kto{}, 20.0, labels),
        fitted("SFT on the best lists", sft{}, 1.0, best)}}};

  const std::filesystem::path page = argc > 1 ? argv[1] : "compare_algorithms.html";
  const std::filesystem::path curves = std::filesystem::path(page).replace_extension(".jsonl");
  jsonl_log log(curves);
  report_section section;
  report_table table{.title = "After " + std::to_string(steps) + " steps, mean over five seeds",
                     .header = {"algorithm", "expected reward", "of optimum", "worst seed", "steps to 95 %"}};
  for (const auto& [title, members] : families) {
    report_plot plot{.title = title, .y_label = "share of the optimum"};
    for (const auto& [name, learn] : members) {
      std::vector<double> mean(steps + 1);  // before the first step, and after each
      double worst = 1.0;
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        policy_type policy = fresh_policy();
        std::size_t step = 0;
        const callback note = [&] { mean[step++] += share_of_optimum(policy) / seeds; };
        note();
        learn(policy, seed, note);
        worst = std::min(worst, share_of_optimum(policy));
      }
      for (std::size_t step = 0; step <= steps; ++step)
        log.write({{"phase", name}, {"step", step}, {"share", mean[step]}});
      plot.curves.push_back({.key = "share", .label = name, .phase = name});
      const auto there = std::ranges::find_if(mean, [](double share) { return share >= 0.95; });
      table.rows.push_back({name, digits(mean.back() * optimum), digits(mean.back()), digits(worst),
                            there == mean.end() ? "-" : std::to_string(there - mean.begin())});
    }
    section.plots.push_back(plot);
  }

  const std::string range = "expected reward " + digits(share_of_optimum(fresh_policy()) * optimum) +
                            " by chance, " + digits(optimum) + " at best";
  std::printf("%s\n%s\n", range.c_str(), table.title.c_str());
  const auto print = [](const std::vector<std::string>& row) {
    std::printf("%-22s %16s %11s %11s %14s\n", row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(),
                row[4].c_str());
  };
  print(table.header);
  std::ranges::for_each(table.rows, print);
  section.tables.push_back(table);
  const std::string note =
      "All by one setting each, chosen once and not to win. What learns from groups or by a critic has the "
      "same "
      "learning rate, so those that divide by the rewards' deviation, or sum over a list's places instead of "
      "averaging, take larger steps.";
  const std::string problem = write_report(page, {.title = "Learning curves on a bandit",
                                                  .subtitle = range,
                                                  .intro = {note},
                                                  .sections = {section},
                                                  .metrics = curves});
  std::printf("learning curves: %s\n%s%s", page.c_str(), problem.c_str(), problem.empty() ? "" : "\n");
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
