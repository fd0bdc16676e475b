// A policy over lists of a prompt's candidates: the log-linear one of list_policy.hpp, and a network that
// learns what the weights of single features cannot say.
//
//   score(j at place t) = w . phi_j(prompt, list so far) + f(phi_j(prompt, empty list))
//
// f: a feed-forward network with GELU between its layers, whose last layer starts at 0 (without a bias, which
// a softmax does not see): the policy begins as w's order, say that of a ranker whose score is a feature.
// Wide and deep: Cheng et al., arXiv 1606.07792.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/list_rollouts.hpp>
#include <recllm/tabular.hpp>
#include <recllm/torch/adamw.hpp>
#include <recllm/torch/initial_weights.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// What list_network goes by.
template <NamesCandidates Prompt>
struct list_network_options {
  list_features<Prompt> features;            ///< on one scale, each about 1
  std::vector<double> weights;               ///< k, w to begin with
  std::vector<std::int64_t> hidden{32, 16};  ///< widths of f's hidden layers, > 0; none = f is linear
  std::size_t length = 10;                   ///< of a list, > 0, or all candidates where they are fewer
  std::uint64_t seed = 0;                    ///< of f's weights
  adamw_options optimizer = {.weight_decay = 0.0};
};

/// The policy. A copy has weights and state of its own and shares what `features` holds.
template <NamesCandidates Prompt>
class list_network {
 public:
  using prompt_type = Prompt;
  using list = std::vector<candidate_of<Prompt>>;
  using rollouts_type = list_rollouts<Prompt>;
  class forward_pass;

  /// Throws std::invalid_argument without features or weights, and for a length or width that is not > 0.
  explicit list_network(list_network_options<Prompt> of)
      : lists_("list_network", std::move(of.features), static_cast<Eigen::Index>(of.weights.size()),
               of.length),
        options_(of.optimizer),
        optimizer_(of.optimizer) {
    std::vector<std::int64_t> widths{static_cast<std::int64_t>(of.weights.size())};
    for (const std::int64_t width : of.hidden) {
      require(width > 0, "recllm: list_network: a hidden layer is ", width, " wide; expected > 0");
      widths.push_back(width);
    }
    widths.push_back(1);
    layers_ = widths.size() - 1;
    at::Tensor wide = at::empty({1, widths.front()}, at::kFloat);
    std::ranges::transform(of.weights, wide.data_ptr<float>(),
                           [](double w) { return static_cast<float>(w); });
    add("wide.weight", wide);
    random_stream rng(of.seed);
    for (std::size_t l = 0; l < layers_; ++l) {
      // He et al., arXiv 1502.01852, equation 10; the last layer is 0.
      const double deviation = l + 1 < layers_ ? std::sqrt(2.0 / static_cast<double>(widths[l])) : 0.0;
      add(layer(l, "weight"), detail::normal_weight({widths[l + 1], widths[l]}, deviation, rng));
      if (l + 1 < layers_) add(layer(l, "bias"), at::zeros({widths[l + 1]}, at::kFloat));
    }
  }

  list_network(const list_network& other)
      : lists_(other.lists_), options_(other.options_), optimizer_(other.options_), layers_(other.layers_) {
    for (const auto& [name, weight] : other.weights_) add(name, weight.detach().clone());
    optimizer_.load_state(detail::clone(other.optimizer_.state()), weights_);
  }
  list_network& operator=(const list_network& other) { return *this = list_network(other); }
  list_network(list_network&&) = default;
  list_network& operator=(list_network&&) = default;
  ~list_network() = default;

  /// group_size lists of each prompt. Throws std::invalid_argument for a prompt without candidates, and where
  /// `features` leaves phi in another shape or a score is not finite.
  [[nodiscard]] rollouts_type sample(std::span<const Prompt> prompts, std::size_t group_size,
                                     random_stream rng) const {
    const at::NoGradGuard no_grad;
    return lists_.sample(prompts, group_size, wide(), scores_of(prompts), rng);
  }

  /// The candidate of the highest score at each place, of equal ones the first. Throws as sample() does.
  [[nodiscard]] rollouts_type greedy(std::span<const Prompt> prompts) const {
    const at::NoGradGuard no_grad;
    return lists_.greedy(prompts, wide(), scores_of(prompts));
  }

