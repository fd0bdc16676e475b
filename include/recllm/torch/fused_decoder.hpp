// A model that goes on from prompts a token at a time, on the CPU: matrix products by packed weights, all
// else in one pass a row (kernel/rows.hpp, kernel/attention.hpp). cached_decoder.hpp computes the same by
// libtorch's operators.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/kernel/attention.hpp>
#include <recllm/kernel/rows.hpp>
#include <recllm/torch/layer_functions.hpp>
#include <recllm/torch/packed.hpp>
#include <recllm/torch/packed_linear.hpp>
#include <recllm/torch/qwen.hpp>
#include <recllm/torch/rope.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// R rows, each a prompt and what was said after it; at first one for each prompt, with nothing said. Borrows
/// the model; without gradients. Weights are copied, adapters merged into them. Between products all is
/// float32, for a model of bf16, too.
class fused_decoder {
 public:
  /// Whether it is to compute this model, and can: on the CPU, heads of a multiple of 16 dimensions.
  [[nodiscard]] static bool can_decode(const qwen& model) {
    const auto size = static_cast<std::size_t>(model.config().head_size());
    return model.how() == kernels::fused && model.device().is_cpu() && kernel::padded(size) == size;
  }

  /// Computes the prompts, one at least; max_new_tokens: room a row.
  fused_decoder(const qwen& model, std::span<const token_ids> prompts, std::int64_t max_new_tokens)
      : model_(&model),
        config_(model.config()),
        room_(static_cast<std::int64_t>(kernel::padded(static_cast<std::size_t>(max_new_tokens)))),
        layers_(static_cast<std::size_t>(config_.num_hidden_layers)) {
    const at::NoGradGuard no_grad;
    std::vector<prompt_group> groups;
    for (const token_ids& prompt : prompts) {
      groups.push_back({prompt, {}});
      lengths_.push_back(static_cast<std::int64_t>(prompt.size()));
      prompt_of_.push_back(prompt_of_.size());
    }
    prompt_room_ = static_cast<std::int64_t>(
        kernel::padded(static_cast<std::size_t>(*std::ranges::max_element(lengths_))));
    const packed_batch batch = pack(groups, model.device());
    const at::Tensor last = torch::tensor(lengths_, at::kLong).cumsum(0) - 1;
    hidden_ =
        model
            .hidden(
                batch.tokens, batch.positions,
                [&](std::int64_t number, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
                  keep_prompts(layers_[static_cast<std::size_t>(number)], batch, k, v);
                  return attend(batch, q, k, v);
                },
                std::identity{}, layer_activations::kept, last)
            .to(at::kFloat);
    std::tie(cosine_, sine_) = rotation(config_, at::arange(prompt_room_ + room_, at::kLong));
    embedding_ = model.weights().at("model.embed_tokens.weight").detach();
    head_ = packed_linear(model.head().detach(), std::nullopt, memory_);
  }

  /// Logits of `count` rows' next tokens from row `first`, count x V, float32.
  [[nodiscard]] at::Tensor logits(std::int64_t first, std::int64_t count) const {
    const at::NoGradGuard no_grad;
    return head_(hidden_.narrow(0, first, count));
  }

  /// Goes on with these rows, one at least, in this order; one may be named again or not at all.
  void select(std::span<const std::int64_t> rows) {
    std::vector<std::size_t> prompt_of;
    for (const std::int64_t row : rows) prompt_of.push_back(prompt_of_[static_cast<std::size_t>(row)]);
    prompt_of_ = std::move(prompt_of);
    const at::Tensor places = torch::tensor(at::IntArrayRef(rows.data(), rows.size()), at::kLong);
    hidden_ = hidden_.index_select(0, places);
    for (layer& one : layers_)
      for (at::Tensor* cache : {&one.keys, &one.values})
        if (cache->defined()) *cache = cache->index_select(0, places);
  }

