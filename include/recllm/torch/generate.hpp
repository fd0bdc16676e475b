// Sampling with a key-value cache: a prompt is computed once for all completions of its group.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/torch/constraint.hpp>
#include <recllm/torch/logits_process.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/precision.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// How completions are drawn.
struct generation_options {
  std::int64_t max_new_tokens = 64;      ///< a completion that reaches it without an end token is cut there
  double temperature = 1.0;              ///< divides the logits; 0 = greedy
  std::vector<std::int64_t> end_tokens;  ///< a completion ends with the first of these, and holds it
  std::vector<token_ids> stop_sequences{};  ///< the same for sequences of tokens within the completion
  truncation_options truncation{};          ///< top-k, top-p, min-p, repetition penalty
  std::function<void(std::size_t row, std::int64_t token)>
      on_token{};  ///< told of every token as it is drawn
};

/// One completion: its tokens and their log-probs under the distribution they were drawn from (greedy: at
/// temperature 1).
struct generated {
  token_ids tokens;
  std::vector<float> log_probs;  ///< nats
  bool ended = false;            ///< by an end token or a stop sequence; else it was cut
};

namespace detail {
/// Whether the completion so far is to go no further.
inline bool has_ended(const token_ids& said, const generation_options& how) {
  const auto stops = [&](const token_ids& sequence) {
    return !sequence.empty() && said.size() >= sequence.size() &&
           std::equal(sequence.rbegin(), sequence.rend(), said.rbegin());
  };
  return std::ranges::find(how.end_tokens, said.back()) != how.end_tokens.end() ||
         std::ranges::any_of(how.stop_sequences, stops);
}
}  // namespace detail

/// Keys and values of P prompts and, growing by a token a step, of their P x G completions.
class group_cache {
 public:
  group_cache(const qwen_config& config, std::int64_t prompts, std::int64_t group_size,
              std::int64_t max_new_tokens)
      : prompts_(prompts),
        group_(group_size),
        room_(max_new_tokens),
        heads_(config.num_attention_heads),
        kv_heads_(config.num_key_value_heads),
        size_(config.head_size()),
        layers_(static_cast<std::size_t>(config.num_hidden_layers)) {}

  /// Attention of the prompts' own tokens, whose keys and values are kept.
  [[nodiscard]] at::Tensor prefill(std::int64_t layer, const packed_batch& batch, const at::Tensor& q,
                                   const at::Tensor& k, const at::Tensor& v) {
    std::int64_t longest = 0;
    for (const packed_batch::group& g : batch.groups) longest = std::max(longest, g.tokens);
    keep& kept = layers_[static_cast<std::size_t>(layer)];
    kept.prompt_keys = at::zeros({prompts_, kv_heads_, longest, size_}, k.options());
    kept.prompt_values = at::zeros_like(kept.prompt_keys);
    kept.keys = at::zeros({prompts_ * group_, kv_heads_, room_, size_}, k.options());
    kept.values = at::zeros_like(kept.keys);
    if (!padding_.defined()) padding_ = at::zeros({prompts_, 1, 1, longest}, k.options());
    for (std::int64_t p = 0; p < prompts_; ++p) {
      const packed_batch::group& g = batch.groups[static_cast<std::size_t>(p)];
      kept.prompt_keys[p].narrow(1, 0, g.tokens).copy_(k.narrow(0, g.first, g.tokens).transpose(0, 1));
      kept.prompt_values[p].narrow(1, 0, g.tokens).copy_(v.narrow(0, g.first, g.tokens).transpose(0, 1));
      padding_[p].narrow(2, g.tokens, longest - g.tokens).fill_(-std::numeric_limits<float>::infinity());
    }
    return attend(batch, q, k, v);
  }