  /// The rollouts of given lists; completions[i] answers prompts[i]. Throws std::invalid_argument for an item
  /// that is no candidate or stands twice, for too long a list, and for sizes that differ.
  [[nodiscard]] rollouts_type given(std::span<const Prompt> prompts,
                                    const std::vector<list>& completions) const {
    return lists_.given(prompts, completions);
  }

  /// The rows' log-probs, count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs(const rollouts_type& r, row_block rows) const {
    const at::NoGradGuard no_grad;
    return lists_.log_probs(r, rows, wide(), scores_of(r, rows));
  }

  /// The rows' log-probs, kept for the way back.
  [[nodiscard]] forward_pass trace(const rollouts_type& r, row_block rows) { return {*this, r, rows}; }

  /// One AdamW step of w and f; the gradient's norm before clipping. A norm that is not finite throws
  /// non_finite_error with the weights unchanged.
  double step(const update& how) { return optimizer_.step(weights_, how); }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { detail::clear_gradients(weights_); }

  /// Each weight becomes share * other's + (1 - share) * its own; the optimizer's state stays. Of networks of
  /// the same features and widths; the lists' lengths may differ.
  void blend(const list_network& other, double share) {
    const at::NoGradGuard no_grad;
    for (const auto& [name, weight] : weights_) weight.lerp_(other.weights_.at(name), share);
  }

  /// "wide.weight" (w, 1 x k), and "deep.0.weight", "deep.0.bias", ... of f's layers.
  [[nodiscard]] const tensor_map& weights() const { return weights_; }

  /// Writes model.safetensors and optimizer.safetensors into the folder.
  void save(const std::filesystem::path& folder) const { detail::save_weights(folder, weights_, optimizer_); }

  /// Takes up what save() wrote of a policy of the same widths. Throws std::invalid_argument where it does
  /// not fit; the policy is then as it was.
  void load(const std::filesystem::path& folder) {
    detail::load_weights("list_network", folder, weights_, optimizer_);
  }

 private:
  using numbers = row_values<double>;
  using distribution = recllm::detail::softmax<numbers>;

  /// f of every candidate of some prompts, one after the other.
  struct deep_scores {
    std::size_t first;                  // the number of the first prompt
    std::vector<std::size_t> begin{0};  // where each prompt's candidates start, and the end
    at::Tensor values{};                // M, with the graph where gradients are on
    std::vector<double> host{};         // M

    [[nodiscard]] std::span<const double> operator()(std::size_t prompt) const {
      const std::size_t i = prompt - first;
      return std::span(host).subspan(begin[i], begin[i + 1] - begin[i]);
    }
  };

  static std::string layer(std::size_t l, const char* what) {
    return "deep." + std::to_string(l) + "." + what;
  }

  void add(const std::string& name, const at::Tensor& weight) {
    weights_.emplace(name, weight.requires_grad_());
  }

  [[nodiscard]] token_matrix<double> wide() const {
    const at::Tensor& w = weights_.at("wide.weight");
    return Eigen::Map<const token_matrix<float>>(w.data_ptr<float>(), 1, w.size(1)).template cast<double>();
  }

  [[nodiscard]] deep_scores scores_of(std::span<const Prompt> prompts, std::size_t first = 0) const {
    deep_scores of{.first = first};
    for (const Prompt& prompt : prompts)
      of.begin.push_back(of.begin.back() + std::span(prompt.candidates).size());
    const std::int64_t k = weights_.at("wide.weight").size(1);
    at::Tensor x = at::empty({static_cast<std::int64_t>(of.begin.back()), k}, at::kFloat);
    Eigen::Map<token_matrix<float>> rows(x.data_ptr<float>(), static_cast<Eigen::Index>(of.begin.back()), k);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const token_matrix<double> phi = lists_.features_at_start(prompts[i]);
      rows.middleRows(static_cast<Eigen::Index>(of.begin[i]), phi.rows()) = phi.template cast<float>();
    }
    for (std::size_t l = 0; l + 1 < layers_; ++l)
      x = at::gelu(at::linear(x, weights_.at(layer(l, "weight")), weights_.at(layer(l, "bias"))));
    of.values = at::linear(x, weights_.at(layer(layers_ - 1, "weight"))).squeeze(1);
    const at::Tensor plain = of.values.detach();
    of.host.assign(plain.template data_ptr<float>(), plain.template data_ptr<float>() + plain.numel());
    return of;
  }

  /// Of the prompts of some rows, which stand one after the other.
  [[nodiscard]] deep_scores scores_of(const rollouts_type& r, row_block rows) const {
    if (rows.count == 0) return scores_of(std::span<const Prompt>());
    const auto [first, last] = std::ranges::minmax(std::span(r.prompt).subspan(
        static_cast<std::size_t>(rows.first), static_cast<std::size_t>(rows.count)));
    return scores_of(std::span(r.asked).subspan(first, last - first + 1), first);
  }

  recllm::detail::list_writing<Prompt> lists_;
  adamw_options options_;
  adamw optimizer_;
  std::size_t layers_ = 0;
  tensor_map weights_;
};

