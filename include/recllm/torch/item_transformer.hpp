// A small transformer over items: what comes next in a sequence of items, scored by cosines of vectors.
//
//   vector of item i = E_i + mean of the vectors of its attributes, for input and output
//   logit of item i after a sequence = s cos(state, vector of i),   s learned
//
// Causal, pre-norm layers; attention knows the distance between tokens by a learned bias a head. SASRec (Kang
// and McAuley, arXiv 1808.09781) with attributes, relative distance (Raffel et al., arXiv 1910.10683, section
// 2.1, without buckets) and cosine logits (Wang et al., NormFace, arXiv 1704.06369).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <recllm/core/check.hpp>
#include <recllm/core/random.hpp>
#include <recllm/torch/dropout.hpp>
#include <recllm/torch/initial_weights.hpp>
#include <recllm/torch/safetensors.hpp>
#include <recllm/torch/torch.hpp>

namespace recllm::torch_bridge {

/// Sizes of an item_transformer and what it knows of the items.
struct item_transformer_options {
  std::size_t items = 0;                                  ///< of the catalogue, > 0
  std::vector<std::vector<std::size_t>> attributes = {};  ///< of each item, numbered from 0; or none at all
  std::int64_t hidden_size = 64;                          ///< d, a multiple of the heads
  std::int64_t num_hidden_layers = 2;
  std::int64_t num_attention_heads = 2;
  std::int64_t intermediate_size = 128;
  std::int64_t max_distance = 50;  ///< > 0; tokens further apart are as this far
  double logit_scale = 16.0;       ///< s to begin with, > 0
  double initializer_range = 0.1;  ///< deviation of the initial vectors, > 0; matrices: 1 / sqrt(inputs)
};

/// Where an item_transformer drops in training; see dropout.hpp.
struct item_dropout {
  dropout input, hidden;  ///< of the vectors that enter, and of attention's weights and the layers' outputs
};

namespace detail {

/// Numbers of attributes, item after item; item i has those from first[i] to first[i + 1].
struct attribute_lists : torch::CustomClassHolder {
  std::vector<std::size_t> first{0}, numbers;
};

/// items x d: the mean of each item's rows of attributes x d, 0 for an item without any. A sparse product:
/// libtorch's embedding_bag sorts for its slope, which takes longer than all else here.
class attribute_means : public torch::autograd::Function<attribute_means> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& attributes,
                            const c10::intrusive_ptr<attribute_lists>& lists) {
    context->saved_data["lists"] = at::IValue::make_capsule(lists);
    context->saved_data["attributes"] = attributes.size(0);
    at::Tensor means =
        at::zeros({static_cast<std::int64_t>(lists->first.size()) - 1, attributes.size(1)}, at::kFloat);
    add(*lists, attributes.size(1), [&](std::int64_t item, std::int64_t attribute) {
      return std::pair(attributes.data_ptr<float>() + attribute, means.data_ptr<float>() + item);
    });
    return means;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& slopes) {
    const at::Tensor slope = slopes[0].contiguous();
    const auto lists = context->saved_data.at("lists").toCapsule();
    at::Tensor gathered =
        at::zeros({context->saved_data.at("attributes").toInt(), slope.size(1)}, at::kFloat);
    add(static_cast<const attribute_lists&>(*lists), slope.size(1),
        [&](std::int64_t item, std::int64_t attribute) {
          return std::pair(slope.data_ptr<float>() + item, gathered.data_ptr<float>() + attribute);
        });
    return {gathered, at::Tensor()};
  }

 private:
  /// For each attribute of each item: row `to` += row `from` / the number of attributes, where `rows(item,
  /// attribute)`, of offsets, is (from, to).
  template <class Rows>
  static void add(const attribute_lists& lists, std::int64_t width, Rows&& rows) {
    for (std::size_t i = 0; i + 1 < lists.first.size(); ++i) {
      const float share = 1.0f / static_cast<float>(lists.first[i + 1] - lists.first[i]);
      for (std::size_t k = lists.first[i]; k < lists.first[i + 1]; ++k) {
        const auto [from, to] =
            rows(static_cast<std::int64_t>(i) * width, static_cast<std::int64_t>(lists.numbers[k]) * width);
        for (std::int64_t c = 0; c < width; ++c) to[c] += share * from[c];
      }
    }
  }
};

}  // namespace detail

