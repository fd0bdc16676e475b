// A policy over any causal language model of torch/qwen.hpp: samples, scores, pulls back and steps.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/concepts.hpp>
#include <recllm/core/types.hpp>
#include <recllm/torch/adamw.hpp>
#include <recllm/torch/constraint.hpp>
#include <recllm/torch/dropout.hpp>
#include <recllm/torch/generate.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/recompute.hpp>
#include <recllm/torch/torch.hpp>
#include <recllm/torch/vocabulary.hpp>

namespace recllm::torch_bridge {

/// Satisfied by whatever has `.tokens`, a range of token ids: prompts and completions of a language model.
template <class T>
concept Tokenized = requires(const T& t) {
  { t.tokens } -> std::convertible_to<std::span<const std::int64_t>>;
};

/// A completion whose `.loss_mask` (a number a token, empty = all 1) says which tokens given() counts.
template <class T>
concept LossMasked = Tokenized<T> && requires(const T& t) {
  { t.loss_mask } -> std::convertible_to<std::span<const float>>;
};

/// Rollouts that remember their tokens.
template <class Completion>
struct token_rollouts : rollouts<Completion> {
  std::vector<token_ids> prompt_tokens;  ///< of each prompt
  std::vector<token_ids> tokens;         ///< B: of each completion
  token_constraint allowed = {};         ///< which tokens they were drawn from; none = from all
};

namespace detail {

/// Which entries of a count x T block M scored tokens are.
struct token_places {
  std::vector<token_place> entries;  ///< M
  Eigen::Index rows, columns;

  /// count x T: the M values at their entries, 0 elsewhere.
  [[nodiscard]] token_matrix<float> spread(const at::Tensor& values) const {
    const at::Tensor host = values.cpu();
    token_matrix<float> all = token_matrix<float>::Zero(rows, columns);
    for (std::size_t m = 0; m < entries.size(); ++m)
      all(entries[m].row, entries[m].column) = host.data_ptr<float>()[m];
    return all;
  }

  /// M: the entries of a count x T block.
  [[nodiscard]] at::Tensor gather(const token_view<float>& values, at::Device device) const {
    at::Tensor packed = at::empty({static_cast<std::int64_t>(entries.size())}, at::kFloat);
    for (std::size_t m = 0; m < entries.size(); ++m)
      packed.data_ptr<float>()[m] = values(entries[m].row, entries[m].column);
    return packed.to(device);
  }
};

/// A block of rows as a model reads it, and its M tokens that the mask counts.
struct packed_rows {
  packed_batch batch;
  at::Tensor sources;  ///< M, int64: place of the token before, whose output is the state each follows
  at::Tensor targets;  ///< M, int64: the tokens
  token_places places;
};

/// Packs rows; with share_prompts, neighbouring rows of one prompt share it.
template <class Completion>
[[nodiscard]] packed_rows pack_rows(const token_rollouts<Completion>& r, row_block rows, at::Device device,
                                    prompt_attention attention = prompt_attention::merged,
                                    bool share_prompts = true) {
  std::vector<prompt_group> groups;
  std::vector<std::int64_t> prompt_end;  // of each row: place of its prompt's last token
  std::int64_t place = 0;
  const auto row_tokens = [&](Eigen::Index row) -> const token_ids& {
    return r.tokens[static_cast<std::size_t>(row)];
  };
  const auto row_prompt = [&](Eigen::Index row) { return r.prompt[static_cast<std::size_t>(row)]; };
  for (Eigen::Index i = 0; i < rows.count; ++i) {
    const Eigen::Index row = rows.first + i;
    if (i == 0 || !share_prompts || row_prompt(row) != row_prompt(row - 1)) {
      groups.push_back({r.prompt_tokens[row_prompt(row)], {}});
      place += static_cast<std::int64_t>(groups.back().prompt.size());
      prompt_end.push_back(place - 1);
    } else {
      prompt_end.push_back(prompt_end.back());
    }
    // Nothing is read after a completion's last token, so it is not computed.
    const std::span<const std::int64_t> inputs(row_tokens(row).data(),
                                               std::max<std::size_t>(row_tokens(row).size(), 1) - 1);
    groups.back().completions.push_back(inputs);
    place += static_cast<std::int64_t>(inputs.size());
  }
  packed_rows packed{pack(groups, device, attention), {}, {}, {{}, rows.count, r.mask.cols()}};

  std::vector<std::int64_t> sources, targets;
  for (Eigen::Index i = 0; i < rows.count; ++i) {
    const Eigen::Index row = rows.first + i;
    const std::int64_t first = packed.batch.completion[static_cast<std::size_t>(i)];
    for (std::size_t t = 0; t < row_tokens(row).size(); ++t) {
      const Eigen::Index column = static_cast<Eigen::Index>(t);
      if (r.mask(row, column) == 0.0f) continue;
      sources.push_back(t == 0 ? prompt_end[static_cast<std::size_t>(i)] : first + column - 1);
      targets.push_back(row_tokens(row)[t]);
      packed.places.entries.push_back({i, column});
    }
  }
  packed.sources = torch::tensor(sources, at::kLong).to(device);
  packed.targets = torch::tensor(targets, at::kLong).to(device);
  return packed;
}

}  // namespace detail

/// One forward pass of some rows: log-probs, entropies and the way back. The output layer is computed when
/// it is asked for.
class token_trace {
 public:
  token_trace(const qwen& model, at::Tensor hidden, at::Tensor targets, double temperature, logit_bias bias,
              detail::token_places places)
      : head_(model.head()),
        hidden_(std::move(hidden)),
        targets_(std::move(targets)),
        temperature_(temperature),
        bias_(std::move(bias)),
        places_(std::move(places)),
        how_(model.how()) {}

  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> log_probs() { return places_.spread(scores().log_probs); }