/// Some rows' log-probs and the way back from them. Must not outlive its policy and rollouts.
template <NamesCandidates Prompt>
class list_network<Prompt>::forward_pass {
 public:
  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() const { return log_probs_; }

  /// count x T, nats, 0 where the mask is 0: of the distribution at each place.
  [[nodiscard]] token_matrix<float> entropies() const { return entropies_; }

  /// Adds the pullback of dloss_dlogp, count x T, to the policy's gradient.
  void backward(const token_view<float>& dloss_dlogp) {
    backward(dloss_dlogp, token_matrix<float>::Zero(log_probs_.rows(), log_probs_.cols()));
  }

  /// The same, and that of dloss_dentropy, count x T. Once per trace.
  void backward(const token_view<float>& dloss_dlogp, const token_view<float>& dloss_dentropy) {
    token_matrix<double> dwide = token_matrix<double>::Zero(1, weights_.cols());
    std::vector<double> dscores(scores_.host.size(), 0.0);
    policy_.lists_.replay(rollouts_, rows_, weights_, scores_,
                          [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const distribution& of,
                              const token_matrix<double>& phi) {
                            // dlogp / dscore_j = [j = pick] - p_j
                            const auto slope = static_cast<double>(dloss_dlogp(row, place));
                            numbers slopes = -slope * of.probs;
                            slopes(pick) += slope;
                            if (const float of_entropy = dloss_dentropy(row, place); of_entropy != 0.0f)
                              slopes += static_cast<double>(of_entropy) * of.entropy_slopes();
                            dwide += (slopes.matrix().transpose() * phi.matrix()).array();
                            const std::size_t prompt =
                                rollouts_.prompt[static_cast<std::size_t>(rows_.first + row)];
                            Eigen::Map<numbers>(dscores.data() + scores_.begin[prompt - scores_.first],
                                                slopes.size()) += slopes;
                          });
    const at::Tensor& w = policy_.weights_.at("wide.weight");
    const at::Tensor of_w = at::empty_like(w);
    Eigen::Map<token_matrix<float>>(of_w.template data_ptr<float>(), 1, dwide.cols()) =
        dwide.template cast<float>();
    w.mutable_grad() = w.grad().defined() ? w.grad() + of_w : of_w;
    if (!dscores.empty())
      torch::autograd::backward({scores_.values}, {torch::tensor(dscores, at::kDouble).to(at::kFloat)});
    scores_.values.reset();
  }

 private:
  friend list_network;
  forward_pass(list_network& policy, const rollouts_type& r, row_block rows)
      : policy_(policy),
        rollouts_(r),
        rows_(rows),
        weights_(policy.wide()),
        scores_(policy.scores_of(r, rows)),
        log_probs_(policy.lists_.zeros(rows.count)),
        entropies_(log_probs_) {
    policy.lists_.replay(
        r, rows, weights_, scores_,
        [&](Eigen::Index row, Eigen::Index place, Eigen::Index pick, const distribution& of, const auto&) {
          log_probs_(row, place) = static_cast<float>(of.log_probs(pick));
          entropies_(row, place) = static_cast<float>(of.entropy());
        });
  }

  list_network& policy_;
  const rollouts_type& rollouts_;
  row_block rows_;
  token_matrix<double> weights_;
  deep_scores scores_;
  token_matrix<float> log_probs_, entropies_;
};

}  // namespace recllm::torch_bridge
