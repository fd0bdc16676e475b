// Sampling with a key-value cache: a prompt is computed once for all completions of its group.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/kernel/softmax.hpp>
#include <recllm/torch/cached_decoder.hpp>
#include <recllm/torch/constraint.hpp>
#include <recllm/torch/fused_decoder.hpp>
#include <recllm/torch/logits_process.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/torch.hpp>
#include <recllm/torch/vocabulary.hpp>

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
  return model.hidden(pack(groups, model.device()), std::identity{}, layer_activations::kept,
                      torch::tensor(last, at::kLong).to(model.device()));
}

/// Log-probs of every token after each context, P x V, nats: for ranking a catalogue of item tokens.
[[nodiscard]] inline at::Tensor next_token_log_probs(const qwen& model, std::span<const token_ids> contexts) {
  const at::NoGradGuard no_grad;
  return at::log_softmax(at::linear(last_hidden(model, contexts), model.head()).to(at::kFloat), 1);
}

namespace detail {
/// A token of each row by the inverse of its cumulative distribution, R, int64, one uniform number of its
/// stream each. log_probs: R x V.
inline at::Tensor draw(const at::Tensor& log_probs, std::span<random_stream* const> streams) {
  at::Tensor draws = at::empty({log_probs.size(0), 1}, at::kFloat);
  for (std::size_t r = 0; r < streams.size(); ++r)
    draws.data_ptr<float>()[r] = static_cast<float>(streams[r]->uniform());
  // A GPU sums in parallel: in float32 its sums around a token of probability 0 could differ, and draw it.
  const at::Tensor cumulative = log_probs.exp().cumsum(1, log_probs.is_cuda() ? at::kDouble : at::kFloat);
  const at::Tensor total = cumulative.narrow(1, -1, 1);
  // Below the total, or rounding could choose the last token, however unlikely it is.
  const at::Tensor drawn =
      (draws.to(total.options()) * total).minimum(at::nextafter(total, at::zeros_like(total)));
  return at::searchsorted(cumulative, drawn, false, /*right=*/true).squeeze(1);
}

/// The same by a kernel, on the CPU: of rows numbered `here`, whose streams are streams[here[i]], from their
/// logits; at temperature 0 the likeliest.
inline void draw_rows(const at::Tensor& logits, double temperature, std::span<const std::size_t> here,
                      std::span<random_stream> streams, const at::Tensor& tokens,
                      const at::Tensor& log_probs) {
  const std::size_t vocabulary = static_cast<std::size_t>(logits.size(1));
  const float scale = temperature > 0.0 ? static_cast<float>(1.0 / temperature) : 1.0f;
  at::parallel_for(0, logits.size(0), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const float* row = logits.const_data_ptr<float>() + i * logits.stride(0);
      random_stream& stream = streams[here[static_cast<std::size_t>(i)]];
      const kernel::drawn_token drawn = temperature > 0.0
                                            ? kernel::draw(row, vocabulary, scale, stream.uniform())
                                            : kernel::likeliest(row, vocabulary);
      tokens.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(drawn.token);
      log_probs.data_ptr<float>()[i] = drawn.log_prob;
    }
  });
}