  /// count x T, nats, 0 where the mask is 0.
  [[nodiscard]] token_matrix<float> entropies() { return places_.spread(scores().entropies); }

  /// Adds the pullback of dloss_dlogp (count x T) to the model's gradient. Once per trace.
  void backward(token_view<float> dloss_dlogp) { pull_back_all(gather(dloss_dlogp), {}); }

  /// The same, and that of dloss_dentropy (count x T).
  void backward(token_view<float> dloss_dlogp, token_view<float> dloss_dentropy) {
    pull_back_all(gather(dloss_dlogp), gather(dloss_dentropy));
  }

  /// The same of what `slopes_of(places, log_probs, entropies)` -> token_slopes answers; see OnePassTrace.
  template <
      std::invocable<std::span<const token_place>, const token_matrix<float>&, const token_matrix<float>&>
          SlopesOf>
  void backward(SlopesOf&& slopes_of) {
    const auto row = [](const at::Tensor& t) -> token_matrix<float> {
      const at::Tensor host = t.cpu();
      return token_view<float>(
          Eigen::Map<const token_matrix<float>>(host.const_data_ptr<float>(), 1, host.numel()));
    };
    const auto tensor = [&](const token_matrix<float>& m) {
      return m.size() == 0 ? at::Tensor()
                           : at::from_blob(const_cast<float*>(m.data()), {m.size()}, at::kFloat)
                                 .to(hidden_.device(), at::kFloat, false, true);
    };
    pull_back([&](std::int64_t first, std::int64_t count, const token_scores& scores) {
      const token_slopes slopes =
          slopes_of(std::span(places_.entries)
                        .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                    row(scores.log_probs), row(scores.entropies));
      return score_slopes{tensor(slopes.dloss_dlogp), tensor(slopes.dloss_dentropy)};
    });
  }

 private:
  [[nodiscard]] const token_scores& scores() {
    if (!scores_) scores_ = score_tokens(hidden_.detach(), head_, targets_, temperature_, bias_, how_);
    return *scores_;
  }

  [[nodiscard]] at::Tensor gather(const token_view<float>& values) const {
    return places_.gather(values, hidden_.device());
  }

  void pull_back_all(const at::Tensor& dloss_dlogp, const at::Tensor& dloss_dentropy) {
    pull_back([&](std::int64_t first, std::int64_t count, const token_scores&) {
      return score_slopes{dloss_dlogp.narrow(0, first, count),
                          dloss_dentropy.defined() ? dloss_dentropy.narrow(0, first, count) : at::Tensor()};
    });
  }