/// The network. Tokens are items, 0 to items - 1, and attributes, numbered on from there. Weights are leaves
/// that gather gradients; a copy has its own. On the CPU, in float32.
class item_transformer {
 public:
  /// Random weights. Throws std::invalid_argument for sizes out of range.
  item_transformer(item_transformer_options options, random_stream rng) : options_(std::move(options)) {
    const item_transformer_options& o = options_;
    require(o.items > 0, "recllm: item_transformer: items = 0; expected the size of the catalogue");
    require(o.attributes.empty() || o.attributes.size() == o.items,
            "recllm: item_transformer: expected attributes of ", o.items, " items or none, got ",
            o.attributes.size());
    require(o.num_attention_heads > 0 && o.hidden_size > 0 && o.hidden_size % o.num_attention_heads == 0,
            "recllm: item_transformer: hidden_size = ", o.hidden_size,
            " and num_attention_heads = ", o.num_attention_heads, "; expected a multiple of the heads");
    require(o.num_hidden_layers > 0 && o.intermediate_size > 0 && o.max_distance > 0 && o.logit_scale > 0.0 &&
                o.initializer_range > 0.0,
            "recllm: item_transformer: expected num_hidden_layers, intermediate_size, max_distance, "
            "logit_scale and initializer_range > 0");
    for (const std::vector<std::size_t>& of : o.attributes) {
      for (const std::size_t attribute : of) attributes_ = std::max(attributes_, attribute + 1);
      lists_->numbers.insert(lists_->numbers.end(), of.begin(), of.end());
      lists_->first.push_back(lists_->numbers.size());
    }
    const auto items = static_cast<std::int64_t>(o.items), d = o.hidden_size;
    std::uint64_t number = 0;
    const auto random = [&](std::vector<std::int64_t> shape, double deviation) {
      random_stream draws = rng.split(number++);
      return detail::normal_weight(shape, deviation, draws);
    };
    const auto matrix = [&](std::int64_t out, std::int64_t in) {
      return random({out, in}, 1.0 / std::sqrt(static_cast<double>(in)));
    };
    const auto norm = [&](const std::string& name) {
      weights_[name + ".weight"] = at::ones({d}, at::kFloat);
      weights_[name + ".bias"] = at::zeros({d}, at::kFloat);
    };
    weights_["items"] = random({items, d}, o.initializer_range);
    if (attributes_ > 0)
      weights_["attributes"] = random({static_cast<std::int64_t>(attributes_), d}, o.initializer_range);
    weights_["logit_scale"] = at::full({1}, o.logit_scale, at::kFloat);
    for (std::int64_t i = 0; i < o.num_hidden_layers; ++i) {
      norm(named(i, "attention_norm"));
      weights_[named(i, "qkv")] = matrix(3 * d, d);
      weights_[named(i, "attention_out")] = matrix(d, d);
      weights_[named(i, "distance")] = at::zeros({o.num_attention_heads, o.max_distance}, at::kFloat);
      norm(named(i, "feed_forward_norm"));
      weights_[named(i, "up")] = matrix(o.intermediate_size, d);
      weights_[named(i, "down")] = matrix(d, o.intermediate_size);
    }
    norm("norm");
    for (auto& [name, weight] : weights_) weight.requires_grad_();
  }

  item_transformer(const item_transformer& other)
      : options_(other.options_), lists_(other.lists_), attributes_(other.attributes_) {
    for (const auto& [name, weight] : other.weights_)
      weights_.emplace(name, weight.detach().clone().requires_grad_());
  }
  item_transformer& operator=(const item_transformer& other) { return *this = item_transformer(other); }
  item_transformer(item_transformer&&) = default;
  item_transformer& operator=(item_transformer&&) = default;
  ~item_transformer() = default;

  [[nodiscard]] const item_transformer_options& options() const { return options_; }

  /// The number of items, and of attributes: the largest number named, and one.
  [[nodiscard]] std::size_t items() const { return options_.items; }
  [[nodiscard]] std::size_t attributes() const { return attributes_; }

  [[nodiscard]] const tensor_map& weights() const { return weights_; }

  /// (items + attributes) x d: the vector of every token.
  [[nodiscard]] at::Tensor vectors() const {
    if (attributes_ == 0) return weights_.at("items");
    const at::Tensor& attributes = weights_.at("attributes");
    const at::Tensor means = detail::attribute_means::apply(attributes, lists_);
    return at::cat({weights_.at("items") + means, attributes});
  }

  /// What the states' logits are products with: the vectors, each of length 1.
  [[nodiscard]] static at::Tensor head(const at::Tensor& vectors) { return unit(vectors); }