  /// Each row's next token: R, int64.
  void say(const at::Tensor& tokens) {
    const at::NoGradGuard no_grad;
    if (said_ == 0) begin();
    const std::int64_t rows = tokens.size(0);
    at::Tensor x = embedding_.index_select(0, tokens).to(at::kFloat);
    at::Tensor y = at::empty_like(x);
    const double epsilon = config_.rms_norm_eps;
    const std::size_t width = static_cast<std::size_t>(config_.hidden_size);
    detail::for_row_stretches(rows, [&](std::int64_t r, std::size_t count) {
      kernel::rms_norm(row(x, r), layers_[0].input_norm.const_data_ptr<float>(), epsilon, count, width,
                       row(y, r));
    });
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layer& one = layers_[i];
      add_and_norm(x, one.output(attention(one, one.query_key_value(y))), one.post_norm, y);
      const at::Tensor gate_up = one.gate_up(y);
      at::Tensor inner = at::empty({rows, config_.intermediate_size}, at::kFloat);
      detail::for_row_stretches(rows, [&](std::int64_t r, std::size_t count) {
        for (std::int64_t j = r; j < r + static_cast<std::int64_t>(count); ++j)
          kernel::swiglu(row(gate_up, j), row(gate_up, j) + config_.intermediate_size,
                         static_cast<std::size_t>(config_.intermediate_size), row(inner, j));
      });
      add_and_norm(x, one.down(inner), i + 1 < layers_.size() ? layers_[i + 1].input_norm : norm_, y);
    }
    hidden_ = y;
    ++said_;
  }

 private:
  struct layer {
    packed_linear query_key_value, output, gate_up, down;
    at::Tensor input_norm, post_norm, query_norm, key_norm;
    at::Tensor prompt_keys;    // P x kv_heads x head_dim x prompt_room
    at::Tensor prompt_values;  // P x kv_heads x prompt_room x head_dim
    at::Tensor keys, values;   // the same of R rows and their room
  };

  static float* row(const at::Tensor& t, std::int64_t r) { return t.data_ptr<float>() + r * t.stride(0); }

  void add_and_norm(at::Tensor& x, const at::Tensor& delta, const at::Tensor& norm, at::Tensor& out) const {
    detail::for_row_stretches(x.size(0), [&](std::int64_t r, std::size_t count) {
      kernel::add_rms_norm(row(x, r), row(delta, r), norm.const_data_ptr<float>(), config_.rms_norm_eps,
                           count, static_cast<std::size_t>(config_.hidden_size), row(x, r), row(out, r));
    });
  }

  void keep_prompts(layer& one, const packed_batch& batch, const at::Tensor& k, const at::Tensor& v) {
    const std::int64_t prompts = static_cast<std::int64_t>(lengths_.size());
    const std::int64_t heads = config_.num_key_value_heads, size = config_.head_size();
    one.prompt_keys = memory_.empty({prompts, heads, size, prompt_room_}, at::kFloat).zero_();
    one.prompt_values = memory_.empty({prompts, heads, prompt_room_, size}, at::kFloat).zero_();
    for (std::int64_t p = 0; p < prompts; ++p) {
      const packed_batch::group& g = batch.groups[static_cast<std::size_t>(p)];
      one.prompt_keys[p].narrow(2, 0, g.tokens).copy_(k.narrow(0, g.first, g.tokens).permute({1, 2, 0}));
      one.prompt_values[p].narrow(1, 0, g.tokens).copy_(v.narrow(0, g.first, g.tokens).transpose(0, 1));
    }
  }

  /// Several projections of one input as one.
  [[nodiscard]] packed_linear joined(const std::string& prefix, std::span<const char* const> names) {
    std::vector<at::Tensor> weights, biases;
    bool biased = false;
    for (const char* name : names) {
      weights.push_back(model_->merged_weight(prefix + name));
      const auto bias = model_->weights().find(prefix + name + ".bias");
      biased = biased || bias != model_->weights().end();
      biases.push_back(bias != model_->weights().end()
                           ? bias->second.detach()
                           : at::zeros({weights.back().size(0)}, weights.back().options()));
    }
    return {at::cat(weights), biased ? std::optional(at::cat(biases)) : std::nullopt, memory_};
  }

  /// Weights as say() reads them, and room for what the rows will say.
  void begin() {
    const auto norm = [&](const std::string& name) {
      const auto found = model_->weights().find(name + ".weight");
      return found == model_->weights().end() ? at::Tensor() : found->second.detach().to(at::kFloat);
    };
    const std::int64_t rows = static_cast<std::int64_t>(prompt_of_.size()),
                       heads = config_.num_key_value_heads, size = config_.head_size();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layer& one = layers_[i];
      const std::string prefix = "model.layers." + std::to_string(i) + ".";
      one.input_norm = norm(prefix + "input_layernorm");
      one.post_norm = norm(prefix + "post_attention_layernorm");
      one.query_norm = norm(prefix + "self_attn.q_norm");
      one.key_norm = norm(prefix + "self_attn.k_norm");
      constexpr const char* attention[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
      constexpr const char* output[] = {"self_attn.o_proj"};
      constexpr const char* gate_up[] = {"mlp.gate_proj", "mlp.up_proj"};
      constexpr const char* down[] = {"mlp.down_proj"};
      one.query_key_value = joined(prefix, attention);
      one.output = joined(prefix, output);
      one.gate_up = joined(prefix, gate_up);
      one.down = joined(prefix, down);
      one.keys = memory_.empty({rows, heads, size, room_}, at::kFloat).zero_();
      one.values = memory_.empty({rows, heads, room_, size}, at::kFloat).zero_();
    }
    norm_ = norm("model.norm");
  }

  /// Of each row's newest token, whose q, k and v stand side by side: R x (heads * head_dim).
  [[nodiscard]] at::Tensor attention(layer& one, const at::Tensor& qkv) const {
    const std::int64_t rows = qkv.size(0), size = config_.head_size();
    const std::int64_t heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads;
    const std::int64_t shared = heads / kv_heads, cell = room_ * size;
    const std::size_t width = static_cast<std::size_t>(size);
    detail::for_row_stretches(rows, [&](std::int64_t first, std::size_t count) {
      for (std::int64_t r = first; r < first + static_cast<std::int64_t>(count); ++r) {
        float *q = row(qkv, r), *k = q + heads * size, *v = k + kv_heads * size;
        if (one.query_norm.defined()) {
          kernel::rms_norm(q, one.query_norm.const_data_ptr<float>(), config_.rms_norm_eps,
                           static_cast<std::size_t>(heads), width, q);
          kernel::rms_norm(k, one.key_norm.const_data_ptr<float>(), config_.rms_norm_eps,
                           static_cast<std::size_t>(kv_heads), width, k);
        }
        const std::int64_t position = lengths_[prompt_of_[static_cast<std::size_t>(r)]] + said_;
        kernel::rotate_heads(q, static_cast<std::size_t>(heads + kv_heads), width, row(cosine_, position),
                             row(sine_, position), q);
        float* keys = row(one.keys, r);
        for (std::int64_t d = 0; d < kv_heads * size; ++d) keys[d * room_ + said_] = k[d];
        for (std::int64_t h = 0; h < kv_heads; ++h)
          std::memcpy(row(one.values, r) + h * cell + said_ * size, v + h * size, width * sizeof(float));
      }
    });
    std::vector<std::vector<std::size_t>> rows_of(lengths_.size());
    for (std::size_t r = 0; r < prompt_of_.size(); ++r) rows_of[prompt_of_[r]].push_back(r);
    at::Tensor out = at::empty({rows, heads * size}, at::kFloat);
    const std::int64_t tasks = static_cast<std::int64_t>(lengths_.size()) * kv_heads;
    at::parallel_for(0, tasks, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<float> scratch;
      for (std::int64_t task = first; task < last; ++task) {
        const std::int64_t p = task / kv_heads, h = task % kv_heads;
        const auto& members = rows_of[static_cast<std::size_t>(p)];
        if (members.empty()) continue;
        const kernel::group_head g{.prompt_keys = row(one.prompt_keys, p) + h * size * prompt_room_,
                                   .prompt_values = row(one.prompt_values, p) + h * size * prompt_room_,
                                   .prompt = static_cast<std::size_t>(lengths_[static_cast<std::size_t>(p)]),
                                   .prompt_room = static_cast<std::size_t>(prompt_room_),
                                   .rows = members,
                                   .keys = one.keys.data_ptr<float>() + h * cell,
                                   .values = one.values.data_ptr<float>() + h * cell,
                                   .stride = static_cast<std::size_t>(kv_heads * cell),
                                   .said = static_cast<std::size_t>(said_ + 1),
                                   .room = static_cast<std::size_t>(room_),
                                   .queries = static_cast<std::size_t>(shared),
                                   .size = width};
        scratch.resize(std::max(scratch.size(), kernel::attention_scratch(g)));
        kernel::attend_group(g, qkv.data_ptr<float>() + h * shared * size,
                             static_cast<std::size_t>(qkv.stride(0)),
                             out.data_ptr<float>() + h * shared * size,
                             static_cast<std::size_t>(out.stride(0)), scratch.data());
      }
    });
    return out;
  }

  const qwen* model_;
  qwen_config config_;
  std::int64_t room_, prompt_room_ = 0, said_ = 0;  // said_: tokens that each row's cache holds
  std::vector<std::int64_t> lengths_;               // P
  std::vector<std::size_t> prompt_of_;              // R
  std::vector<layer> layers_;
  arena memory_;
  packed_linear head_;
  at::Tensor norm_, embedding_, cosine_, sine_;
  at::Tensor hidden_;  // R x d: at each row's newest token
};

}  // namespace recllm::torch_bridge
