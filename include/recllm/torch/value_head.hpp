// A critic for PPO: a language model of its own under a linear head.
//
//   V(state before token t) = w . h + b      h: the model's output, after the last norm, at the token before
//   t
//
// A value function that shares no weights with the policy: Stiennon et al., arXiv 2009.01325, section 3.4.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/core/types.hpp>
#include <recllm/torch/adamw.hpp>
#include <recllm/torch/causal_lm.hpp>
#include <recllm/torch/initial_weights.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Settings of a value_head.
struct value_head_options {
  /// Whether only the head learns: the model's weights stay, and nothing is pulled back through it.
  bool freeze_backbone = false;
  /// Deviation of the head's initial weights, >= 0; its bias starts at 0. 0 = every value starts at 0, and
  /// the model's gradient is 0 until the head has moved. Hugging Face's classifiers, which verl trains, start
  /// at the model's initializer_range, TRL's v_head_init_strategy "normal" at 0.2.
  double initializer_range = 0.0;
  std::uint64_t seed = 0;        ///< of the initial weights
  adamw_options optimizer = {};  ///< of head and model
};

/// One forward pass of values and the way back.
class value_trace {
 public:
  value_trace(at::Tensor values, detail::token_places places)
      : values_(std::move(values)), host_(places.spread(values_.detach())), places_(std::move(places)) {}

  /// count x T, in units of reward, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> values() const { return host_; }

  /// Adds the pullback of dloss_dvalues (count x T; not read where the mask is 0) to the critic's gradient.
  /// Throws std::invalid_argument for another shape and when called again.
  void backward(const token_view<float>& dloss_dvalues) {
    require(dloss_dvalues.rows() == host_.rows() && dloss_dvalues.cols() == host_.cols(),
            "recllm: value_head: backward() got ", dloss_dvalues.rows(), " x ", dloss_dvalues.cols(),
            " slopes for ", host_.rows(), " x ", host_.cols(), " values");
    require(values_.defined(),
            "recllm: value_head: backward() was called twice on one trace; call trace_values() again");
    if (!places_.entries.empty())
      torch::autograd::backward({values_}, {places_.gather(dloss_dvalues, values_.device())});
    values_.reset();
  }

 private:
  at::Tensor values_;  // M, with its graph until backward()
  token_matrix<float> host_;
  detail::token_places places_;
};

/// The critic: models Critic for the rollouts of every causal_lm. A copy has weights and state of its own.
///
///   value_head critic(policy.model());
///   for (const auto& m : train_ppo(policy, critic, ppo{.kl_coef = 0.0}, goal, prompts)) ...
class value_head {
 public:
  /// `backbone`: a copy of the policy's model, or one that has learned the reward. Throws
  /// std::invalid_argument where initializer_range is negative or not finite.
  explicit value_head(qwen backbone, value_head_options settings = {})
      : backbone_(std::move(backbone)), options_(settings), optimizer_(settings.optimizer) {
    const double deviation = options_.initializer_range;
    require(deviation >= 0.0 && std::isfinite(deviation),
            "recllm: value_head: initializer_range = ", deviation, ", expected 0 or a positive number");
    random_stream draws(options_.seed);
    const at::Tensor weight = detail::normal_weight({1, backbone_.config().hidden_size}, deviation, draws);
    add("score.weight", weight.to(backbone_.device()));
    add("score.bias", at::zeros({1}, weight.options().device(backbone_.device())));
  }

  value_head(const value_head& other)
      : backbone_(other.backbone_), options_(other.options_), optimizer_(options_.optimizer) {
    for (const auto& [name, weight] : other.head_) add(name, weight.detach().clone());
    optimizer_.load_state(detail::clone(other.optimizer_.state()), trained());
  }
  value_head& operator=(const value_head& other) { return *this = value_head(other); }
  value_head(value_head&&) = default;
  value_head& operator=(value_head&&) = default;
  ~value_head() = default;

  [[nodiscard]] const qwen& backbone() const { return backbone_; }

  /// score.weight (1 x d) and score.bias (1).
  [[nodiscard]] const tensor_map& head() const { return head_; }

