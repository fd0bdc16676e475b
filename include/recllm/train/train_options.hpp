// The settings of train() and what one of its steps works on.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/objective/importance.hpp>
#include <recllm/objective/kl_control.hpp>
#include <recllm/train/order.hpp>
#include <recllm/train/reference.hpp>
#include <recllm/train/schedule.hpp>

namespace recllm {

/// Settings of train().
struct train_options {
  std::ptrdiff_t steps = 100;        ///< of the whole run; >= 0
  std::ptrdiff_t first_step = 0;     ///< steps first_step, ..., steps - 1 run, as if never interrupted
  std::size_t prompts_per_step = 0;  ///< 0 = all of them
  std::size_t group_size = 8;        ///< completions a prompt, > 0; groups of one have nothing to compare
  std::size_t inner_epochs = 1;      ///< passes over the same completions, > 0
  std::size_t mini_batches =
      1;                        ///< optimizer steps a pass, > 0, each on neighbouring groups, in random order
  std::size_t micro_rows = 0;   ///< completions a forward pass, 0 = all: saves memory, changes nothing else
  double learning_rate = 1e-3;  ///< at its peak, > 0
  recllm::schedule schedule = recllm::schedule::constant;
  std::ptrdiff_t warmup_steps = 0;  ///< over which the learning rate rises, >= 0
  double max_grad_norm = 1.0;       ///< the gradient is scaled down to this norm; 0 = no clipping
  std::uint64_t seed = 0;           ///< step k depends on (seed, k) and the weights only

  /// Dynamic sampling (Yu et al., DAPO, arXiv 2503.14476, section 3.2). 0 = off. n > 0: groups of equal
  /// rewards are dropped, and prompts not yet tried in this step are sampled in their place, in n rounds at
  /// most, the first included. A step that is left without a group changes nothing.
  std::size_t sampling_rounds = 0;
  /// Completions that the length limit cut off are compared with their group, but not learned from (DAPO,
  /// section 3.4). Reads rollouts::truncated.
  bool mask_truncated = false;
  /// Score the greedy completion of each prompt too: what advantage::greedy_baseline (ReMax) compares with.
  bool greedy_baseline = false;
  /// The share, in (0, 1], of the step's tokens that the surrogate learns from: those of the highest
  /// entropies when the step begins (Wang et al., arXiv 2506.01939).
  double top_entropy = 1.0;
  /// For samples of another program or precision: the trainer scores them itself when the step begins, and
  /// weighs tokens by its ratio to what the sampler said.
  std::optional<importance_options> importance = std::nullopt;
  /// The divergence from the reference as a part of the rewards, where a token earns it; set the objective's
  /// kl_coef to 0.
  std::optional<kl_penalty> kl_in_reward = std::nullopt;
  /// Moves the coefficient of kl_in_reward, or else of the objective, once a step, by step_metrics::kl (nats
  /// a token). To go on with a run, set its `coef` to the last step_metrics::kl_coef.
  std::optional<adaptive_kl> kl_control = std::nullopt;
  reference_refresh refresh = {};  ///< when the reference follows the policy
};

/// What one step works on.
template <class Prompt>
struct step_input {
  std::ptrdiff_t step = 0;
  std::vector<Prompt> prompts;            ///< P
  std::vector<std::size_t> numbers = {};  ///< P, or empty: the prompts' own numbers, for messages
  random_stream rng{0};
  double learning_rate = 1e-3;
  std::span<const Prompt> all = {};  ///< where dynamic sampling finds more; `numbers` are places in it
};

namespace detail {

/// Makes the input of any step from (seed, step) alone. Borrows the prompts.
template <class Prompt, class Options>
class input_maker {
 public:
  input_maker(std::span<const Prompt> prompts, const Options& options)
      : prompts_(prompts), options_(options), order_(prompts.size(), options.seed) {}

  [[nodiscard]] step_input<Prompt> operator()(std::ptrdiff_t step) {
    step_input<Prompt> in;
    in.step = step;
    in.numbers =
        order_.batch(step, options_.prompts_per_step == 0 ? prompts_.size() : options_.prompts_per_step);
    for (const std::size_t number : in.numbers) in.prompts.push_back(prompts_[number]);
    in.rng = random_stream(options_.seed).split(static_cast<std::uint64_t>(step));
    in.learning_rate = options_.learning_rate *
                       learning_rate_share(options_.schedule, step, options_.steps, options_.warmup_steps);
    in.all = prompts_;
    return in;
  }

 private:
  std::span<const Prompt> prompts_;
  Options options_;
  epoch_order order_;
};

/// What train() and train_ppo() ask of their settings.
template <class Options>
void check_options(const Options& o, std::size_t prompts, std::string_view who) {
  require(prompts > 0, "recllm: ", who, ": there are no prompts; expected at least one");
  require(o.prompts_per_step <= prompts, "recllm: ", who, ": prompts_per_step = ", o.prompts_per_step,
          ", but there are only ", prompts, " prompts; use 0 for all of them");
  require(o.group_size > 0, "recllm: ", who, ": group_size = 0; expected at least 1");
  require(o.inner_epochs > 0, "recllm: ", who, ": inner_epochs = 0; expected at least 1");
  require(o.mini_batches > 0, "recllm: ", who, ": mini_batches = 0; expected at least 1");
  check_run(o, who);
}

/// What only train() has.
inline void check_train_options(const train_options& o, bool has_reference) {
  require(o.top_entropy > 0.0 && o.top_entropy <= 1.0, "recllm: train: top_entropy = ", o.top_entropy,
          "; expected a share in (0, 1], 1 for all tokens");
  require(o.sampling_rounds == 0 || o.group_size > 1, "recllm: train: sampling_rounds = ", o.sampling_rounds,
          " drops groups of equal rewards, but group_size = 1 makes no other; expected at least 2");
  require(
      !o.kl_in_reward || has_reference,
      "recllm: train: kl_in_reward is set, which needs a reference; pass the address of a frozen copy as the "
      "last argument");
}

}  // namespace detail

}  // namespace recllm
