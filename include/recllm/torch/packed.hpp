// Ragged token sequences without padding: each prompt once, then its completions, which do not see each
// other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Token ids of one sequence.
using token_ids = std::vector<std::int64_t>;

/// A prompt and the completions that continue it, borrowed.
struct prompt_group {
  std::span<const std::int64_t> prompt;
  std::vector<std::span<const std::int64_t>> completions;
};

/// How a group's completions attend to the one copy of their prompt (torch/attention.hpp); both compute the
/// same to rounding.
enum class prompt_attention {
  merged,  ///< over the prompt's keys and their own; on the CPU, elsewhere masked is computed
  masked   ///< one attention over the group, with a mask of (P + sum of C)^2
};

/// N tokens of groups that lie one after another: the prompt's P tokens, then each completion's. All but
/// attention sees P + sum of C tokens a group instead of G (P + C).
struct packed_batch {
  /// Where one group lies.
  struct group {
    std::int64_t first = 0;     ///< place of the prompt's first token
    std::int64_t prompt = 0;    ///< P
    std::int64_t tokens = 0;    ///< P + sum of C
    at::Tensor attention_bias;  ///< tokens x tokens: 0 = may attend, -inf = may not; undefined = plain causal
    std::vector<std::size_t> answers;  ///< tokens of each completion
  };

  at::Tensor tokens;          ///< N, int64
  at::Tensor positions;       ///< N, int64: 0, 1, ... in the prompt; each completion goes on from P
  std::vector<group> groups;  ///< in order
  std::vector<std::int64_t> completion;  ///< place of each completion's first token, over all groups in order
};

namespace detail {
/// Causal attention within one owner, and from everyone to owner 0 (the prompt).
inline at::Tensor shared_prompt_bias(const at::Tensor& owner) {
  const at::Tensor query = owner.unsqueeze(1);
  const at::Tensor key = owner.unsqueeze(0);
  const at::Tensor allowed = key.eq(0).logical_or(key.eq(query)).tril();
  return at::zeros(allowed.sizes(), at::kFloat)
      .masked_fill(allowed.logical_not(), -std::numeric_limits<float>::infinity());
}
}  // namespace detail

/// Packs the groups on `device`. Throws where a prompt is empty.
[[nodiscard]] inline packed_batch pack(std::span<const prompt_group> groups, at::Device device,
                                       prompt_attention attention = prompt_attention::merged) {
  const bool merged = attention == prompt_attention::merged && device.is_cpu();
  packed_batch batch;
  std::vector<std::int64_t> tokens, positions;
  for (const prompt_group& source : groups) {
    require(!source.prompt.empty(), "recllm: pack: a prompt needs at least one token");
    const std::int64_t first = static_cast<std::int64_t>(tokens.size());
    const std::int64_t prompt = static_cast<std::int64_t>(source.prompt.size());
    std::vector<std::int64_t> owner;
    const auto append = [&](std::span<const std::int64_t> part, std::int64_t position, std::int64_t of) {
      for (const std::int64_t token : part) {
        tokens.push_back(token);
        positions.push_back(position++);
        owner.push_back(of);
      }
    };
    append(source.prompt, 0, 0);
    for (std::size_t c = 0; c < source.completions.size(); ++c) {
      batch.completion.push_back(static_cast<std::int64_t>(tokens.size()));
      append(source.completions[c], prompt, static_cast<std::int64_t>(c) + 1);
    }
    packed_batch::group group{first, prompt, static_cast<std::int64_t>(owner.size()), {}, {}};
    for (const auto& completion : source.completions) group.answers.push_back(completion.size());
    if (source.completions.size() > 1 && !merged)
      group.attention_bias = detail::shared_prompt_bias(torch::tensor(owner, at::kLong)).to(device);
    batch.groups.push_back(std::move(group));
  }
  batch.tokens = torch::tensor(tokens, at::kLong).to(device);
  batch.positions = torch::tensor(positions, at::kLong).to(device);
  return batch;
}

}  // namespace recllm::torch_bridge