  /// The value of the state before each token, count x T, in units of reward, 0 where the mask is 0. Throws
  /// std::invalid_argument where a token is outside the model's vocabulary.
  template <class Completion>
  [[nodiscard]] token_matrix<float> values(const token_rollouts<Completion>& r, row_block rows) const {
    const at::NoGradGuard no_grad;
    return forward(r, rows).values();
  }

  /// The same with its graph. Neighbouring rows of one prompt share its computation.
  template <class Completion>
  [[nodiscard]] value_trace trace_values(const token_rollouts<Completion>& r, row_block rows) const {
    return forward(r, rows);
  }

  /// One AdamW step of what learns; the gradient's norm before clipping. Throws non_finite_error, with the
  /// weights unchanged, where that is not finite.
  double step(const update& how) { return optimizer_.step(trained(), how); }

  /// Forgets the gathered gradient.
  void clear_gradient() { detail::clear_gradients(trained()); }

  /// Writes the model's folder, and value_head.safetensors and the optimizer's state beside it.
  void save(const std::filesystem::path& folder) const {
    backbone_.save(folder);
    write_safetensors(folder / "value_head.safetensors", head_);
    write_safetensors(folder / "optimizer.safetensors", optimizer_.state());
  }

  /// Takes up what save() wrote: weights and optimizer state. Throws std::invalid_argument where a file is
  /// missing or does not fit; the critic is then as it was.
  void load(const std::filesystem::path& folder) {
    value_head saved(qwen(folder, backbone_.device()), options_);
    saved.load_head(folder / "value_head.safetensors");
    saved.optimizer_.load_state(read_safetensors(folder / "optimizer.safetensors"), saved.trained());
    *this = std::move(saved);
  }

  /// Takes score.weight, and score.bias (0 where there is none), from a file of save() or the
  /// model.safetensors of a Hugging Face reward model of one label. Throws std::invalid_argument that names
  /// file and tensor where one is missing, has another shape or holds a value that is not finite; the head is
  /// then as it was.
  void load_head(const std::filesystem::path& file) {
    const at::NoGradGuard no_grad;
    tensor_map stored = read_safetensors(file);
    stored.try_emplace("score.bias", at::zeros({1}));
    for (const auto& [name, weight] : head_) {
      require(stored.contains(name), "recllm: value_head: ", file.string(), ": tensor '", name,
              "' is missing");
      const at::Tensor& found = stored.at(name);
      require(found.sizes() == weight.sizes(), "recllm: value_head: ", file.string(), ": tensor '", name,
              "' has shape ", found.sizes(), ", expected ", weight.sizes());
      require(found.isfinite().all().item<bool>(), "recllm: value_head: ", file.string(), ": tensor '", name,
              "' holds a value that is not finite");
    }
    for (const auto& [name, weight] : head_) weight.copy_(stored.at(name));
  }

 private:
  void add(const std::string& name, const at::Tensor& weight) {
    head_.emplace(name, weight.requires_grad_());
  }

  /// What the optimizer moves.
  [[nodiscard]] tensor_map trained() const {
    tensor_map all = head_;
    if (!options_.freeze_backbone) all.insert(backbone_.weights().begin(), backbone_.weights().end());
    return all;
  }

  template <class Completion>
  [[nodiscard]] value_trace forward(const token_rollouts<Completion>& r, row_block rows) const {
    detail::packed_rows packed = detail::pack_rows(r, rows, backbone_.device());
    if (packed.places.entries.empty())
      return {at::zeros({0}, head_.at("score.bias").options()), std::move(packed.places)};
    const std::int64_t highest = packed.batch.tokens.max().item<std::int64_t>();
    require(highest < backbone_.config().vocab_size, "recllm: value_head: token ", highest,
            " is outside the critic's vocabulary of ", backbone_.config().vocab_size,
            "; policy and critic need the same one");
    const at::Tensor states = [&] {
      const at::AutoGradMode through_backbone(at::GradMode::is_enabled() && !options_.freeze_backbone);
      return backbone_.hidden(packed.batch, std::identity{}, layer_activations::kept, packed.sources)
          .to(at::kFloat);
    }();
    return {at::linear(states, head_.at("score.weight"), head_.at("score.bias")).squeeze(1),
            std::move(packed.places)};
  }

  qwen backbone_;
  value_head_options options_;
  adamw optimizer_;
  tensor_map head_;
};

}  // namespace recllm::torch_bridge