  template <class SlopesOf>
  void pull_back(const SlopesOf& slopes_of) {
    const auto [dhidden, dhead] = score_and_pull_back(hidden_.detach(), head_, targets_, temperature_,
                                                      slopes_of, bias_, head_.requires_grad(), how_);
    if (hidden_.requires_grad()) torch::autograd::backward({hidden_}, {dhidden});
    hidden_.reset();
    if (!dhead.defined()) return;
    const at::NoGradGuard no_grad;
    at::Tensor& gathered = head_.mutable_grad();
    gathered = gathered.defined() ? gathered.add_(dhead) : dhead.to(head_.scalar_type()).contiguous();
  }

  at::Tensor head_, hidden_, targets_;
  double temperature_;
  logit_bias bias_;
  detail::token_places places_;
  kernels how_;
  std::optional<token_scores> scores_;
};

/// The policy. Prompt and Completion are the user's types with `.tokens`; a copy has weights and state of its
/// own (frozen weights are shared), so `const auto reference = policy;` freezes a reference.
template <Tokenized Prompt, Tokenized Completion>
class causal_lm {
 public:
  using prompt_type = Prompt;
  using completion_type = Completion;
  using rollouts_type = token_rollouts<Completion>;

  /// `decode` turns sampled tokens into what rewards see; `sampling.temperature` > 0 is also the scores'.
  /// `allowed(prompt, so_far)` names the tokens that may follow in a sampled completion (empty = any), a pure
  /// function: the items of a pool, the branches of a trie. Given completions are not held to it.
  /// `dropout` in [0, 1) is for supervised training: it acts in trace(), not in sample() or log_probs(), so
  /// turn it off (set_dropout) where the two are compared, or the divergence measures its noise.
  struct options {
    std::function<Completion(token_ids)> decode;
    std::function<token_ids(const Prompt&, std::span<const std::int64_t> so_far)> allowed = {};
    generation_options sampling = {};
    adamw_options optimizer = {};
    double dropout = 0.0;
    prompt_attention attention = prompt_attention::merged;  ///< in log_probs() and trace()
    /// Whether a group's prompt is computed once. Otherwise once a completion, to the same numbers: what it
    /// saves.
    bool share_prompts = true;
    /// Of trace(). Recomputed: a third more work, memory of about a layer.
    layer_activations activations = layer_activations::kept;
  };

  causal_lm(qwen model, options settings)
      : model_(std::move(model)), options_(std::move(settings)), optimizer_(options_.optimizer) {
    require(options_.sampling.temperature > 0.0,
            "recllm: causal_lm: sampling.temperature = ", options_.sampling.temperature,
            ", expected a positive number: log-probs are taken at it");
    require(options_.sampling.truncation.neutral(),
            "recllm: causal_lm: sampling.truncation is set, but a policy's log-probs are those of all "
            "tokens, or of "
            "options.allowed; truncate in generate(), outside of training");
    require(static_cast<bool>(options_.decode), "recllm: causal_lm: options.decode is missing");
    set_dropout(options_.dropout);
  }

  causal_lm(const causal_lm& other)
      : model_(other.model_), options_(other.options_), optimizer_(options_.optimizer) {
    optimizer_.load_state(detail::clone(other.optimizer_.state()), model_.weights());
  }
  causal_lm& operator=(const causal_lm& other) { return *this = causal_lm(other); }
  causal_lm(causal_lm&&) = default;
  causal_lm& operator=(causal_lm&&) = default;
  ~causal_lm() = default;

  [[nodiscard]] const qwen& model() const { return model_; }

  /// group_size completions of each prompt. Where sampling.end_tokens or stop_sequences are given, those
  /// without one are truncated.
  [[nodiscard]] rollouts_type sample(std::span<const Prompt> prompts, std::size_t group_size,
                                     random_stream rng) const {
    return draw(prompts, group_size, options_.sampling, rng);
  }

  /// The completion of each prompt that takes the likeliest token at each place, with its log-probs at the
  /// sampling temperature.
  [[nodiscard]] rollouts_type greedy(std::span<const Prompt> prompts) const {
    generation_options how = options_.sampling;
    how.temperature = 0.0;
    rollouts_type r = draw(prompts, 1, how, random_stream(0));
    r.log_probs = log_probs(r, {0, r.rows()});
    return r;
  }

