// Beam search and diverse beam search: a prompt's likeliest completions, without sampling.
//
//   score(y) = (sum_t log p(y_t | prompt, y_<t) - penalties) / |y|^length_penalty
//
// At each place every beam is tried with every token, and the num_beams best go on. Diverse (Vijayakumar et
// al., arXiv 1610.02424, Hamming diversity): the beams are in groups that choose one after another; a token
// costs a later group diversity_penalty for each beam of the groups before it that chose it at this place.
// Names and meanings are those of transformers, where penalties stay in a beam's score as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <recllm/torch/beam_group.hpp>
#include <recllm/torch/cached_decoder.hpp>
#include <recllm/torch/constraint.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

namespace detail {

/// R x V: log-probs of the next token of each row; what is not allowed is at -1e30 or less.
inline at::Tensor beam_log_probs(const at::Tensor& logits, std::span<const token_ids> allowed,
                                 bool renormalised) {
  const at::Tensor bias = constraint_bias(allowed, logits.size(1), logits.device());
  if (!bias.defined()) return at::log_softmax(logits, 1);
  return renormalised ? at::log_softmax(logits + bias, 1) : at::log_softmax(logits, 1) + bias;
}

/// beam_search(), where `ended(prompt, tokens)` says which completions are whole.
template <class Ended>
[[nodiscard]] std::vector<std::vector<beam_completion>> search_beams(const qwen& model,
                                                                     std::span<const token_ids> prompts,
                                                                     const beam_options& options,
                                                                     const token_constraint& allowed,
                                                                     const Ended& ended) {
  check(options);
  if (prompts.empty()) return {};
  std::vector<std::vector<beam_group>> searches;
  for (std::size_t p = 0; p < prompts.size(); ++p)
    searches.emplace_back(options.num_beam_groups, beam_group(options, static_cast<std::int64_t>(p)));
  // Enough of each row that a group is full of beams that go on, whichever of them end or are penalised.
  const std::size_t width = options.num_beams / options.num_beam_groups;
  const std::int64_t tried =
      std::min(model.config().vocab_size,
               static_cast<std::int64_t>(std::max<std::size_t>(2, 1 + options.end_tokens.size()) * width +
                                         (options.num_beam_groups > 1 ? options.num_beams : 0)));

  cached_decoder decoder(model, prompts, options.max_new_tokens);
  for (std::int64_t length = 1;; ++length) {
    std::vector<std::int64_t> rows, said;
    std::vector<token_ids> sets;
    for (std::size_t p = 0; p < prompts.size(); ++p)
      for (beam_group& group : searches[p])
        for (beam& one : group.going()) {
          rows.push_back(std::exchange(one.row, static_cast<std::int64_t>(rows.size())));
          if (length > 1) said.push_back(one.tokens.back());
          sets.push_back(allowed ? allowed(p, one.tokens) : token_ids{});
        }
    if (rows.empty()) break;
    decoder.select(rows);
    if (length > 1) decoder.say(torch::tensor(said, at::kLong).to(model.device()));
    const auto [values, tokens] = beam_log_probs(decoder.logits(), sets, options.renormalised).topk(tried, 1);
    const at::Tensor log_probs = values.cpu().contiguous(), likeliest = tokens.cpu().contiguous();

    for (std::size_t p = 0; p < prompts.size(); ++p) {
      std::map<std::int64_t, double> penalty;  // of tokens that the groups before have chosen
      for (beam_group& group : searches[p]) {
        std::vector<beam_candidate> candidates;
        for (std::size_t b = 0; b < group.going().size(); ++b) {
          const beam& one = group.going()[b];
          for (std::int64_t i = one.row * tried; i < (one.row + 1) * tried; ++i) {
            const float log_prob = log_probs.data_ptr<float>()[i];
            if (log_prob < -1e29f) break;
            const std::int64_t token = likeliest.data_ptr<std::int64_t>()[i];
            const auto costs = penalty.find(token);
            candidates.push_back(
                {one.sum + static_cast<double>(log_prob) - (costs == penalty.end() ? 0.0 : costs->second),
                 log_prob, b, token});
          }
        }
        group.advance(std::move(candidates), [&](const token_ids& text) { return ended(p, text); });
        for (const beam& one : group.going()) penalty[one.tokens.back()] += options.diversity_penalty;
        if (length < options.max_new_tokens)
          group.stop();
        else
          group.cut();
      }
    }
  }

  std::vector<std::vector<beam_completion>> found;
  for (const std::vector<beam_group>& groups : searches) {
    std::vector<beam_completion>& all = found.emplace_back();
    for (const beam_group& group : groups) all.insert(all.end(), group.done().begin(), group.done().end());
    std::ranges::stable_sort(all, std::ranges::greater{}, &beam_completion::score);
  }
  return found;
}

}  // namespace detail

/// For each prompt up to num_beams completions, best score first; of one prompt's they differ within a group.
/// Fewer than num_beams where the constraint allows fewer. With as many beams as there are completions, these
/// are all of them. Where `allowed` is given, only what it allows is said.
[[nodiscard]] inline std::vector<std::vector<beam_completion>> beam_search(
    const qwen& model, std::span<const token_ids> prompts, const beam_options& options,
    const token_constraint& allowed = {}) {
  return detail::search_beams(model, prompts, options, allowed, [&](std::size_t, const token_ids& text) {
    return std::ranges::find(options.end_tokens, text.back()) != options.end_tokens.end();
  });
}

}  // namespace recllm::torch_bridge