  /// M x d: the state after each token of the sequences, one sequence after the other. Of length s, so that
  /// products with head() are logits. `vectors` are those of vectors().
  [[nodiscard]] at::Tensor states(std::span<const std::vector<std::int64_t>> sequences,
                                  const at::Tensor& vectors, item_dropout& drop) const {
    std::vector<std::int64_t> tokens;
    for (const std::vector<std::int64_t>& sequence : sequences)
      tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    const std::vector<bucket> buckets = by_length(sequences);
    std::vector<std::int64_t> from(tokens.size());  // where in the buckets each token is
    std::int64_t place = 0;
    for (const bucket& one : buckets)
      for (const std::int64_t token : one.tokens) {
        if (token < static_cast<std::int64_t>(tokens.size())) from[static_cast<std::size_t>(token)] = place;
        ++place;
      }
    const at::Tensor back = torch::tensor(from, at::kLong);
    at::Tensor x = drop.input(vectors.index_select(0, torch::tensor(tokens, at::kLong)));
    for (std::int64_t i = 0; i < options_.num_hidden_layers; ++i) {
      const at::Tensor seen = attention(i, normed(x, named(i, "attention_norm")), buckets, back, drop.hidden);
      x = x + drop.hidden(at::linear(seen, weights_.at(named(i, "attention_out"))));
      const at::Tensor inner =
          at::gelu(at::linear(normed(x, named(i, "feed_forward_norm")), weights_.at(named(i, "up"))));
      x = x + drop.hidden(at::linear(inner, weights_.at(named(i, "down"))));
    }
    return unit(normed(x, "norm")) * weights_.at("logit_scale");
  }

 private:
  /// Sequences that are padded to one length: b x length places in the M tokens, M for a pad.
  struct bucket {
    std::int64_t length = 0;
    std::vector<std::int64_t> tokens;
  };

  [[nodiscard]] static std::string named(std::int64_t layer, const char* part) {
    return "layers." + std::to_string(layer) + "." + part;
  }

  [[nodiscard]] static at::Tensor unit(const at::Tensor& x) {
    return x / x.norm(2, -1, true).clamp_min(1e-12);
  }

  [[nodiscard]] at::Tensor normed(const at::Tensor& x, const std::string& name) const {
    return at::layer_norm(x, {options_.hidden_size}, weights_.at(name + ".weight"),
                          weights_.at(name + ".bias"));
  }

  /// Few buckets of little padding.
  [[nodiscard]] static std::vector<bucket> by_length(std::span<const std::vector<std::int64_t>> sequences) {
    std::vector<std::int64_t> first(sequences.size());
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      require(!sequences[i].empty(), "recllm: item_transformer: sequence ", i, " is empty");
      first[i] = std::exchange(tokens, tokens + static_cast<std::int64_t>(sequences[i].size()));
    }
    std::vector<std::size_t> order(sequences.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{},
                             [&](std::size_t i) { return sequences[i].size(); });
    std::vector<bucket> all;
    for (const std::size_t i : order) {
      const auto length = static_cast<std::int64_t>(sequences[i].size());
      if (all.empty() || 3 * length < 2 * all.back().length) all.push_back({length, {}});
      for (std::int64_t t = 0; t < all.back().length; ++t)
        all.back().tokens.push_back(t < length ? first[i] + t : tokens);
    }
    return all;
  }

  /// M x d: what each token takes from those up to it.
  [[nodiscard]] at::Tensor attention(std::int64_t layer, const at::Tensor& x, std::span<const bucket> buckets,
                                     const at::Tensor& back, dropout& drop) const {
    const std::int64_t d = options_.hidden_size, heads = options_.num_attention_heads, width = d / heads;
    const at::Tensor qkv = at::linear(x, weights_.at(named(layer, "qkv")));
    const at::Tensor padded = at::cat({qkv, at::zeros({1, 3 * d}, at::kFloat)});
    std::vector<at::Tensor> parts;
    for (const bucket& one : buckets) {
      const at::Tensor parted = padded.index_select(0, torch::tensor(one.tokens, at::kLong))
                                    .view({-1, one.length, 3, heads, width})
                                    .permute({2, 0, 3, 1, 4});  // 3 x b x heads x length x width
      const at::Tensor at = at::arange(one.length, at::kLong);
      const at::Tensor distance = at.unsqueeze(1) - at.unsqueeze(0);
      const at::Tensor bias = weights_.at(named(layer, "distance"))
                                  .index_select(1, distance.clamp(0, options_.max_distance - 1).flatten())
                                  .view({heads, one.length, one.length})
                                  .masked_fill(distance.lt(0), -std::numeric_limits<double>::infinity());
      const at::Tensor scores =
          parted[0].matmul(parted[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(width)) + bias;
      parts.push_back(drop(at::softmax(scores, -1)).matmul(parted[2]).transpose(1, 2).reshape({-1, d}));
    }
    return at::cat(parts).index_select(0, back);
  }

  item_transformer_options options_;
  c10::intrusive_ptr<detail::attribute_lists> lists_ = c10::make_intrusive<detail::attribute_lists>();
  std::size_t attributes_ = 0;
  tensor_map weights_;
};

}  // namespace recllm::torch_bridge
