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
  m.reward_terms = {{"lcs", 0.5}, {"format", 1.0}};
  m.entropy = 2.0;
  m.num_tokens = 12;
  CHECK(names(m) == std::vector<std::string>{
                        "step", "loss", "reward", "reward_std", "frac_reward_zero_std", "rewards/lcs/mean",
                        "rewards/format/mean", "kl", "entropy", "clip_ratio/low_mean", "clip_ratio/high_mean",
                        "completions/mean_length", "num_tokens", "grad_norm", "learning_rate", "step_time"});
  CHECK(value(m, "rewards/lcs/mean") == 0.5);
  CHECK(value(m, "entropy") == 2.0);
  CHECK(value(m, "num_tokens") == 12.0);
}

TEST_CASE("what is absent is not logged") {
  for (const std::string& name : names(step_metrics{})) CHECK((name != "entropy" && name != "value_loss"));
  CHECK(names(fit_metrics{}) == std::vector<std::string>{"step", "epoch", "loss", "num_tokens", "grad_norm",
                                                         "learning_rate", "step_time"});
}
