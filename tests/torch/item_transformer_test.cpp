// The network over items: against loops over one sequence at a time, and what it must not see.
#include <recllm/torch/item_transformer.hpp>

#include <cmath>
#include <functional>

#include "support/catch.hpp"

using namespace recllm;
using namespace recllm::torch_bridge;
using Catch::Matchers::Contains;

namespace {

using sequences = std::vector<std::vector<std::int64_t>>;

const item_transformer_options sizes{.items = 9,
                                     .attributes = {{0, 2}, {1}, {}, {0}, {1, 2, 3}, {3}, {}, {0, 1}, {2}},
                                     .hidden_size = 12,
                                     .num_hidden_layers = 2,
                                     .num_attention_heads = 3,
                                     .intermediate_size = 20,
                                     .max_distance = 4,
                                     .initializer_range = 0.7};

item_transformer made(std::uint64_t seed) {
  item_transformer model(sizes, random_stream(seed));
  random_stream rng(seed + 100);
  for (const auto& [name, weight] : model.weights())  // biases and norms too
    if (weight.dim() < 2 || name.ends_with("distance"))
      for (std::int64_t i = 0; i < weight.numel(); ++i)
        weight.data_ptr<float>()[i] += static_cast<float>(0.3 * rng.normal());
  return model;
}

at::Tensor states(const item_transformer& model, const sequences& all) {
  item_dropout none{{0.0, 0}, {0.0, 0}};
  return model.states(all, model.vectors(), none).detach();
}

/// A sequence's states in double, token by token and head by head.
at::Tensor by_loops(const item_transformer& model, const std::vector<std::int64_t>& tokens) {
  const auto w = [&](const std::string& name) { return model.weights().at(name).detach().to(at::kDouble); };
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    const at::Tensor centred = x - x.mean();
    return centred / (centred.pow(2).mean() + 1e-5).sqrt() * w(name + ".weight") + w(name + ".bias");
  };
  std::vector<at::Tensor> x;
  for (const std::int64_t token : tokens) {
    if (token >= 9) {
      x.push_back(w("attributes")[token - 9]);
      continue;
    }
    x.push_back(w("items")[token]);
    const auto& of = sizes.attributes[static_cast<std::size_t>(token)];
    for (const std::size_t a : of)
      x.back() = x.back() + w("attributes")[static_cast<std::int64_t>(a)] / static_cast<double>(of.size());
  }
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    std::vector<at::Tensor> qkv;
    for (const at::Tensor& one : x) qkv.push_back(w(layer + "qkv").mv(norm(one, layer + "attention_norm")));
    for (std::size_t t = x.size(); t-- > 0;) {
      std::vector<at::Tensor> seen;
      for (std::int64_t head = 0; head < 3; ++head) {
        const auto part = [&](std::size_t of, std::int64_t which) {
          return qkv[of].narrow(0, which * 12 + head * 4, 4);
        };
        std::vector<at::Tensor> scores, values;
        for (std::size_t s = 0; s <= t; ++s) {
          const auto distance = static_cast<std::int64_t>(std::min<std::size_t>(t - s, 3));
          scores.push_back(part(t, 0).dot(part(s, 1)) / 2.0 + w(layer + "distance")[head][distance]);
          values.push_back(part(s, 2));
        }
        seen.push_back(at::softmax(at::stack(scores), 0).matmul(at::stack(values)));
      }
      x[t] = x[t] + w(layer + "attention_out").mv(at::cat(seen));
    }
    for (at::Tensor& one : x) {
      const at::Tensor up = w(layer + "up").mv(norm(one, layer + "feed_forward_norm"));
      const at::Tensor inner = up * (1.0 + (up / std::sqrt(2.0)).erf()) / 2.0;
      one = one + w(layer + "down").mv(inner);
    }
  }
  for (at::Tensor& one : x) {
    one = norm(one, "norm");
    one = one / one.norm() * w("logit_scale")[0];
  }
  return at::stack(x);
}

}  // namespace

TEST_CASE("item_transformer: batches of unequal sequences are as loops over each") {
  const item_transformer model = made(1);
  const sequences all{{3, 1, 4, 10, 5}, {0}, {8, 7, 6, 5, 4, 3, 2, 1, 0, 12, 2}, {2, 2}, {5, 1, 8}};
  const at::Tensor together = states(model, all);
  std::int64_t first = 0;
  for (const std::vector<std::int64_t>& one : all) {
    const auto length = static_cast<std::int64_t>(one.size());
    const at::Tensor expected = by_loops(model, one);
    CHECK((together.narrow(0, first, length) - expected).abs().max().item<double>() < 2e-4);
    first += length;
  }
  CHECK(together.size(0) == first);
}

TEST_CASE("item_transformer: a state does not know what comes later") {
  const item_transformer model = made(2);
  const at::Tensor one = states(model, {{3, 1, 4, 1, 5}}), other = states(model, {{3, 1, 4, 8, 8}});
  CHECK((one - other).narrow(0, 0, 3).abs().max().item<float>() < 1e-5f);
  CHECK((one - other).narrow(0, 3, 2).abs().max().item<float>() > 1e-2f);
}

TEST_CASE("item_transformer: a copy has weights of its own, and every weight is pulled back to") {
  const item_transformer model = made(3), copy = model;
  item_dropout none{{0.0, 0}, {0.0, 0}};
  const sequences all{{3, 1, 4, 10, 5}, {0, 2}};
  const at::Tensor vectors = model.vectors();
  torch::autograd::backward(
      {(model.states(all, vectors, none).matmul(item_transformer::head(vectors).t())).sin().sum()}, {});
  for (const auto& [name, weight] : model.weights()) {
    INFO(name);
    REQUIRE(weight.grad().defined());
    CHECK(weight.grad().abs().max().item<float>() > 0.0f);
    CHECK_FALSE(copy.weights().at(name).grad().defined());
    CHECK(copy.weights().at(name).data_ptr() != weight.data_ptr());
    CHECK(at::equal(copy.weights().at(name), weight));
  }
}

TEST_CASE("item_transformer: sizes that do not fit are refused") {
  const auto make = [](const std::function<void(item_transformer_options&)>& spoil) {
    item_transformer_options options = sizes;
    spoil(options);
    return item_transformer(options, random_stream(1));
  };
  CHECK_THROWS_WITH(make([](auto& o) { o.items = 0; }), Contains("items = 0"));
  CHECK_THROWS_WITH(make([](auto& o) { o.attributes.pop_back(); }), Contains("attributes of 9 items"));
  CHECK_THROWS_WITH(make([](auto& o) { o.num_attention_heads = 5; }), Contains("a multiple of the heads"));
  CHECK_THROWS_WITH(make([](auto& o) { o.max_distance = 0; }), Contains("max_distance"));
  CHECK_THROWS_WITH(states(made(1), {{1}, {}}), Contains("sequence 1 is empty"));
}