  /// The rollouts of given completions; completions[i] answers prompts[i]. Where a completion has a
  /// loss_mask, tokens that it leaves out are not scored.
  [[nodiscard]] rollouts_type given(std::span<const Prompt> prompts,
                                    const std::vector<Completion>& completions) const {
    require(prompts.size() == completions.size(), "recllm: causal_lm: ", prompts.size(), " prompts for ",
            completions.size(), " completions");
    rollouts_type r;
    r.completions = completions;
    for (std::size_t i = 0; i < completions.size(); ++i) {
      r.prompt.push_back(i);
      r.prompt_tokens.emplace_back(std::begin(prompts[i].tokens), std::end(prompts[i].tokens));
      r.tokens.emplace_back(std::begin(completions[i].tokens), std::end(completions[i].tokens));
    }
    shape(r);
    if constexpr (LossMasked<Completion>)
      for (std::size_t i = 0; i < completions.size(); ++i) {
        const std::span<const float> counted = completions[i].loss_mask;
        require(counted.empty() || counted.size() == r.tokens[i].size(), "recllm: causal_lm: completion ", i,
                " has ", r.tokens[i].size(), " tokens and a loss_mask of ", counted.size());
        for (std::size_t t = 0; t < counted.size(); ++t)
          r.mask(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(t)) = counted[t];
      }
    return r;
  }

  /// count x T log-probs, nats, at the sampling temperature.
  [[nodiscard]] token_matrix<float> log_probs(const rollouts_type& r, row_block rows) const {
    const at::NoGradGuard no_grad;
    return forward(r, rows, 0.0).log_probs();
  }

  /// A forward pass that keeps its graph; borrows the rollouts. Neighbouring rows of one prompt share its
  /// computation. Dropout's mask depends on the number of optimizer steps and on rows.first only.
  [[nodiscard]] token_trace trace(const rollouts_type& r, row_block rows) const {
    return forward(r, rows, options_.dropout);
  }

  /// One AdamW step of what is not frozen. Throws std::invalid_argument where everything is.
  double step(const update& how) {
    require(std::ranges::any_of(model_.weights(), [](const auto& w) { return w.second.requires_grad(); }),
            "recllm: causal_lm: step: every weight is frozen; see qwen::set_trainable() and add_lora()");
    return optimizer_.step(model_.weights(), how);
  }

  /// Forgets the gathered gradient: a step that fails midway leaves none behind.
  void clear_gradient() { detail::clear_gradients(model_.weights()); }

  /// Each trained weight becomes share * other's + (1 - share) * its own; the optimizer's state stays.
  void blend(const causal_lm& other, double share) {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : model_.weights())
      if (tensor.requires_grad()) tensor.lerp_(other.model_.weights().at(name), share);
  }

  /// Writes the model's folder, of a model with adapters these alone, and the optimizer's state beside it.
  void save(const std::filesystem::path& folder) const {
    if (model_.lora())
      model_.save_lora(folder);
    else
      model_.save(folder);
    write_safetensors(folder / "optimizer.safetensors", optimizer_.state());
  }

  /// Takes up what save() wrote: weights and optimizer state; type and frozen weights stay as they are.
  /// Throws where a file is missing or does not fit.
  void load(const std::filesystem::path& folder) {
    qwen model = model_.lora() ? model_ : qwen(folder, model_.device());
    if (model_.lora()) {
      model.load_lora(folder);
    } else {
      model.to(model_.type());
      model.set_trainable([&](const std::string& name) { return model_.weights().at(name).requires_grad(); });
    }
    optimizer_.load_state(read_safetensors(folder / "optimizer.safetensors"), model.weights());
    model_ = std::move(model);
  }

  /// Throws std::invalid_argument unless 0 <= probability < 1.
  void set_dropout(double probability) {
    require(probability >= 0.0 && probability < 1.0, "recllm: causal_lm: dropout = ", probability,
            ", expected 0 or more, less than 1");
    options_.dropout = probability;
  }

  /// A fresh optimizer, for the next phase of training.
  void reset_optimizer(adamw_options settings) {
    options_.optimizer = settings;
    optimizer_ = adamw(settings);
  }

