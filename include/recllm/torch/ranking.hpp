// A language model as a ranker of the whole catalogue: how likely each item is to open its list.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/torch/generate.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/qwen.hpp>

namespace recllm::torch_bridge {

/// For each context the log-prob of every item as what comes next, nats, in the order of `item_tokens`.
[[nodiscard]] inline std::vector<std::vector<double>> next_item_log_probs(
    const qwen& model, std::span<const token_ids> contexts, std::span<const std::int64_t> item_tokens) {
  require(!item_tokens.empty(), "recllm: next_item_log_probs: there is no item token");
  if (contexts.empty()) return {};
  const token_ids items(item_tokens.begin(), item_tokens.end());
  const at::Tensor scores = next_token_log_probs(model, contexts)
                                .index_select(1, torch::tensor(items, at::kLong).to(model.device()))
                                .to(at::kDouble)
                                .cpu()
                                .contiguous();
  std::vector<std::vector<double>> all;
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    const double* row = scores.data_ptr<double>() + static_cast<std::ptrdiff_t>(i * items.size());
    all.emplace_back(row, row + items.size());
  }
  return all;
}

/// Where a completion names its items.
struct ranking_options {
  std::span<const std::int64_t> item_tokens;  ///< the token of each item, in the catalogue's order
  std::int64_t answer_token = 0;              ///< after this one, the list begins
  std::int64_t max_reasoning = 32;            ///< tokens of reasoning before the list
};

/// The prompts with the model's reasons (greedily, to `answer_token`, which is set where it does not come in
/// time): contexts after which the list begins.
[[nodiscard]] inline std::vector<token_ids> list_contexts(const qwen& model,
                                                          std::span<const token_ids> prompts,
                                                          const ranking_options& options) {
  if (prompts.empty()) return {};
  const std::vector<generated> reasons = generate(
      model, prompts, 1,
      {.max_new_tokens = options.max_reasoning, .temperature = 0.0, .end_tokens = {options.answer_token}},
      random_stream(0));
  std::vector<token_ids> contexts(prompts.begin(), prompts.end());
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    contexts[i].insert(contexts[i].end(), reasons[i].tokens.begin(), reasons[i].tokens.end());
    if (contexts[i].back() != options.answer_token) contexts[i].push_back(options.answer_token);
  }
  return contexts;
}

/// For each prompt the log-prob of every item as the first of the list, nats, in the catalogue's order, after
/// the model's own reasons.
[[nodiscard]] inline std::vector<std::vector<double>> item_log_probs(const qwen& model,
                                                                     std::span<const token_ids> prompts,
                                                                     const ranking_options& options) {
  return next_item_log_probs(model, list_contexts(model, prompts, options), options.item_tokens);
}

}  // namespace recllm::torch_bridge
