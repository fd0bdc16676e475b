// The names under which a step is logged, and that what is absent is not.
#include <string>
#include <vector>

#include <recllm/train/metrics.hpp>

#include "support/catch.hpp"

using namespace recllm;

namespace {

template <class Metrics>
std::vector<std::string> names(const Metrics& m) {
  std::vector<std::string> all;
  for_each_field(m, [&](const std::string& name, double) { all.push_back(name); });
  return all;
}

double value(const step_metrics& m, const std::string& wanted) {
  double found = -1.0;
  for_each_field(m, [&](const std::string& name, double v) {
    if (name == wanted) found = v;
  });
  return found;
}

}  // namespace

TEST_CASE("a step's fields have TRL's names") {
  step_metrics m;
  m.reward_terms = {{"lcs", 0.5, 0.1}, {"format", 1.0, 0.0}};
  m.entropy = 2.0;
  m.num_tokens = 12;
  m.truncated = 0.25;
  m.kl_coef = 0.1;
  m.importance_ratio = 1.0;
  m.greedy_reward = 3.0;
  m.clip_ratio_low = 0.125;
  m.clip_ratio_high = 0.25;
  CHECK(names(m) == std::vector<std::string>{"step",
                                             "loss",
                                             "reward",
                                             "reward_std",
                                             "frac_reward_zero_std",
                                             "rewards/lcs/mean",
                                             "rewards/lcs/std",
                                             "rewards/format/mean",
                                             "rewards/format/std",
                                             "reward/greedy_mean",
                                             "kl",
                                             "entropy",
                                             "clip_ratio/low_mean",
                                             "clip_ratio/high_mean",
                                             "clip_ratio/region_mean",
                                             "sampling/importance_sampling_ratio/mean",
                                             "kl_coef",
                                             "completions/mean_length",
                                             "completions/min_length",
                                             "completions/max_length",
                                             "completions/clipped_ratio",
                                             "num_tokens",
                                             "grad_norm",
                                             "learning_rate",
                                             "step_time"});
  CHECK(value(m, "clip_ratio/region_mean") == 0.375);
  CHECK(value(m, "rewards/lcs/std") == 0.1);
  CHECK(value(m, "rewards/lcs/mean") == 0.5);
  CHECK(value(m, "entropy") == 2.0);
  CHECK(value(m, "num_tokens") == 12.0);
}

TEST_CASE("what is absent is not logged") {
  for (const std::string& name : names(step_metrics{})) CHECK((name != "entropy" && name != "value_loss"));
  CHECK(names(fit_metrics{}) == std::vector<std::string>{"step", "epoch", "loss", "num_tokens", "grad_norm",
                                                         "learning_rate", "step_time"});
}