 private:
  [[nodiscard]] token_trace forward(const rollouts_type& r, row_block rows, double dropout) const {
    detail::packed_rows packed =
        detail::pack_rows(r, rows, model_.device(), options_.attention, options_.share_prompts);
    torch_bridge::dropout drop(dropout, random_stream(static_cast<std::uint64_t>(optimizer_.steps()))
                                            .split(static_cast<std::uint64_t>(rows.first))
                                            .bits());
    logit_bias bias;
    if (r.allowed)
      bias = [&r, first_row = rows.first, places = packed.places.entries,
              vocabulary = model_.config().vocab_size,
              device = model_.device()](std::int64_t first, std::int64_t count) {
        std::vector<token_ids> sets;
        for (std::int64_t m = first; m < first + count; ++m) {
          const auto [row, column] = places[static_cast<std::size_t>(m)];
          const std::size_t number = static_cast<std::size_t>(first_row + row);
          sets.push_back(r.allowed(r.prompt[number],
                                   std::span(r.tokens[number]).first(static_cast<std::size_t>(column))));
        }
        return constraint_bias(sets, vocabulary, device);
      };
    const at::Tensor hidden = model_.hidden(packed.batch, drop, options_.activations, packed.sources);
    return token_trace(model_, hidden, std::move(packed.targets), options_.sampling.temperature,
                       std::move(bias), std::move(packed.places));
  }

  [[nodiscard]] rollouts_type draw(std::span<const Prompt> prompts, std::size_t group_size,
                                   const generation_options& how, random_stream rng) const {
    rollouts_type r;
    for (const Prompt& prompt : prompts)
      r.prompt_tokens.emplace_back(std::begin(prompt.tokens), std::end(prompt.tokens));
    if (options_.allowed)
      r.allowed = [asked = std::make_shared<const std::vector<Prompt>>(prompts.begin(), prompts.end()),
                   may = options_.allowed](std::size_t prompt, std::span<const std::int64_t> so_far) {
        return may((*asked)[prompt], so_far);
      };
    std::vector<generated> drawn = options_.share_prompts
                                       ? generate(model_, r.prompt_tokens, group_size, how, rng, r.allowed)
                                       : generate_apart(r, group_size, how, rng);
    std::vector<std::vector<float>> log_probs;
    for (std::size_t row = 0; row < drawn.size(); ++row) {
      r.prompt.push_back(row / group_size);
      if (!how.end_tokens.empty() || !how.stop_sequences.empty()) r.truncated.push_back(!drawn[row].ended);
      r.completions.push_back(options_.decode(drawn[row].tokens));
      r.tokens.push_back(std::move(drawn[row].tokens));
      log_probs.push_back(std::move(drawn[row].log_probs));
    }
    shape(r);
    for (std::size_t row = 0; row < log_probs.size(); ++row)
      for (std::size_t t = 0; t < log_probs[row].size(); ++t)
        r.log_probs(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(t)) = log_probs[row][t];
    return r;
  }

  /// generate() with a prompt of its own for each completion.
  [[nodiscard]] std::vector<generated> generate_apart(const rollouts_type& r, std::size_t group_size,
                                                      const generation_options& how,
                                                      random_stream rng) const {
    std::vector<token_ids> prompts;
    for (const token_ids& prompt : r.prompt_tokens) prompts.insert(prompts.end(), group_size, prompt);
    token_constraint allowed;
    if (r.allowed)
      allowed = [&](std::size_t row, std::span<const std::int64_t> so_far) {
        return r.allowed(row / group_size, so_far);
      };
    return generate(model_, prompts, 1, how, rng, allowed);
  }

  /// mask 1 on every token, log_probs 0.
  static void shape(rollouts_type& r) {
    std::size_t longest = 0;
    for (const token_ids& tokens : r.tokens) longest = std::max(longest, tokens.size());
    r.mask = token_matrix<float>::Zero(r.rows(), static_cast<Eigen::Index>(longest));
    r.log_probs = r.mask;
    for (Eigen::Index row = 0; row < r.rows(); ++row)
      r.mask.row(row).head(static_cast<Eigen::Index>(r.tokens[static_cast<std::size_t>(row)].size())) = 1.0f;
  }

  qwen model_;
  options options_;
  adamw optimizer_;
};

}  // namespace recllm::torch_bridge