  /// Attention of the newest token of each of the P G completions, number `place` in its completion, over its
  /// prompt and its own past: q is P G x heads x head_dim. The scores against the prompt are one product a
  /// group.
  [[nodiscard]] at::Tensor decode(std::int64_t layer, std::int64_t place, const at::Tensor& q,
                                  const at::Tensor& k, const at::Tensor& v) {
    keep& kept = layers_[static_cast<std::size_t>(layer)];
    kept.keys.select(2, place).copy_(k);
    kept.values.select(2, place).copy_(v);
    const std::int64_t rows = prompts_ * group_;
    const std::int64_t shared = heads_ / kv_heads_;
    const std::int64_t longest = kept.prompt_keys.size(2);
    const at::Tensor scaled = q * (1.0 / std::sqrt(static_cast<double>(size_)));
    const at::Tensor by_prompt = scaled.view({prompts_, group_, kv_heads_, shared, size_})
                                     .transpose(1, 2)
                                     .reshape({prompts_, kv_heads_, group_ * shared, size_});
    const at::Tensor by_row = scaled.view({rows, kv_heads_, shared, size_});
    const at::Tensor to_prompt = (by_prompt.matmul(kept.prompt_keys.transpose(-1, -2)) + padding_)
                                     .view({prompts_, kv_heads_, group_, shared, longest})
                                     .transpose(1, 2)
                                     .reshape({rows, kv_heads_, shared, longest});
    const at::Tensor own_keys = kept.keys.narrow(2, 0, place + 1);
    const at::Tensor own_values = kept.values.narrow(2, 0, place + 1);
    const at::Tensor weights =
        at::softmax(at::cat({to_prompt, by_row.matmul(own_keys.transpose(-1, -2))}, -1), -1);
    const at::Tensor from_prompt = weights.narrow(-1, 0, longest)
                                       .reshape({prompts_, group_, kv_heads_, shared, longest})
                                       .transpose(1, 2)
                                       .reshape({prompts_, kv_heads_, group_ * shared, longest})
                                       .matmul(kept.prompt_values)
                                       .view({prompts_, kv_heads_, group_, shared, size_})
                                       .transpose(1, 2)
                                       .reshape({rows, kv_heads_, shared, size_});
    const at::Tensor from_own = weights.narrow(-1, longest, place + 1).matmul(own_values);
    return (from_prompt + from_own).reshape({rows, heads_, size_});
  }

 private:
  struct keep {
    at::Tensor prompt_keys,
        prompt_values;        // P x kv_heads x longest prompt x head_dim, zero past a prompt's end
    at::Tensor keys, values;  // P G x kv_heads x max_new_tokens x head_dim
  };

  std::int64_t prompts_, group_, room_, heads_, kv_heads_, size_;
  at::Tensor padding_;  // P x 1 x 1 x longest: -inf past a prompt's end
  std::vector<keep> layers_;
};

/// The hidden state at the last token of each context, P x d: what the next token is read from.
[[nodiscard]] inline at::Tensor last_hidden(const qwen& model, std::span<const token_ids> contexts) {
  const at::NoGradGuard no_grad;
  std::vector<prompt_group> groups;
  std::vector<std::int64_t> last;
  std::int64_t end = 0;
  for (const token_ids& context : contexts) {
    groups.push_back({context, {}});
    last.push_back((end += static_cast<std::int64_t>(context.size())) - 1);
  }
  return model.hidden(pack(groups, model.device()))
      .index_select(0, torch::tensor(last, at::kLong).to(model.device()));
}

/// Log-probs of every token after each context, P x V, nats: for ranking a catalogue of item tokens.
[[nodiscard]] inline at::Tensor next_token_log_probs(const qwen& model, std::span<const token_ids> contexts) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = at::linear(last_hidden(model, contexts), model.head());
  return at::log_softmax(logits.to(exact_type(model.head())), 1);
}