/// generate() by a decoder that has computed the prompts.
template <class Decoder>
[[nodiscard]] std::vector<generated> generate_by(Decoder decoder, const qwen& model,
                                                 std::span<const token_ids> prompts, std::size_t group_size,
                                                 const generation_options& options, random_stream rng,
                                                 const token_constraint& allowed) {
  std::vector<generated> out(prompts.size() * group_size);
  const at::NoGradGuard no_grad;
  const bool greedy = options.temperature == 0.0;
  const bool drawn_by_kernel =
      model.how() == kernels::fused && model.device().is_cpu() && !allowed && options.truncation.neutral();

  std::vector<random_stream> streams;
  std::vector<std::int64_t> prompt_of;
  std::vector<std::size_t> batch(out.size());  // the completions that the decoder's rows are
  for (std::size_t r = 0; r < out.size(); ++r) {
    streams.push_back(rng.split(r));
    prompt_of.push_back(static_cast<std::int64_t>(r / group_size));
    batch[r] = r;
  }
  decoder.select(prompt_of);

  for (std::int64_t place = 0;; ++place) {
    const std::int64_t rows = static_cast<std::int64_t>(batch.size());
    at::Tensor chosen = at::empty({rows}, at::TensorOptions(at::kLong).device(model.device()));
    at::Tensor chosen_log_probs = at::empty({rows}, at::kFloat);
    for_row_blocks(rows, model.config().vocab_size, [&](std::int64_t first, std::int64_t count) {
      at::Tensor logits = decoder.logits(first, count);
      const std::span<const std::size_t> here(batch.data() + first, static_cast<std::size_t>(count));
      if (drawn_by_kernel) {
        draw_rows(logits, options.temperature, here, streams, chosen.narrow(0, first, count),
                  chosen_log_probs.narrow(0, first, count));
        return;
      }
      if (options.truncation.repetition_penalty != 1.0) {
        std::vector<token_ids> texts(here.size());
        for (std::size_t i = 0; i < here.size(); ++i) {
          const generated& said = out[here[i]];
          if (said.ended) continue;
          texts[i] = prompts[here[i] / group_size];
          texts[i].insert(texts[i].end(), said.tokens.begin(), said.tokens.end());
        }
        penalise_repetition(logits, texts, options.truncation.repetition_penalty);
      }
      if (!greedy) logits = logits / options.temperature;
      if (allowed) {
        std::vector<token_ids> sets(here.size());
        for (std::size_t i = 0; i < here.size(); ++i)
          if (!out[here[i]].ended) sets[i] = allowed(here[i] / group_size, out[here[i]].tokens);
        const at::Tensor bias = constraint_bias(sets, logits.size(1), logits.device());
        if (bias.defined()) logits = logits + bias;
      }
      const at::Tensor log_probs = at::log_softmax(truncate_logits(logits, options.truncation), 1);
      at::Tensor tokens;
      if (greedy) {
        tokens = log_probs.argmax(1);
      } else {
        std::vector<random_stream*> drawing;
        for (const std::size_t r : here) drawing.push_back(&streams[r]);
        tokens = draw(log_probs, drawing);
      }
      chosen.narrow(0, first, count).copy_(tokens);
      chosen_log_probs.narrow(0, first, count).copy_(log_probs.gather(1, tokens.unsqueeze(1)).squeeze(1));
    });
    const at::Tensor chosen_host = chosen.cpu();
    std::vector<std::int64_t> going;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      generated& said = out[batch[i]];
      if (said.ended) continue;
      const std::int64_t token = chosen_host.data_ptr<std::int64_t>()[i];
      said.tokens.push_back(token);
      said.log_probs.push_back(chosen_log_probs.data_ptr<float>()[i]);
      if (options.on_token) options.on_token(batch[i], token);
      said.ended = has_ended(said.tokens, options);
      if (!said.ended) going.push_back(static_cast<std::int64_t>(i));
    }
    if (going.empty() || place + 1 == options.max_new_tokens) return out;
    // Not each time one ends: the others' keys and values are copied.
    if (4 * going.size() < 3 * batch.size()) {
      decoder.select(going);
      chosen = chosen.index_select(0, torch::tensor(going, at::kLong).to(chosen.device()));
      for (std::size_t i = 0; i < going.size(); ++i) batch[i] = batch[static_cast<std::size_t>(going[i])];
      batch.resize(going.size());
    }
    decoder.say(chosen);
  }
}
}  // namespace detail

/// group_size completions of each prompt, a prompt's completions as neighbours. Row r draws only from
/// `rng.split(r)`, one uniform number a token (inverse of the cumulative distribution). Where `allowed` is
/// given, only what it allows is drawn. Completions that have ended are computed no further; logits are held
/// for a block of rows at a time.
[[nodiscard]] inline std::vector<generated> generate(const qwen& model, std::span<const token_ids> prompts,
                                                     std::size_t group_size,
                                                     const generation_options& options, random_stream rng,
                                                     const token_constraint& allowed = {}) {
  require(group_size > 0 && options.max_new_tokens > 0,
          "recllm: generate: group_size and max_new_tokens must be positive");
  require(options.temperature >= 0.0, "recllm: generate: temperature = ", options.temperature,
          ", expected 0 or more");
  options.truncation.check();
  if (prompts.empty()) return {};
  if (fused_decoder::can_decode(model))
    return detail::generate_by(fused_decoder(model, prompts, options.max_new_tokens), model, prompts,
                               group_size, options, rng, allowed);
  return detail::generate_by(cached_decoder(model, prompts, options.max_new_tokens), model, prompts,
                             group_size, options, rng, allowed);
}

}  // namespace recllm::torch_bridge
