// What a training step reports, under the names that TRL's logs use.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace recllm {

/// What a named term of the reward was worth, over the completions that reached it: behind a when(), some may
/// not have.
struct reward_term {
  std::string name;
  double mean = 0.0;  ///< of the raw values
  double std = 0.0;   ///< sample deviation (n - 1), 0 for one
};

/// One step of train() or train_ppo(). Means over inner epochs where there are several.
struct step_metrics {
  std::ptrdiff_t step = 0;  ///< counts from 0
  double loss = 0.0;        ///< what the step minimised
  double reward = 0.0;      ///< mean over completions
  double reward_std =
      0.0;  ///< mean over groups of the sample deviation in a group (n - 1); 0 for groups of one
  double frac_reward_zero_std = 0.0;  ///< share of groups whose rewards are all equal: they teach nothing
  double kl = 0.0;                    ///< mean over tokens, nats, to the reference; 0 without one
  std::optional<double> entropy{};    ///< mean over tokens, nats; absent where the policy's trace has none
  double clip_ratio_low = 0.0;        ///< share of tokens held back by the lower clip
  double clip_ratio_high = 0.0;       ///< share of tokens held back by the upper clip
  double mean_length = 0.0;           ///< tokens a completion
  std::size_t min_length = 0;         ///< tokens
  std::size_t max_length = 0;         ///< tokens
  std::optional<double>
      truncated{};             ///< share of completions that the length limit cut off, where the policy says
  std::size_t num_tokens = 0;  ///< of this step's completions
  double grad_norm = 0.0;      ///< before clipping
  double learning_rate = 0.0;  ///< of this step
  double seconds = 0.0;        ///< the step took
  std::optional<double> value_loss{};  ///< of the critic; absent without one
  std::optional<double>
      greedy_reward{};  ///< mean over prompts of the greedy completion's; where it is asked for
  std::optional<double>
      importance_ratio{};           ///< mean over tokens of the importance weights; where they are asked for
  std::optional<double> kl_coef{};  ///< that the step used; where kl_control moves it
  std::vector<reward_term> reward_terms{};  ///< in the reward's order
};

/// Calls `f(name, value)` for each number of `m` that is there, `name` as TRL spells it, `value` a double.
template <class Function>
void for_each_field(const step_metrics& m, Function&& f) {
  f(std::string("step"), static_cast<double>(m.step));
  f(std::string("loss"), m.loss);
  f(std::string("reward"), m.reward);
  f(std::string("reward_std"), m.reward_std);
  f(std::string("frac_reward_zero_std"), m.frac_reward_zero_std);
  for (const reward_term& term : m.reward_terms) {
    f("rewards/" + term.name + "/mean", term.mean);
    f("rewards/" + term.name + "/std", term.std);
  }
  if (m.greedy_reward) f(std::string("reward/greedy_mean"), *m.greedy_reward);
  f(std::string("kl"), m.kl);
  if (m.entropy) f(std::string("entropy"), *m.entropy);
  f(std::string("clip_ratio/low_mean"), m.clip_ratio_low);
  f(std::string("clip_ratio/high_mean"), m.clip_ratio_high);
  f(std::string("clip_ratio/region_mean"), m.clip_ratio_low + m.clip_ratio_high);
  if (m.importance_ratio) f(std::string("sampling/importance_sampling_ratio/mean"), *m.importance_ratio);
  if (m.kl_coef) f(std::string("kl_coef"), *m.kl_coef);
  f(std::string("completions/mean_length"), m.mean_length);
  f(std::string("completions/min_length"), static_cast<double>(m.min_length));
  f(std::string("completions/max_length"), static_cast<double>(m.max_length));
  if (m.truncated) f(std::string("completions/clipped_ratio"), *m.truncated);
  f(std::string("num_tokens"), static_cast<double>(m.num_tokens));
  f(std::string("grad_norm"), m.grad_norm);
  f(std::string("learning_rate"), m.learning_rate);
  if (m.value_loss) f(std::string("value_loss"), *m.value_loss);
  f(std::string("step_time"), m.seconds);
}

/// One step of fit().
struct fit_metrics {
  std::ptrdiff_t step = 0;          ///< counts from 0
  double epoch = 0.0;               ///< passes over the examples when the step is done
  double loss = 0.0;                ///< what the step minimised
  std::optional<double> entropy{};  ///< mean over tokens, nats; absent where the policy's trace has none
  std::size_t num_tokens = 0;       ///< of this step's completions
  double grad_norm = 0.0;           ///< before clipping
  double learning_rate = 0.0;       ///< of this step
  double seconds = 0.0;             ///< the step took
  std::optional<double>
      chosen_reward{};  ///< dpo, kto: mean reward (beta * log-ratio) of chosen, desirable completions
  std::optional<double> rejected_reward{};  ///< of rejected, undesirable ones
  std::optional<double>
      chosen_log_prob{};  ///< mean log-prob of a chosen completion, nats, summed over its tokens
  std::optional<double> rejected_log_prob{};  ///< of a rejected one
  std::optional<double> margin{};             ///< chosen_reward - rejected_reward
  std::optional<double> accuracy{};           ///< dpo: share of pairs whose margin is above 0
};

/// As above.
template <class Function>
void for_each_field(const fit_metrics& m, Function&& f) {
  f(std::string("step"), static_cast<double>(m.step));
  f(std::string("epoch"), m.epoch);
  f(std::string("loss"), m.loss);
  if (m.entropy) f(std::string("entropy"), *m.entropy);
  if (m.chosen_reward) f(std::string("rewards/chosen"), *m.chosen_reward);
  if (m.rejected_reward) f(std::string("rewards/rejected"), *m.rejected_reward);
  if (m.margin) f(std::string("rewards/margins"), *m.margin);
  if (m.accuracy) f(std::string("rewards/accuracies"), *m.accuracy);
  if (m.chosen_log_prob) f(std::string("logps/chosen"), *m.chosen_log_prob);
  if (m.rejected_log_prob) f(std::string("logps/rejected"), *m.rejected_log_prob);
  f(std::string("num_tokens"), static_cast<double>(m.num_tokens));
  f(std::string("grad_norm"), m.grad_norm);
  f(std::string("learning_rate"), m.learning_rate);
  f(std::string("step_time"), m.seconds);
}

}  // namespace recllm