/// group_size completions of each prompt, a prompt's completions as neighbours. Row r draws only from
/// `rng.split(r)`, one uniform number a token (inverse of the cumulative distribution). Where `allowed` is
/// given, only what it allows is drawn.
[[nodiscard]] inline std::vector<generated> generate(const qwen& model, std::span<const token_ids> prompts,
                                                     std::size_t group_size,
                                                     const generation_options& options, random_stream rng,
                                                     const token_constraint& allowed = {}) {
  require(group_size > 0 && options.max_new_tokens > 0,
          "recllm: generate: group_size and max_new_tokens must be positive");
  require(options.temperature >= 0.0, "recllm: generate: temperature = ", options.temperature,
          ", expected 0 or more");
  options.truncation.check();
  const std::size_t rows = prompts.size() * group_size;
  std::vector<generated> out(rows);
  if (rows == 0) return out;
  const at::NoGradGuard no_grad;
  const at::Device device = model.device();

  std::vector<prompt_group> groups;
  std::vector<std::int64_t> last, positions;
  std::vector<random_stream> streams;
  std::int64_t end = 0;
  for (const token_ids& prompt : prompts) {
    groups.push_back({prompt, {}});
    last.push_back((end += static_cast<std::int64_t>(prompt.size())) - 1);
    positions.insert(positions.end(), group_size, static_cast<std::int64_t>(prompt.size()));
  }
  for (std::size_t r = 0; r < rows; ++r) streams.push_back(rng.split(r));

  group_cache cache(model.config(), static_cast<std::int64_t>(prompts.size()),
                    static_cast<std::int64_t>(group_size), options.max_new_tokens);
  const packed_batch batch = pack(groups, device);
  at::Tensor hidden = model
                          .hidden(batch.tokens, batch.positions,
                                  [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v) { return cache.prefill(layer, batch, q, k, v); })
                          .index_select(0, torch::tensor(last, at::kLong).to(device))
                          .repeat_interleave(static_cast<std::int64_t>(group_size), 0);

  at::Tensor position = torch::tensor(positions, at::kLong).to(device);
  std::vector<bool> ended(rows, false);
  for (std::int64_t place = 0;; ++place) {
    const bool greedy = options.temperature == 0.0;
    at::Tensor logits = at::linear(hidden, model.head()).to(exact_type(model.head()));
    if (options.truncation.repetition_penalty != 1.0) {
      std::vector<token_ids> texts(rows);
      for (std::size_t r = 0; r < rows; ++r) {
        if (ended[r]) continue;
        texts[r] = prompts[r / group_size];
        texts[r].insert(texts[r].end(), out[r].tokens.begin(), out[r].tokens.end());
      }
      penalise_repetition(logits, texts, options.truncation.repetition_penalty);
    }
    at::Tensor scaled = greedy ? logits : logits / options.temperature;
    at::Tensor bias;
    if (allowed) {
      std::vector<token_ids> sets(rows);
      for (std::size_t r = 0; r < rows; ++r)
        if (!ended[r]) sets[r] = allowed(r / group_size, out[r].tokens);
      bias = constraint_bias(sets, logits.size(1), device);
    }
    if (bias.defined()) scaled = scaled + bias;
    const at::Tensor log_probs = at::log_softmax(truncate_logits(scaled, options.truncation), 1);
    at::Tensor chosen;
    if (greedy) {
      chosen = log_probs.argmax(1);
    } else {
      at::Tensor draws = at::empty({static_cast<std::int64_t>(rows), 1}, at::kFloat);
      for (std::size_t r = 0; r < rows; ++r)
        draws.data_ptr<float>()[r] = static_cast<float>(streams[r].uniform());
      const at::Tensor cumulative = log_probs.exp().cumsum(1);
      const at::Tensor total = cumulative.narrow(1, -1, 1);
      // Below the total, or rounding could choose the last token, however unlikely it is.
      const at::Tensor drawn =
          (draws.to(device) * total).minimum(at::nextafter(total, at::zeros_like(total)));
      chosen = at::searchsorted(cumulative, drawn, false, /*right=*/true).squeeze(1);
    }
    const at::Tensor chosen_log_probs = log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).cpu();
    const at::Tensor chosen_host = chosen.cpu();
    bool all_ended = true;
    for (std::size_t r = 0; r < rows; ++r) {
      if (ended[r]) continue;
      const std::int64_t token = chosen_host.data_ptr<std::int64_t>()[r];
      out[r].tokens.push_back(token);
      out[r].log_probs.push_back(chosen_log_probs.data_ptr<float>()[r]);
      if (options.on_token) options.on_token(r, token);
      out[r].ended = ended[r] = detail::has_ended(out[r].tokens, options);
      all_ended = all_ended && ended[r];
    }
    if (all_ended || place + 1 == options.max_new_tokens) return out;
    hidden = model.hidden(chosen, position,
                          [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v) { return cache.decode(layer, place, q, k, v); });
    position = position + 1;
  }
}

}  // namespace recllm::torch_bridge
